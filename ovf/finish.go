package ovf

import (
	"fmt"
	"strings"
)

// completeness says whether files that a descriptor names must be at hand.
type completeness bool

const (
	whole completeness = true  // an archive or a folder: everything must be there
	alone completeness = false // a descriptor looked at by itself
)

// finish judges the package as a whole. It is called once, after the last
// member.
func (in *intake) finish(c completeness) *Package {
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
		in.checkCertificate(pkg)
	}
	pkg.Members = in.members
	if in.reader != nil {
		pkg.Digest = contentDigest(pkg.Members)
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
		in.report.file(severity, CodeContainer, "", "there is data behind the end of the archive")
	}
}

// checkFiles compares References with what is there.
func (in *intake) checkFiles(pkg *Package, c completeness) {
	index := make(map[string]int, len(in.members))
	for i, m := range in.members {
		index[m.Name] = i
	}
	for i := range pkg.Files {
		f := &pkg.Files[i]
		in.rename(f, index)
		if f.Name == "" {
			continue // refused before
		}
		if _, ok := index[f.Name]; !ok && f.ChunkSize > 0 {
			in.checkPieces(*f, index, c)
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
		severity = Warning
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
func (in *intake) checkPieces(f File, index map[string]int, c completeness) {
	var total int64
	for n := 0; ; n++ {
		name := fmt.Sprintf("%s.%09d", f.Name, n)
		at, ok := index[name]
		if !ok {
			if n == 0 || (f.Size > 0 && total < f.Size) {
				in.missing(f, name, c)
				return
			}
			break
		}
		m := &in.members[at]
		m.Kind, m.FileID = KindFile, f.ID
		_, more := index[fmt.Sprintf("%s.%09d", f.Name, n+1)]
		if m.Size > f.ChunkSize || (more && m.Size != f.ChunkSize) {
			in.reader.err(f.place, CodeFileSize, "piece %q has %d bytes instead of %d", printable(name, 100), m.Size, f.ChunkSize)
		}
		total += m.Size
	}
	in.checkSize(f, total)
}

// checkImages tells the format of each file by its bytes and compares disks
// with what the descriptor claims.
func (in *intake) checkImages(pkg *Package) {
	disks := make(map[string][]Disk, len(pkg.Disks))
	for _, d := range pkg.Disks {
		disks[d.FileRef] = append(disks[d.FileRef], d)
	}
	for i := range in.members {
		m := &in.members[i]
		if m.Kind != KindFile {
			continue
		}
		f := pkg.Files[in.reader.fileIDs[m.FileID]]
		if f.Name != m.Name {
			continue // a piece shows nothing by itself
		}
		img := in.inspect(f, *m)
		m.Format, m.VirtualBytes = img.format, img.virtual
		for _, d := range disks[f.ID] {
			in.checkImage(d, *m, img)
		}
		// Refused also where no disk is made of it: a converter may be tried on it.
		if len(disks[f.ID]) == 0 && (img.code == CodeDiskBacking || img.code == CodeDiskFormat) {
			in.reader.err(f.place, img.code, "file %q: %s", printable(m.Name, 100), img.reason)
		}
	}
}

func (in *intake) inspect(f File, m Member) image {
	measured := in.measured[m.Name]
	if f.Compression == "gzip" {
		return inspectCompressed(measured.head)
	}
	return inspectImage(measured.head, measured.tail, m.Size)
}

func (in *intake) checkImage(d Disk, m Member, img image) {
	name := printable(m.Name, 100)
	switch claimed := claimedFormat(d.Format); {
	case img.code != "":
		in.reader.err(d.place, img.code, "file %q: %s", name, img.reason)
	case m.Size == 0:
		in.reader.err(d.place, CodeDiskFormat, "file %q is empty", name)
	case img.format == FormatGzip:
		in.reader.err(d.place, CodeCompression, "file %q is compressed with gzip, but its reference does not say so", name)
	case img.format == FormatISO:
		in.reader.err(d.place, CodeDiskFormat, "file %q is a CD image, not a disk", name)
	case claimed != FormatUnknown && claimed != img.format:
		in.reader.err(d.place, CodeDiskFormat, "disk %q claims to be %s, but its file is %s", printable(d.ID, 60), claimed, img.format)
	case d.Capacity > 0 && img.virtual > d.Capacity:
		in.reader.err(d.place, CodeDiskCapacity, "disk %q has a capacity of %d bytes, but the image in file %q has %d", printable(d.ID, 60), d.Capacity, name, img.virtual)
	}
}

// settle brings what was found out about members into the plans.
func (in *intake) settle(pkg *Package) {
	formats := make(map[string]Format, len(in.members))
	for _, m := range in.members {
		formats[m.Name] = m.Format
	}
	for _, plan := range pkg.plans {
		for _, system := range plan.Systems {
			for d := range system.Disks {
				disk := &system.Disks[d]
				disk.Member = in.settled(disk.Member)
				if found := formats[disk.Member]; found != FormatUnknown && disk.Member != "" {
					disk.Format = found
				}
			}
			for d := range system.Drives {
				system.Drives[d].Member = in.settled(system.Drives[d].Member)
			}
		}
	}
}

func (in *intake) settled(member string) string {
	if name, ok := in.renamed[member]; ok {
		return name
	}
	return member
}

// sameBase reports whether a manifest or certificate bears the descriptor's
// name.
func sameBase(a, b string) bool { return strings.EqualFold(baseName(a), baseName(b)) }
