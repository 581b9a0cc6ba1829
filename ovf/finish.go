package ovf

import "strings"

// completeness says whether files that a descriptor names must be at hand.
type completeness bool

const (
	whole completeness = true  // an archive or a folder: everything must be there
	alone completeness = false // a descriptor looked at by itself
)

// finish judges the package as a whole. It is called once, after the last
// member.
func (in *intake) finish(c completeness) *Package {
	in.endLook()
	in.translate()
	pkg := &Package{Verification: Verification{Manifest: ManifestAbsent, Signature: Unsigned}}
	if in.reader != nil {
		pkg = in.reader.pkg
	}
	switch {
	case in.stopped && in.manifest.name != "":
		pkg.Verification.Manifest = ManifestFailed
	case in.stopped:
	case in.reader == nil:
		in.report.file(Error, CodeDescriptorCount, "", "the package has no descriptor (.ovf)")
	default:
		in.checkOrder()
		in.checkFiles(pkg, c)
		in.checkImages(pkg)
		in.settle(pkg)
		in.checkManifest(pkg, c)
		in.checkCertificate(pkg, c)
	}
	pkg.Members = in.members
	if in.opts.making != 0 {
		pkg.made = map[string]string{}
		for name, m := range in.measured {
			pkg.made[name] = m.digests[in.opts.making]
		}
	}
	if in.reader != nil {
		pkg.Digest = contentDigest(pkg.Members)
	}
	for i := range in.report.findings {
		if f := &in.report.findings[i]; f.File == "" {
			f.File = in.opts.Name
		}
	}
	pkg.Findings = in.report.sorted()
	return pkg
}

func (in *intake) checkOrder() {
	if len(in.members) > 0 && in.members[0].Kind != KindDescriptor {
		in.report.file(Warning, CodeMemberOrder, in.members[0].Name, "the first member should be the descriptor")
	}
	if in.trailer {
		severity := Warning
		if in.certificate.name != "" {
			severity = Error // unsigned content in a signed package
		}
		in.report.file(severity, CodeTrailingData, "", "there is data behind the end of the archive")
	}
}

// checkFiles compares References with what is there.
func (in *intake) checkFiles(pkg *Package, c completeness) {
	index := make(map[string]int, len(in.members))
	last := map[string]int{} // the highest piece of each file
	for i, m := range in.members {
		index[m.Name] = i
		if file, n, ok := pieceOf(m.Name); ok {
			last[file] = max(n, last[file])
		}
	}
	for i := range pkg.Files {
		f := &pkg.Files[i]
		in.rename(f, index)
		if f.Name == "" {
			continue // refused before
		}
		if _, ok := index[f.Name]; !ok && f.ChunkSize > 0 {
			in.checkPieces(*f, index, last, c)
			continue
		}
		at, ok := index[f.Name]
		if !ok {
			in.missing(*f, f.Name, c)
			continue
		}
		m := &in.members[at]
		if m.Kind != KindExtra {
			in.reader.err(f.place, CodeHref, "file %q is the %s of the package", printable(f.ID, 60), m.Kind)
			continue
		}
		m.Kind, m.FileID = KindFile, f.ID
		in.checkSize(*f, m.Size)
	}
	for _, m := range in.members {
		if m.Kind == KindExtra {
			in.report.file(Warning, CodeFileExtra, m.Name, "the file is in the package but not in References")
		}
	}
}

// rename settles which member an href means: the name as written goes before
// the decoded one.
func (in *intake) rename(f *File, index map[string]int) {
	raw, err := memberName(f.Href)
	if err != nil || f.Name == "" {
		return
	}
	if _, ok := index[raw]; ok && raw != f.Name {
		in.renamed[f.Name], f.Name = raw, raw
	}
}

func (in *intake) missing(f File, name string, c completeness) {
	severity := Error
	if c == alone {
		severity = remark
	}
	in.reader.note(severity, CodeFileMissing, f.place, "file %q is not in the package", printable(name, 100))
}

// checkSize compares the stored size with what References claims. A size of 0
// is what writers put who did not know.
func (in *intake) checkSize(f File, size int64) {
	switch {
	case f.Size < 0 || f.Size == size:
	case f.Size == 0:
		in.reader.warn(f.place, CodeFileSize, "References says 0 bytes for file %q, which has %d", printable(f.Name, 100), size)
	default:
		in.reader.err(f.place, CodeFileSize, "References says %d bytes for file %q, which has %d", f.Size, printable(f.Name, 100), size)
	}
}

// checkPieces checks a file that was cut into pieces NAME.000000000 and so on,
// all of chunkSize bytes but the last (DSP0243 7.1).
func (in *intake) checkPieces(f File, index, last map[string]int, c completeness) {
	if f.Size/f.ChunkSize > int64(in.limits.Members) {
		in.reader.err(f.place, CodeCountLimit, "file %q is cut into more than %d pieces", printable(f.Name, 100), in.limits.Members)
		return
	}
	var total int64
	for n := 0; ; n++ {
		name := pieceName(f.Name, n)
		at, ok := index[name]
		if !ok {
			if n == 0 || n <= last[f.Name] || (f.Size > 0 && total < f.Size) {
				in.missing(f, name, c)
				return
			}
			break
		}
		m := &in.members[at]
		m.Kind, m.FileID = KindFile, f.ID
		_, more := index[pieceName(f.Name, n+1)]
		if m.Size > f.ChunkSize || (more && m.Size != f.ChunkSize) {
			in.reader.err(f.place, CodePieceSize, "piece %q has %d bytes instead of %d", printable(name, 100), m.Size, f.ChunkSize)
		}
		total += m.Size
	}
	in.checkSize(f, total)
}

// sameBase reports whether a manifest or certificate bears the descriptor's
// name.
func sameBase(a, b string) bool { return strings.EqualFold(baseName(a), baseName(b)) }
