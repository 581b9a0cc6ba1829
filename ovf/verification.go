package ovf

import "time"

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

// Verification is the outcome for one package.
type Verification struct {
	Manifest    ManifestState
	Signature   SignatureState
	Certificate *Certificate // nil when unsigned or unreadable
	CheckedAt   time.Time    // the time the certificate's validity was judged at
}

// Certificate is what is worth keeping of a signer's certificate. Subject and
// Issuer come from outside: escape them wherever they are shown.
type Certificate struct {
	Subject     string
	Issuer      string
	Fingerprint string // hex SHA-256 of the DER form
	NotBefore   time.Time
	NotAfter    time.Time
}
