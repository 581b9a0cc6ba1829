package ovf

import (
	"crypto"
	"fmt"
)

// readManifest parses the manifest as soon as it comes, so that later members
// need no digest but the ones it names.
func (in *intake) readManifest() {
	lines, problems := parseManifest(in.manifest.data)
	in.lines = lines
	for _, p := range problems {
		in.badManifest = in.badManifest || p.severity == Error
		in.report.add(Finding{Severity: p.severity, Code: p.code, Message: p.message, File: in.manifest.name, Line: p.line, Column: 1})
	}
}

func (in *intake) manifestFinding(s Severity, code Code, line int, format string, args ...any) {
	f := Finding{Severity: s, Code: code, File: in.manifest.name, Line: line, Column: min(line, 1)}
	f.Message = fmt.Sprintf(format, args...)
	in.report.add(f)
}

// checkManifest compares every line of the manifest with the bytes that came.
func (in *intake) checkManifest(pkg *Package, c completeness) {
	if in.manifest.name == "" {
		if c == whole && in.opts.making == 0 {
			in.report.file(Warning, CodeManifestAbsent, "", "the package has no manifest, so its files cannot be verified")
		}
		return
	}
	if !sameBase(in.manifest.name, in.descriptor.name) {
		in.manifestFinding(Warning, CodeManifestName, 0, "the manifest should be named like the descriptor %q", in.descriptor.name)
	}
	listed := map[string]bool{}
	pkg.listed = map[string]FileState{}
	state, weak := ManifestVerified, false
	if in.badManifest {
		state = ManifestFailed
	}
	for _, line := range in.lines {
		listed[line.Name] = true
		weak = weak || line.Hash == crypto.SHA1
		if line.Name == in.manifest.name || line.Name == in.certificate.name {
			in.manifestFinding(Warning, CodeManifestSelf, line.Line, "a manifest should not list %q", printable(line.Name, 100))
			continue
		}
		found := in.checkLine(line, c)
		state = worse(state, found.manifest(c))
		if pkg.listed[line.Name] != FileMismatch { // of several lines, the one that fails counts
			pkg.listed[line.Name] = found
		}
	}
	for _, m := range in.members {
		if listed[m.Name] || m.Kind == KindManifest || m.Kind == KindCertificate {
			continue
		}
		in.unlisted(m, c)
		state = worse(state, ManifestPartial)
	}
	if weak {
		in.manifestFinding(Warning, CodeWeakDigest, 0, "the manifest uses SHA-1, which no longer proves anything against a forger")
	}
	pkg.Verification.Manifest = state
}

// worse returns the state that proves less.
func worse(a, b ManifestState) ManifestState {
	if a == ManifestFailed || b == ManifestFailed {
		return ManifestFailed
	}
	if a == ManifestPartial || b == ManifestPartial {
		return ManifestPartial
	}
	return ManifestVerified
}

func (in *intake) checkLine(line ManifestEntry, c completeness) FileState {
	measured, ok := in.measured[line.Name]
	name := printable(line.Name, 100)
	switch {
	case !ok && c == alone:
		in.manifestFinding(remark, CodeManifestMissing, line.Line, "file %q is listed but not at hand", name)
		return FileNotThere
	case !ok:
		in.manifestFinding(Error, CodeManifestMissing, line.Line, "file %q is listed but not in the package", name)
		return FileNotThere
	case measured.digests[line.Hash] != line.Digest:
		in.manifestFinding(Error, CodeManifestMismatch, line.Line, "the %s digest of file %q is not the listed one: the file was changed or damaged", line.Hash, name)
		return FileMismatch
	}
	return FileVerified
}

// manifest is the state of a manifest all of whose files are in this one.
func (s FileState) manifest(c completeness) ManifestState {
	switch {
	case s == FileVerified:
		return ManifestVerified
	case s == FileNotThere && c == alone:
		return ManifestPartial
	}
	return ManifestFailed
}

// unlisted is a file that the manifest does not cover. In a signed package it
// is content that nobody signed.
func (in *intake) unlisted(m Member, c completeness) {
	severity := Warning
	if in.certificate.name != "" || (m.Kind == KindDescriptor && c == whole) {
		severity = Error
	}
	in.report.file(severity, CodeManifestUnlisted, m.Name, "the file is not listed in the manifest %q", in.manifest.name)
}
