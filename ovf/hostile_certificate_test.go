package ovf_test

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
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

// A manifest to be signed, and everybody who might.
var mf = []byte("SHA256(p.ovf)= 00\n")

// leafOf is a signer whose certificate was issued by parent after edit.
func leafOf(t testing.TB, parent *ovf.Signer, edit func(*x509.Certificate)) *ovf.Signer {
	t.Helper()
	return leafWith(t, ecKey(t), parent, edit)
}

func leafWith(t testing.TB, key crypto.Signer, parent *ovf.Signer, edit func(*x509.Certificate)) *ovf.Signer {
	t.Helper()
	about := &x509.Certificate{
		SerialNumber: big.NewInt(77), Subject: pkix.Name{CommonName: "vendor"},
		NotBefore: noon.AddDate(0, -6, 0), NotAfter: noon.AddDate(0, 6, 0),
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if edit != nil {
		edit(about)
	}
	der, err := x509.CreateCertificate(rand.Reader, about, parent.Certificate, key.Public(), parent.Key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &ovf.Signer{Key: key, Certificate: certificate}
}

func authority(c *x509.Certificate) {
	c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	c.Subject = pkix.Name{CommonName: "authority"}
}

func signed(t testing.TB, s *ovf.Signer) []byte {
	t.Helper()
	file, err := s.Sign("p.mf", mf)
	require.NoError(t, err)
	return file
}

// eachForm is the certificate file of a signer in text, in CMS, and in both.
func eachForm(t testing.TB, s *ovf.Signer) map[string][]byte {
	t.Helper()
	withCMS := *s
	withCMS.CMS = true
	file := signed(t, &withCMS)
	return map[string][]byte{"text": signed(t, s), "CMS": file[bytes.Index(file, []byte("-----BEGIN CMS")):], "text and CMS": file}
}

func verify(file []byte, trust *ovf.TrustStore) ovf.Signature {
	return ovf.VerifySignature("p.mf", mf, file, trust, noon)
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func TestHostileCertificates(t *testing.T) {
	t.Parallel()
	root := leafOf(t, issue(t, "root", ecKey(t), nil), authority)
	trust := ovf.NewTrustStore(root.Certificate)
	vendor := leafOf(t, root, nil)
	for form, file := range eachForm(t, vendor) {
		require.Equal(t, ovf.Signature{State: ovf.SignatureTrusted, Certificate: verify(file, nil).Certificate}, verify(file, trust), form)
	}
	opts := ovf.Options{Now: noon, Trust: trust}
	manifest := manifestOf(sha256Line(descriptor), sha256Line(diskFile))
	cert := func(t *testing.T) raw {
		file, err := vendor.Sign("p.mf", []byte(manifest.data))
		require.NoError(t, err)
		return raw{name: "p.cert", data: string(file)}
	}

	adversarial(t, "C", 11,
		hostile{"C01 certificate without a manifest", func(t *testing.T) {
			_, _, err := ingest(t, archive(descriptor, cert(t), diskFile), opts)
			refusedWith(t, err, ovf.CodeCertificateAlone)
		}},
		hostile{"C02 signature wrong, for another file's name, over converted newlines", func(t *testing.T) {
			for form, file := range eachForm(t, vendor) {
				for _, other := range []string{"SHA256(p.ovf)= 01\n", "SHA256(p.ovf)= 00\r\n", "SHA256(p.ovf)= 00", ""} {
					require.Equal(t, ovf.SignatureInvalid, ovf.VerifySignature("p.mf", []byte(other), file, trust, noon).State, form)
				}
			}
			s := ovf.VerifySignature("q.mf", mf, signed(t, vendor), trust, noon)
			require.Equal(t, ovf.SignatureInvalid, s.State)
			require.Equal(t, `it signs "p.mf", not "q.mf"`, s.Reason)
		}},
		hostile{"C03 signed with one key, certificate of another", func(t *testing.T) {
			thief := leafWith(t, vendor.Key, root, nil)
			thief.Certificate = leafOf(t, root, nil).Certificate
			_, err := thief.Sign("p.mf", mf)
			require.ErrorContains(t, err, "does not belong")
			s := verify(swapCertificate(signed(t, vendor), thief.Certificate), trust)
			require.Equal(t, ovf.SignatureInvalid, s.State)
			// In CMS the certificate of the same issuer and number stands in for the signer's.
			file := eachForm(t, vendor)["CMS"]
			block, _ := pem.Decode(file)
			swapped := bytes.Replace(block.Bytes, publicKeyOf(vendor), publicKeyOf(thief), 1)
			require.NotEqual(t, block.Bytes, swapped)
			require.Equal(t, ovf.SignatureInvalid, verify(pemOf("CMS", swapped), trust).State)
		}},
		hostile{"C04 expired, not yet valid, revoked, for other uses, an authority's", func(t *testing.T) {
			for name, c := range map[string]struct {
				edit   func(*x509.Certificate)
				state  ovf.SignatureState
				reason string
			}{
				"expired":       {func(c *x509.Certificate) { c.NotAfter = noon.AddDate(0, 0, -1) }, ovf.SignatureExpired, "valid from 2025-12-01 to 2026-05-31 only, and it is 2026-06-01"},
				"not yet valid": {func(c *x509.Certificate) { c.NotBefore = noon.AddDate(0, 0, 1) }, ovf.SignatureExpired, "valid from 2026-06-02"},
				"for servers":   {func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }, ovf.SignatureUntrusted, "not meant for code signing"},
				"encryption":    {func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }, ovf.SignatureUntrusted, "not meant for signatures"},
				"an authority":  {authority, ovf.SignatureUntrusted, "an authority's"},
				"for code":      {func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} }, ovf.SignatureTrusted, ""},
			} {
				for form, file := range eachForm(t, leafOf(t, root, c.edit)) {
					s := verify(file, trust)
					require.Equal(t, c.state, s.State, "%s %s", name, form)
					require.Contains(t, s.Reason, c.reason)
				}
			}
			heeding := ovf.NewTrustStore(root.Certificate)
			heeding.Revoke(revocation(t, root, vendor))
			s := verify(signed(t, vendor), heeding)
			require.Equal(t, ovf.SignatureUntrusted, s.State)
			require.Equal(t, "the certificate of CN=vendor was revoked", s.Reason)
			// A list that somebody else has signed in the issuer's name says nothing.
			impostor := leafOf(t, issue(t, "root", ecKey(t), nil), authority)
			heeding = ovf.NewTrustStore(root.Certificate)
			heeding.Revoke(revocation(t, impostor, vendor))
			require.Equal(t, ovf.SignatureTrusted, verify(signed(t, vendor), heeding).State)
		}},
		hostile{"C05 self-signed and not in the store", func(t *testing.T) {
			own := issue(t, "nobody", ecKey(t), nil)
			for _, store := range []*ovf.TrustStore{nil, trust} {
				for form, file := range eachForm(t, own) {
					s := verify(file, store)
					require.Equal(t, ovf.SignatureUntrusted, s.State, form)
					require.Equal(t, "the certificate does not lead to one in the trust store", s.Reason)
				}
			}
			require.Equal(t, ovf.SignatureTrusted, verify(signed(t, own), ovf.NewTrustStore(own.Certificate)).State, "once it is, it is trusted")
		}},
		hostile{"C06 chain in odd order, strangers in it, a loop", func(t *testing.T) {
			upper := leafOf(t, root, func(c *x509.Certificate) { authority(c); c.Subject.CommonName = "upper" })
			lower := leafOf(t, upper, func(c *x509.Certificate) { authority(c); c.Subject.CommonName = "lower" })
			// Two authorities that certify each other, with many certificates each.
			var loop []*x509.Certificate
			other := leafOf(t, lower, func(c *x509.Certificate) { authority(c); c.Subject.CommonName = "other" })
			for range 3 {
				loop = append(loop,
					leafWith(t, lower.Key, other, func(c *x509.Certificate) { authority(c); c.Subject.CommonName = "lower" }).Certificate,
					leafWith(t, other.Key, lower, func(c *x509.Certificate) { authority(c); c.Subject.CommonName = "other" }).Certificate)
			}
			leaf := leafOf(t, lower, nil)
			leaf.Chain = append(append([]*x509.Certificate{root.Certificate}, loop...), lower.Certificate, upper.Certificate)
			for form, file := range eachForm(t, leaf) {
				require.Equal(t, ovf.SignatureTrusted, verify(file, trust).State, form)
			}
			leaf.Chain = loop
			for form, file := range eachForm(t, leaf) {
				require.Equal(t, ovf.SignatureUntrusted, verify(file, trust).State, form)
			}
			leaf.Chain = append(append(loop, loop...), loop...)
			for form, file := range eachForm(t, leaf) {
				s := verify(file, trust)
				require.Equal(t, ovf.SignatureInvalid, s.State, form)
				require.Contains(t, s.Reason, "more than 10")
			}
		}},
		hostile{"C07 RSA of 512 and 65536 bits, exponent 1, DSA, MD5, negative serial number", weakKeys},
		hostile{"C08 garbage behind, several blocks, a private key", func(t *testing.T) {
			stranger := issue(t, "stranger", ecKey(t), nil)
			for form, file := range eachForm(t, vendor) {
				file = append(append(file, pemOf("CERTIFICATE", stranger.Certificate.Raw)...), "\nBag Attributes\n-----BEGIN nothing\x00"...)
				s := verify(file, trust)
				require.Equal(t, ovf.SignatureTrusted, s.State, form)
				require.Equal(t, "CN=vendor", s.Certificate.Subject, "the first is the signer's")
				require.False(t, s.PrivateKey)
				key, err := x509.MarshalPKCS8PrivateKey(vendor.Key)
				require.NoError(t, err)
				for _, name := range []string{"PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY"} {
					require.True(t, verify(append(pemOf(name, key), file...), trust).PrivateKey, name)
					require.True(t, verify(append(bytes.Clone(file), pemOf(name, key)...), trust).PrivateKey, name)
				}
			}
			packed := cert(t)
			packed.data += "-----BEGIN PRIVATE KEY-----\ncut off"
			pkg, _, err := ingest(t, archive(descriptor, manifest, packed, diskFile), opts)
			require.NoError(t, err)
			require.Contains(t, pkg.Findings.String(), "p.cert: warning private-key: a PRIVATE KEY is packed with the certificate")
		}},
		hostile{"C09 a gigabyte, a bomb of PEM blocks, deep ASN.1", func(t *testing.T) {
			long := cert(t).as(func(h []byte) { copy(h[124:], "10000000000\x00") })
			_, _, err := ingest(t, archive(descriptor, manifest, long), opts)
			refusedWith(t, err, ovf.CodeSizeLimit)
			for name, file := range map[string][]byte{
				"many blocks":       bytes.Repeat(pemOf("X", nil), 20_000),
				"many certificates": bytes.Repeat(pemOf("CERTIFICATE", vendor.Certificate.Raw), 1000),
				"many beginnings":   bytes.Repeat([]byte("-----BEGIN CERTIFICATE-----\n"), 30_000),
				"one long line":     bytes.Repeat([]byte("SHA256(p.mf)= "), 70_000),
				"deep DER":          nested(200_000, 0x30),
				"deep in a message": pemOf("CMS", nested(200_000, 0xa0)),
				"indefinite BER":    bytes.Repeat([]byte{0x30, 0x80}, 500_000),
				"long length":       {0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 0},
				"many signers":      manySigners(t, vendor),
			} {
				start := time.Now()
				require.Equal(t, ovf.SignatureInvalid, verify(file, trust).State, name)
				require.Less(t, time.Since(start), 5*time.Second, name)
			}
		}},
		hostile{"C10 replaced between verifying and storing", func(t *testing.T) {
			// The stream is read once: what is kept are the very bytes that were verified.
			good := cert(t)
			_, sink, err := ingest(t, archive(descriptor, manifest, good, diskFile), opts)
			require.NoError(t, err)
			require.Equal(t, ovf.SignatureTrusted, ovf.VerifySignature("p.mf", sink.files["p.mf"].Bytes(), sink.files["p.cert"].Bytes(), trust, noon).State)
			m, _ := sink.committed.Member("p.cert")
			require.Equal(t, fmt.Sprintf("%x", sha256.Sum256(sink.files["p.cert"].Bytes())), m.SHA256)
		}},
		hostile{"C11 markup and terminal escapes in the subject", func(t *testing.T) {
			evil := leafOf(t, root, func(c *x509.Certificate) { c.Subject.CommonName = "<script>\x1b[2J\u202e\nx" })
			heeding := ovf.NewTrustStore(root.Certificate)
			heeding.Revoke(revocation(t, root, evil))
			file, err := evil.Sign("p.mf", []byte(manifest.data))
			require.NoError(t, err)
			pkg, _, err := ingest(t, archive(descriptor, manifest, raw{name: "p.cert", data: string(file)}, diskFile), ovf.Options{Now: noon, Trust: heeding})
			require.NoError(t, err)
			require.Contains(t, pkg.Findings.String(), "revoked")
			for _, text := range []string{pkg.Findings.String(), pkg.Verification.Certificate.Subject, pkg.Verification.Reason} {
				require.NotContains(t, text, "\x1b")
				require.NotContains(t, text, "\u202e")
				require.NotContains(t, strings.TrimSpace(text), "\n")
			}
		}},
	)
}

func refusedWith(t testing.TB, err error, code ovf.Code) {
	t.Helper()
	var refused *ovf.Refused
	require.ErrorAs(t, err, &refused)
	require.Contains(t, codes(refused.Findings.Errors()), code, refused.Findings.String())
}

func publicKeyOf(s *ovf.Signer) []byte {
	key, _ := s.Certificate.PublicKey.(*ecdsa.PublicKey).Bytes()
	return key
}

// revocation is a list by an authority that holds one certificate.
func revocation(t testing.TB, by, of *ovf.Signer) *x509.RevocationList {
	t.Helper()
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: noon.AddDate(0, -1, 0), NextUpdate: noon.AddDate(0, 1, 0),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: of.Certificate.SerialNumber, RevocationTime: noon}},
	}, by.Certificate, by.Key)
	require.NoError(t, err)
	list, err := x509.ParseRevocationList(der)
	require.NoError(t, err)
	return list
}

// nested is DER that nests as deep as told.
func nested(depth int, tag byte) []byte {
	inner := []byte{}
	for range depth {
		inner = append(inner, derLength(len(inner))...)
		inner = append(inner, tag)
		if len(inner) > 900_000 {
			break
		}
	}
	// Built backwards, so that it takes linear time.
	for i, j := 0, len(inner)-1; i < j; i, j = i+1, j-1 {
		inner[i], inner[j] = inner[j], inner[i]
	}
	return inner
}

// derLength is a definite length, its bytes in reverse.
func derLength(n int) []byte {
	if n < 128 {
		return []byte{byte(n)}
	}
	var b []byte
	for ; n > 0; n >>= 8 {
		b = append(b, byte(n))
	}
	return append(b, 0x80|byte(len(b)))
}

// manySigners is a message whose one signer stands in it a thousand times.
func manySigners(t testing.TB, s *ovf.Signer) []byte {
	t.Helper()
	block, _ := pem.Decode(eachForm(t, s)["CMS"])
	var info struct {
		Type    asn1.ObjectIdentifier
		Content struct {
			Version                      int
			Digests, Content, Certs, Set asn1.RawValue
		} `asn1:"explicit,tag:0"`
	}
	_, err := asn1.Unmarshal(block.Bytes, &info)
	require.NoError(t, err)
	info.Content.Set = asn1.RawValue{Tag: asn1.TagSet, IsCompound: true, Bytes: bytes.Repeat(info.Content.Set.Bytes, 1000)}
	der, err := asn1.Marshal(info)
	require.NoError(t, err)
	return pemOf("CMS", der)
}

// weakKeys tries keys and algorithms that nobody should use, and some that should
// keep a verifier busy.
func weakKeys(t *testing.T) {
	root := issue(t, "root", ecKey(t), nil)
	trust := ovf.NewTrustStore(root.Certificate)
	text := func(hash string, signature []byte, certificate *x509.Certificate) []byte {
		return append([]byte(fmt.Sprintf("%s(p.mf)= %x\n", hash, signature)), pemOf("CERTIFICATE", certificate.Raw)...)
	}
	// Public keys that no library would make.
	for name, key := range map[string]*rsa.PublicKey{
		"an RSA key of 512 bits is not accepted":            {N: new(big.Int).SetBit(big.NewInt(1), 511, 1), E: 65537},
		"an RSA key of 65536 bits is not accepted":          {N: new(big.Int).SetBit(big.NewInt(1), 65535, 1), E: 65537},
		"an RSA key of 1000000 bits is not accepted":        {N: new(big.Int).SetBit(big.NewInt(1), 999_999, 1), E: 1<<31 - 1},
		"an RSA key with the exponent 1 is not accepted":    {N: new(big.Int).SetBit(big.NewInt(1), 2047, 1), E: 1},
		"an RSA key with the exponent 4096 is not accepted": {N: new(big.Int).SetBit(big.NewInt(1), 2047, 1), E: 4096},
	} {
		certificate := leafWith(t, keyless{key, root.Key}, root, nil).Certificate
		for _, file := range [][]byte{
			text("SHA256", make([]byte, 256), certificate),
			append(signed(t, leafOf(t, root, nil)), pemOf("CERTIFICATE", certificate.Raw)...), // as an intermediate
		} {
			start := time.Now()
			s := verify(file, trust)
			require.Equal(t, ovf.SignatureInvalid, s.State, name)
			require.Equal(t, name, s.Reason)
			require.Less(t, time.Since(start), 5*time.Second, name)
		}
	}
	s := verify(text("MD5", make([]byte, 256), root.Certificate), trust)
	require.Equal(t, ovf.SignatureInvalid, s.State)
	require.Contains(t, s.Reason, `digest algorithm "MD5" is not accepted`)

	for _, file := range []string{"dsa.cert", "negative-serial.cert"} {
		data, err := os.ReadFile(filepath.Join(examples, "certificates", file))
		require.NoError(t, err)
		require.Equal(t, ovf.SignatureInvalid, verify(data, trust).State, file)
	}

	// Right, but weak: a short key makes nobody trusted, SHA-1 is told of.
	small := leafWith(t, smallKey(), root, nil)
	s = verify(signed(t, small), trust)
	require.Equal(t, ovf.SignatureUntrusted, s.State)
	require.Equal(t, "an RSA key of 1024 bits is too weak to be trusted", s.Reason)
	vendor := leafWith(t, rsaKey(), root, nil)
	s = verify(text("SHA1", signSHA1(t, rsaKey(), mf), vendor.Certificate), trust)
	require.Equal(t, ovf.SignatureTrusted, s.State)
	require.Contains(t, s.Weak, "SHA-1")
}

// keyless pretends to own a public key; what it signs is worth nothing.
type keyless struct {
	public crypto.PublicKey
	crypto.Signer
}

func (k keyless) Public() crypto.PublicKey { return k.public }
