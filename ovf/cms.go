package ovf

import (
	"bytes"
	"crypto"
	"crypto/subtle"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
)

// cmsMessage is a CMS SignedData (RFC 5652 clause 5) taken apart; nothing in it
// has been verified. Only DER is read: its lengths are all definite, so that
// nothing nests deeper than the types below say.
type cmsMessage struct {
	content      []byte // what it brings along as signed; nil when detached
	contentType  asn1.ObjectIdentifier
	certificates []*x509.Certificate
	signers      []cmsSigner
}

type cmsContentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"explicit,tag:0"`
}

type cmsSignedData struct {
	Version      int
	Digests      asn1.RawValue // each signer says its own
	Encapsulated cmsEncapsulated
	Certificates asn1.RawValue `asn1:"optional,tag:0"`
	CRLs         asn1.RawValue `asn1:"optional,tag:1"`
	Signers      asn1.RawValue
}

type cmsEncapsulated struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"explicit,optional,tag:0"`
}

type cmsSigner struct {
	Version    int
	ID         asn1.RawValue // issuer and serial number, or [0] subject key identifier
	Digest     pkix.AlgorithmIdentifier
	Attributes asn1.RawValue `asn1:"optional,tag:0"`
	Algorithm  pkix.AlgorithmIdentifier
	Signature  []byte
	Unsigned   asn1.RawValue `asn1:"optional,tag:1"`
}

type cmsIssuerAndSerial struct {
	Issuer asn1.RawValue
	Serial *big.Int
}

type cmsAttribute struct {
	Type   asn1.ObjectIdentifier
	Values asn1.RawValue
}

const (
	derSequence = 0x30
	derSet      = 0x31
	// maxAttributes bounds the signed attributes of one signer.
	maxAttributes = 64
)

var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidSignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
)

// parseCMS reads one message, which must be all there is.
func parseCMS(der []byte) (m cmsMessage, err error) {
	var info cmsContentInfo
	if err := onlyValue(der, &info); err != nil {
		return m, err
	}
	if !info.Type.Equal(oidSignedData) {
		return m, errors.New("it is not of the type SignedData")
	}
	var data cmsSignedData
	if err := onlyValue(info.Content.Bytes, &data); err != nil {
		return m, err
	}
	m.contentType = data.Encapsulated.Type
	if len(data.Encapsulated.Content.FullBytes) > 0 {
		m.content = []byte{}
		if err := onlyValue(data.Encapsulated.Content.Bytes, &m.content); err != nil {
			return m, err
		}
	}
	if m.certificates, err = cmsCertificates(data.Certificates.Bytes); err != nil {
		return m, err
	}
	m.signers, err = cmsSigners(data.Signers)
	return m, err
}

// onlyValue decodes one DER value and wants nothing behind it.
func onlyValue(der []byte, into any) error {
	rest, err := asn1.Unmarshal(der, into)
	if err != nil {
		return errors.New("it is not well-formed DER")
	}
	if len(rest) > 0 {
		return errors.New("there are bytes behind its end")
	}
	return nil
}

// elements takes a SET or SEQUENCE apart, up to a number of elements.
func elements(der []byte, limit int) ([]asn1.RawValue, error) {
	var all []asn1.RawValue
	for len(der) > 0 {
		if len(all) == limit {
			return nil, fmt.Errorf("it has more than %d parts of one kind", limit)
		}
		var v asn1.RawValue
		rest, err := asn1.Unmarshal(der, &v)
		if err != nil {
			return nil, errors.New("it is not well-formed DER")
		}
		all, der = append(all, v), rest
	}
	return all, nil
}

func cmsCertificates(der []byte) ([]*x509.Certificate, error) {
	values, err := elements(der, maxCertificates)
	if err != nil {
		return nil, err
	}
	var certificates []*x509.Certificate
	for _, v := range values {
		if v.Class != asn1.ClassUniversal || v.Tag != asn1.TagSequence {
			continue // an attribute certificate or another form that nothing here needs
		}
		c, err := x509.ParseCertificate(v.FullBytes)
		if err != nil {
			return nil, errors.New("a certificate in it cannot be read")
		}
		certificates = append(certificates, c)
	}
	return certificates, nil
}

func cmsSigners(set asn1.RawValue) ([]cmsSigner, error) {
	if set.Class != asn1.ClassUniversal || set.Tag != asn1.TagSet {
		return nil, errors.New("its signers are not a set")
	}
	values, err := elements(set.Bytes, maxMessages)
	if err != nil {
		return nil, err
	}
	var signers []cmsSigner
	for _, v := range values {
		var s cmsSigner
		if err := onlyValue(v.FullBytes, &s); err != nil {
			return nil, err
		}
		signers = append(signers, s)
	}
	if len(signers) == 0 {
		return nil, errors.New("nobody has signed it")
	}
	return signers, nil
}

// signings checks every signer of the message over the manifest. Certificates of
// the file may stand in for those that the message leaves out.
func (m cmsMessage) signings(manifest []byte, others []*x509.Certificate) ([]signing, error) {
	if m.content != nil && !bytes.Equal(m.content, manifest) {
		return nil, errors.New("it signs other content than the manifest")
	}
	known := append(append([]*x509.Certificate(nil), m.certificates...), others...)
	for _, c := range known {
		if err := sound(c); err != nil {
			return nil, err
		}
	}
	var all []signing
	for _, signer := range m.signers {
		leaf := signer.find(known)
		if leaf == nil {
			return nil, errors.New("the signer's certificate is not in it")
		}
		scheme, err := signer.scheme(leaf.PublicKey)
		if err != nil {
			return nil, err
		}
		signed, err := signer.signed(m.contentType, scheme.hash, manifest)
		if err != nil {
			return nil, err
		}
		if err := scheme.verify(leaf.PublicKey, signed, signer.Signature); err != nil {
			return nil, err
		}
		all = append(all, signing{leaf: leaf, others: known, weak: scheme.weakness()})
	}
	return all, nil
}

// find is the certificate that a signer names.
func (s cmsSigner) find(certificates []*x509.Certificate) *x509.Certificate {
	if s.ID.Class == asn1.ClassContextSpecific && s.ID.Tag == 0 {
		for _, c := range certificates {
			if len(s.ID.Bytes) > 0 && bytes.Equal(c.SubjectKeyId, s.ID.Bytes) {
				return c
			}
		}
		return nil
	}
	var id cmsIssuerAndSerial
	if onlyValue(s.ID.FullBytes, &id) != nil {
		return nil
	}
	for _, c := range certificates {
		if c.SerialNumber.Cmp(id.Serial) == 0 && bytes.Equal(c.RawIssuer, id.Issuer.FullBytes) {
			return c
		}
	}
	return nil
}

// signed is what the signature is over: the signed attributes, which must hold
// the manifest's digest, or without any the manifest itself (clause 5.4).
func (s cmsSigner) signed(contentType asn1.ObjectIdentifier, hash crypto.Hash, manifest []byte) ([]byte, error) {
	if len(s.Attributes.FullBytes) == 0 {
		if !contentType.Equal(oidData) {
			return nil, errors.New("a signer without signed attributes signs plain data only")
		}
		return manifest, nil
	}
	values, err := elements(s.Attributes.Bytes, maxAttributes)
	if err != nil {
		return nil, err
	}
	var kind asn1.ObjectIdentifier
	if err := attribute(values, oidContentType, &kind); err != nil {
		return nil, err
	}
	if !kind.Equal(contentType) {
		return nil, errors.New("its signed attributes are of another content type")
	}
	var digest []byte
	if err := attribute(values, oidMessageDigest, &digest); err != nil {
		return nil, err
	}
	h := hash.New()
	h.Write(manifest)
	if subtle.ConstantTimeCompare(digest, h.Sum(nil)) != 1 {
		return nil, errWrongSignature
	}
	signed := bytes.Clone(s.Attributes.FullBytes)
	signed[0] = derSet // what is signed has the tag of a SET, not [0]
	return signed, nil
}

// attribute decodes the single value of an attribute that must be there once.
func attribute(attributes []asn1.RawValue, kind asn1.ObjectIdentifier, into any) error {
	found := false
	for _, v := range attributes {
		var a cmsAttribute
		if err := onlyValue(v.FullBytes, &a); err != nil {
			return err
		}
		if !a.Type.Equal(kind) {
			continue
		}
		if found {
			return errors.New("a signed attribute stands in it twice")
		}
		found = true
		if err := onlyValue(a.Values.Bytes, into); err != nil {
			return err
		}
	}
	if !found {
		return errors.New("a signed attribute is missing in it")
	}
	return nil
}
