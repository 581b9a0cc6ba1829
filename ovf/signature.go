package ovf

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
)

// The sizes of RSA keys, in bits. Below minKeyBits a signature counts for
// nothing; below strongKeyBits it is right, but makes nobody trusted. Above
// maxKeyBits checking it costs more than any package is worth.
const (
	minKeyBits    = 1024
	strongKeyBits = 2048
	maxKeyBits    = 16384
)

// sound refuses a certificate whose key nobody should compute with, before
// anything is computed with it. That goes for every one in the file: chains are
// built of them.
func sound(c *x509.Certificate) error {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minKeyBits || bits > maxKeyBits {
			return fmt.Errorf("an RSA key of %d bits is not accepted", bits)
		}
		if key.E < 3 || key.E&1 == 0 {
			return fmt.Errorf("an RSA key with the exponent %d is not accepted", key.E)
		}
	case *ecdsa.PublicKey:
	default:
		return errors.New("a certificate's key is neither RSA nor ECDSA")
	}
	return nil
}

// rsaPadding is how an RSA signature is made of a digest.
type rsaPadding int

const (
	paddingEither rsaPadding = iota // the text form does not say which
	paddingPKCS1
	paddingPSS
)

// signatureScheme says how a signature was made; the key says the rest.
type signatureScheme struct {
	hash    crypto.Hash
	padding rsaPadding // of RSA
	salt    int        // of paddingPSS, in bytes
}

var errWrongSignature = errors.New("the signature does not fit the manifest and the certificate")

// verify checks a signature over a message. The key must be sound.
func (s signatureScheme) verify(public crypto.PublicKey, message, signature []byte) error {
	h := s.hash.New()
	h.Write(message)
	digest := h.Sum(nil)
	switch key := public.(type) {
	case *rsa.PublicKey:
		return s.verifyRSA(key, digest, signature)
	case *ecdsa.PublicKey:
		if !ecdsa.VerifyASN1(key, digest, signature) {
			return errWrongSignature
		}
		return nil
	}
	return errors.New("the certificate's key is neither RSA nor ECDSA")
}

func (s signatureScheme) verifyRSA(key *rsa.PublicKey, digest, signature []byte) error {
	if s.padding != paddingPSS && rsa.VerifyPKCS1v15(key, s.hash, digest, signature) == nil {
		return nil
	}
	salt := s.salt
	if s.padding == paddingEither {
		salt = rsa.PSSSaltLengthAuto
	}
	if s.padding != paddingPKCS1 && rsa.VerifyPSS(key, s.hash, digest, signature, &rsa.PSSOptions{SaltLength: salt}) == nil {
		return nil
	}
	return errWrongSignature
}

// weakness says what is weak about a right signature.
func (s signatureScheme) weakness() string {
	if s.hash == crypto.SHA1 {
		return "the signature uses SHA-1, which no longer proves anything against a forger"
	}
	return ""
}
