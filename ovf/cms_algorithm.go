package ovf

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
)

// The algorithms of signers that are accepted (RFC 5754, RFC 8017 appendix C).
// What is not here is refused by name of the kind, never guessed at.
var (
	oidRSA = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidPSS = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidMGF = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}

	digestOIDs = map[string]crypto.Hash{
		"1.3.14.3.2.26":          crypto.SHA1,
		"2.16.840.1.101.3.4.2.1": crypto.SHA256,
		"2.16.840.1.101.3.4.2.2": crypto.SHA384,
		"2.16.840.1.101.3.4.2.3": crypto.SHA512,
	}
	rsaOIDs = map[string]crypto.Hash{
		"1.2.840.113549.1.1.5":  crypto.SHA1,
		"1.2.840.113549.1.1.11": crypto.SHA256,
		"1.2.840.113549.1.1.12": crypto.SHA384,
		"1.2.840.113549.1.1.13": crypto.SHA512,
	}
	ecdsaOIDs = map[string]crypto.Hash{
		"1.2.840.10045.4.1":   crypto.SHA1,
		"1.2.840.10045.4.3.2": crypto.SHA256,
		"1.2.840.10045.4.3.3": crypto.SHA384,
		"1.2.840.10045.4.3.4": crypto.SHA512,
	}
)

var (
	errAlgorithm = errors.New("its digest or signature algorithm is not accepted")
	errMixed     = errors.New("its algorithms do not belong together")
)

// scheme says how a signer signed, with a key of that kind.
func (s cmsSigner) scheme(public crypto.PublicKey) (signatureScheme, error) {
	hash, ok := digestOIDs[s.Digest.Algorithm.String()]
	if !ok {
		return signatureScheme{}, errAlgorithm
	}
	scheme, name := signatureScheme{hash: hash, padding: paddingPKCS1}, s.Algorithm.Algorithm
	switch public.(type) {
	case *rsa.PublicKey:
		if name.Equal(oidRSA) {
			return scheme, nil
		}
		if name.Equal(oidPSS) {
			return pssScheme(hash, s.Algorithm.Parameters)
		}
		return scheme, matching(rsaOIDs, name, hash)
	case *ecdsa.PublicKey:
		return scheme, matching(ecdsaOIDs, name, hash)
	}
	return scheme, errAlgorithm
}

// matching wants the digest of the signature to be that of the attributes.
func matching(known map[string]crypto.Hash, name asn1.ObjectIdentifier, hash crypto.Hash) error {
	switch found, ok := known[name.String()]; {
	case !ok:
		return errAlgorithm
	case found != hash:
		return errMixed
	}
	return nil
}

// pssParameters are those of RSASSA-PSS (RFC 8017 A.2.3).
type pssParameters struct {
	Hash    pkix.AlgorithmIdentifier `asn1:"explicit,optional,tag:0"`
	MGF     pkix.AlgorithmIdentifier `asn1:"explicit,optional,tag:1"`
	Salt    int                      `asn1:"explicit,optional,tag:2,default:20"`
	Trailer int                      `asn1:"explicit,optional,tag:3,default:1"`
}

// maxSalt is longer than any salt in use, which has the length of the digest.
const maxSalt = 512

func pssScheme(hash crypto.Hash, parameters asn1.RawValue) (signatureScheme, error) {
	var p pssParameters
	if err := onlyValue(parameters.FullBytes, &p); err != nil {
		return signatureScheme{}, err
	}
	var inner pkix.AlgorithmIdentifier
	if p.Hash.Algorithm == nil || p.MGF.Algorithm == nil {
		return signatureScheme{}, errAlgorithm // the defaults mean SHA-1, which nobody needs with PSS
	}
	if err := onlyValue(p.MGF.Parameters.FullBytes, &inner); err != nil {
		return signatureScheme{}, err
	}
	same := digestOIDs[p.Hash.Algorithm.String()] == hash && digestOIDs[inner.Algorithm.String()] == hash
	if !p.MGF.Algorithm.Equal(oidMGF) || !same || p.Trailer != 1 || p.Salt < 1 || p.Salt > maxSalt {
		return signatureScheme{}, errMixed
	}
	return signatureScheme{hash: hash, padding: paddingPSS, salt: p.Salt}, nil
}
