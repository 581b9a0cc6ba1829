package ovf

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
)

// Signer signs the manifests of packages. Key is RSA or ECDSA and belongs to
// Certificate; Chain is written after it.
type Signer struct {
	Key         crypto.Signer
	Certificate *x509.Certificate
	Chain       []*x509.Certificate
	CMS         bool // add a detached CMS SignedData behind the text form
}

// Sign makes the certificate file for a manifest of that name, with SHA-256:
// the text form of DSP0243, which every reader knows, and behind it, with CMS,
// the message that VirtualBox looks for there.
func (s Signer) Sign(manifestName string, manifest []byte) ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	signature, err := s.sign(manifest)
	if err != nil {
		return nil, fmt.Errorf("cannot sign %q: %w", manifestName, err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "SHA256(%s)= %x\n", manifestName, signature)
	for _, c := range s.certificates() {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	if !s.CMS {
		return b.Bytes(), nil
	}
	message, err := s.message(manifest)
	if err != nil {
		return nil, fmt.Errorf("cannot sign %q: %w", manifestName, err)
	}
	b.Write(pem.EncodeToMemory(&pem.Block{Type: "CMS", Bytes: message}))
	return b.Bytes(), nil
}

func (s Signer) check() error {
	switch s.Key.Public().(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey:
	default:
		return errors.New("cannot sign: the key is neither RSA nor ECDSA")
	}
	public, ok := s.Key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(s.Certificate.PublicKey) {
		return errors.New("cannot sign: the key does not belong to the certificate")
	}
	return nil
}

func (s Signer) certificates() []*x509.Certificate {
	return append([]*x509.Certificate{s.Certificate}, s.Chain...)
}

func (s Signer) sign(message []byte) ([]byte, error) {
	digest := sha256.Sum256(message)
	return s.Key.Sign(rand.Reader, digest[:], crypto.SHA256)
}

var (
	oidSHA256          = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidECDSAWithSHA256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	derNull            = asn1.RawValue{FullBytes: []byte{asn1.TagNull, 0}}
)

// message is a detached SignedData over the manifest (RFC 5652 clause 5.1), in
// DER.
func (s Signer) message(manifest []byte) ([]byte, error) {
	digest := sha256.Sum256(manifest)
	attributes, err := signedAttributes(digest[:])
	if err != nil {
		return nil, err
	}
	signature, err := s.sign(attributes)
	if err != nil {
		return nil, err
	}
	id, err := asn1.Marshal(cmsIssuerAndSerial{asn1.RawValue{FullBytes: s.Certificate.RawIssuer}, s.Certificate.SerialNumber})
	if err != nil {
		return nil, err
	}
	algorithm := pkix.AlgorithmIdentifier{Algorithm: oidRSA, Parameters: derNull}
	if _, ok := s.Key.Public().(*ecdsa.PublicKey); ok {
		algorithm = pkix.AlgorithmIdentifier{Algorithm: oidECDSAWithSHA256}
	}
	attributes[0] = 0xa0 // [0] in the message, a SET in what is signed
	signer, err := asn1.Marshal(cmsSigner{
		Version: 1, ID: asn1.RawValue{FullBytes: id}, Digest: pkix.AlgorithmIdentifier{Algorithm: oidSHA256},
		Attributes: asn1.RawValue{FullBytes: attributes}, Algorithm: algorithm, Signature: signature,
	})
	if err != nil {
		return nil, err
	}
	return s.envelop(signer)
}

// envelop puts a signer and the certificates into a message.
func (s Signer) envelop(signer []byte) ([]byte, error) {
	digest, err := asn1.Marshal(pkix.AlgorithmIdentifier{Algorithm: oidSHA256})
	if err != nil {
		return nil, err
	}
	var certificates []byte
	for _, c := range s.certificates() {
		certificates = append(certificates, c.Raw...)
	}
	data, err := asn1.Marshal(cmsSignedData{
		Version: 1, Digests: derSetOf(digest), Encapsulated: cmsEncapsulated{Type: oidData},
		Certificates: asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: certificates},
		Signers:      derSetOf(signer),
	})
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(cmsContentInfo{
		Type:    oidSignedData,
		Content: asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: data},
	})
}

// signedAttributes are the content type and the digest, as the SET that is
// signed, in the order of DER.
func signedAttributes(digest []byte) ([]byte, error) {
	kind, err := asn1.Marshal(oidData)
	if err != nil {
		return nil, err
	}
	octets, err := asn1.Marshal(digest)
	if err != nil {
		return nil, err
	}
	return asn1.MarshalWithParams([]cmsAttribute{{oidContentType, derSetOf(kind)}, {oidMessageDigest, derSetOf(octets)}}, "set")
}

func derSetOf(element []byte) asn1.RawValue {
	return asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: element}
}
