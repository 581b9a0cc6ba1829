package ovf

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
)

// signatureFile is a certificate file (.cert) in its text form: one line
// ALG(name.mf)= hex, the signature over the manifest, then certificates in PEM.
type signatureFile struct {
	hash          crypto.Hash
	manifest      string // the name it signs
	signature     []byte
	leaf          *x509.Certificate
	intermediates []*x509.Certificate
	privateKey    bool // somebody packed a key as well
}

// maxCertificates bounds the chain a package may bring along.
const maxCertificates = 10

func parseSignatureFile(data []byte) (signatureFile, error) {
	var s signatureFile
	line, rest, _ := bytes.Cut(bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), " \t\r\n"), []byte("\n"))
	hash, name, digest, err := digestLine(strings.TrimSpace(string(line)))
	if err != nil {
		return s, fmt.Errorf("the first line: %w", err)
	}
	s.hash, s.manifest = hash, name
	s.signature, _ = hex.DecodeString(digest) // checked by digestLine
	for len(rest) > 0 {
		block, after := pem.Decode(rest)
		if block == nil {
			break
		}
		rest = after
		if strings.HasSuffix(block.Type, "PRIVATE KEY") {
			s.privateKey = true
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		switch {
		case err != nil:
			return s, errors.New("a certificate in the file cannot be read")
		case s.leaf == nil:
			s.leaf = certificate
		case len(s.intermediates) < maxCertificates:
			s.intermediates = append(s.intermediates, certificate)
		}
	}
	if s.leaf == nil {
		return s, errors.New("there is no PEM certificate in the file")
	}
	return s, nil
}

// VerifySignature checks a certificate file against the exact bytes of the
// manifest and, if the signature is right, against the trust store at that
// time. The error says why a state is not SignatureTrusted; the certificate is
// nil only when it could not be read.
func VerifySignature(manifestName string, manifest, certificateFile []byte, trust *x509.CertPool, now time.Time) (SignatureState, *Certificate, error) {
	s, err := parseSignatureFile(certificateFile)
	if err != nil {
		return SignatureInvalid, nil, err
	}
	certificate := describe(s.leaf)
	if s.manifest != manifestName {
		return SignatureInvalid, certificate, fmt.Errorf("it signs %q, not %q", printable(s.manifest, 100), printable(manifestName, 100))
	}
	if err := s.verify(manifest); err != nil {
		return SignatureInvalid, certificate, err
	}
	if now.Before(s.leaf.NotBefore) || now.After(s.leaf.NotAfter) {
		return SignatureExpired, certificate, fmt.Errorf("the certificate is valid from %s to %s only",
			s.leaf.NotBefore.UTC().Format(time.DateOnly), s.leaf.NotAfter.UTC().Format(time.DateOnly))
	}
	if trust == nil {
		trust = x509.NewCertPool()
	}
	intermediates := x509.NewCertPool()
	for _, c := range s.intermediates {
		intermediates.AddCert(c)
	}
	_, err = s.leaf.Verify(x509.VerifyOptions{
		Roots: trust, Intermediates: intermediates, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return SignatureUntrusted, certificate, errors.New("the certificate does not lead to one in the trust store")
	}
	return SignatureTrusted, certificate, nil
}

// minKeyBits is the smallest RSA key whose signature counts at all.
const minKeyBits = 1024

func (s signatureFile) verify(manifest []byte) error {
	h := s.hash.New()
	h.Write(manifest)
	digest := h.Sum(nil)
	switch key := s.leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < minKeyBits || key.N.BitLen() > 16384 {
			return fmt.Errorf("an RSA key of %d bits is not accepted", key.N.BitLen())
		}
		if rsa.VerifyPKCS1v15(key, s.hash, digest, s.signature) != nil {
			return errors.New("the signature does not fit the manifest and the certificate")
		}
	case *ecdsa.PublicKey:
		if !ecdsa.VerifyASN1(key, digest, s.signature) {
			return errors.New("the signature does not fit the manifest and the certificate")
		}
	default:
		return errors.New("the certificate's key is neither RSA nor ECDSA")
	}
	return nil
}

func describe(c *x509.Certificate) *Certificate {
	sum := sha256.Sum256(c.Raw)
	return &Certificate{
		Subject: c.Subject.String(), Issuer: c.Issuer.String(), Fingerprint: hex.EncodeToString(sum[:]),
		NotBefore: c.NotBefore, NotAfter: c.NotAfter,
	}
}

// Signer signs the manifests of packages. Key is RSA or ECDSA and belongs to
// Certificate; Chain is written after it.
type Signer struct {
	Key         crypto.Signer
	Certificate *x509.Certificate
	Chain       []*x509.Certificate
}

// Sign makes the certificate file for a manifest of that name, with SHA-256.
func (s Signer) Sign(manifestName string, manifest []byte) ([]byte, error) {
	switch s.Key.Public().(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey:
	default:
		return nil, errors.New("cannot sign: the key is neither RSA nor ECDSA")
	}
	public, ok := s.Key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(s.Certificate.PublicKey) {
		return nil, errors.New("cannot sign: the key does not belong to the certificate")
	}
	digest := sha256.Sum256(manifest)
	signature, err := s.Key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("cannot sign %q: %w", manifestName, err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "SHA256(%s)= %x\n", manifestName, signature)
	for _, c := range append([]*x509.Certificate{s.Certificate}, s.Chain...) {
		if err := pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}); err != nil {
			return nil, fmt.Errorf("cannot encode certificate: %w", err)
		}
	}
	return b.Bytes(), nil
}
