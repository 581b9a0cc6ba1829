package ovf

import (
	"maps"
	"slices"
	"time"
)

// ManifestState says what the manifest proved.
type ManifestState string

// The states of a manifest.
const (
	ManifestAbsent   ManifestState = "absent"   // nothing was proved
	ManifestVerified ManifestState = "verified" // every line matches, and every file has a line
	ManifestPartial  ManifestState = "partial"  // every line matches; some files have none, or are not at hand
	ManifestFailed   ManifestState = "failed"
)

// SignatureState says what the certificate proved.
type SignatureState string

// The states of a signature.
const (
	Unsigned           SignatureState = "unsigned"
	SignatureTrusted   SignatureState = "trusted"   // right, by a certificate that leads to the trust store
	SignatureUntrusted SignatureState = "untrusted" // right, but by nobody known
	SignatureExpired   SignatureState = "expired"   // right, but the certificate is not valid at this time
	SignatureInvalid   SignatureState = "invalid"   // wrong; the package is refused
)

// SignaturePolicy says how much a package must be signed to be taken.
type SignaturePolicy string

// The policies, from lenient to strict.
const (
	SignatureOptional    SignaturePolicy = "optional" // a package may be unsigned, or signed by anybody
	SignatureRequired    SignaturePolicy = "signed"   // it must be signed, by whomever
	SignatureMustBeKnown SignaturePolicy = "trusted"  // it must be signed by somebody whom the trust store leads to
)

// allows reports whether a package in that state may be taken.
func (p SignaturePolicy) allows(s SignatureState) bool {
	switch p {
	case SignatureMustBeKnown:
		return s == SignatureTrusted
	case SignatureRequired:
		return s != Unsigned && s != SignatureInvalid
	}
	return true
}

// Verification is the outcome for one package.
type Verification struct {
	Manifest    ManifestState
	Signature   SignatureState
	Reason      string       `json:",omitempty"` // why a signature is not trusted; "" when it is, or there is none
	Certificate *Certificate // nil when unsigned or unreadable
	CheckedAt   time.Time    // the time of this machine at which the certificate was judged; zero when there was none
}

// Certificate is what is worth keeping of a signer's certificate. Subject and
// Issuer come from outside; they are one line without control characters here,
// and may hold markup.
type Certificate struct {
	Subject     string
	Issuer      string
	Fingerprint string // hex SHA-256 of the DER form
	NotBefore   time.Time
	NotAfter    time.Time
}

// FileState says what the manifest proved about one file.
type FileState string

// The states of a file.
const (
	FileVerified   FileState = "verified"  // it is listed, and its digest is right
	FileMismatch   FileState = "mismatch"  // it is listed with another digest
	FileNotThere   FileState = "missing"   // it is listed, and not in the package
	FileUnlisted   FileState = "unlisted"  // nothing is proved about it
	FileOfManifest FileState = "manifest"  // the list itself
	FileOfSigner   FileState = "signature" // the certificate file
)

// FileVerification is the state of one file.
type FileVerification struct {
	Name  string
	State FileState
}

// FileStates are the states of all files in the package, in its order, and of
// those that only the manifest knows, by name.
func (p *Package) FileStates() []FileVerification {
	var all []FileVerification
	there := map[string]bool{}
	for _, m := range p.Members {
		there[m.Name] = true
		state, ok := p.listed[m.Name]
		switch {
		case m.Kind == KindManifest:
			state = FileOfManifest
		case m.Kind == KindCertificate:
			state = FileOfSigner
		case !ok:
			state = FileUnlisted
		}
		all = append(all, FileVerification{m.Name, state})
	}
	for _, name := range slices.Sorted(maps.Keys(p.listed)) {
		if !there[name] {
			all = append(all, FileVerification{name, p.listed[name]})
		}
	}
	return all
}
