package ovf

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// Signature is what a certificate file proved about a manifest.
type Signature struct {
	State       SignatureState
	Certificate *Certificate // the signer's; nil when unsigned or unreadable
	Reason      string       // why State is not SignatureTrusted; "" when it is, or unsigned

	// PrivateKey reports that the file holds a private key: whoever has the file
	// can sign in its owner's name.
	PrivateKey bool
	// Weak says what about a right signature proves less than it should; "" for
	// nothing.
	Weak string
}

// signing is one right signature: who made it, and certificates that may lead
// to somebody known, in any order.
type signing struct {
	leaf   *x509.Certificate
	others []*x509.Certificate
	weak   string
}

// VerifySignature checks a certificate file against the exact bytes of the
// manifest. Every signature in the file must be right; then the best of their
// certificates is judged against the trust store at that time (the server's; a
// time that the signer claims proves nothing).
//
// The file is in the text form of DSP0243 clause 6.2 (a line ALG(name.mf)= hex
// and PEM certificates), or a detached CMS SignedData (RFC 5652), in PEM or bare
// DER, or the one with the other behind it, as VirtualBox writes.
func VerifySignature(manifestName string, manifest, certificateFile []byte, trust *TrustStore, now time.Time) Signature {
	file, err := parseCertificateFile(certificateFile)
	s := Signature{State: SignatureInvalid, PrivateKey: file.privateKey}
	if len(file.certificates) > 0 {
		s.Certificate = describe(file.certificates[0])
	}
	var signings []signing
	if err == nil {
		signings, err = file.signings(manifestName, manifest)
	}
	if err != nil {
		s.Reason = err.Error()
		return s
	}
	for i, made := range signings {
		state, reason := trust.judge(made, now)
		if i == 0 || (state == SignatureTrusted && s.State != SignatureTrusted) {
			s.State, s.Reason, s.Weak, s.Certificate = state, reason, made.weak, describe(made.leaf)
		}
	}
	return s
}

// signings are the signatures of the file, all of them right.
func (f certificateFile) signings(manifestName string, manifest []byte) ([]signing, error) {
	for _, c := range f.certificates {
		if err := sound(c); err != nil {
			return nil, err
		}
	}
	var all []signing
	if f.text != nil {
		made, err := f.textSigning(manifestName, manifest)
		if err != nil {
			return nil, err
		}
		all = append(all, made)
	}
	for _, message := range f.messages {
		made, err := message.signings(manifest, f.certificates)
		if err != nil {
			return nil, fmt.Errorf("the CMS signature: %w", err)
		}
		all = append(all, made...)
	}
	if len(all) == 0 {
		return nil, errors.New("there is no signature in the file")
	}
	return all, nil
}

// textSigning checks the line ALG(name.mf)= hex.
func (f certificateFile) textSigning(manifestName string, manifest []byte) (signing, error) {
	if len(f.certificates) == 0 {
		return signing{}, errors.New("there is no PEM certificate in the file")
	}
	if f.text.manifest != manifestName {
		return signing{}, fmt.Errorf("it signs %q, not %q", printable(f.text.manifest, 100), printable(manifestName, 100))
	}
	made := signing{leaf: f.certificates[0], others: f.certificates[1:]}
	scheme := signatureScheme{hash: f.text.hash, padding: paddingEither}
	if err := scheme.verify(made.leaf.PublicKey, manifest, f.text.signature); err != nil {
		return signing{}, err
	}
	made.weak = scheme.weakness()
	return made, nil
}

func describe(c *x509.Certificate) *Certificate {
	sum := sha256.Sum256(c.Raw)
	return &Certificate{
		Subject: printable(c.Subject.String(), maxMessageLength), Issuer: printable(c.Issuer.String(), maxMessageLength), Fingerprint: hex.EncodeToString(sum[:]),
		NotBefore: c.NotBefore, NotAfter: c.NotAfter,
	}
}
