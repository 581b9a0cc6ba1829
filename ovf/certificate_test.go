package ovf_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// issue makes a certificate for key, valid for a year around noon, signed by
// the parent's signer or by itself.
func issue(t testing.TB, name string, key crypto.Signer, parent *ovf.Signer) *ovf.Signer {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: noon.AddDate(0, -6, 0), NotAfter: noon.AddDate(0, 6, 0),
		IsCA: parent == nil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	signer := &ovf.Signer{Key: key, Certificate: template}
	if parent == nil {
		parent = signer
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent.Certificate, key.Public(), parent.Key)
	require.NoError(t, err)
	signer.Certificate, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	return signer
}

func ecKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

var pool = ovf.NewTrustStore

func TestTheStatesOfASignature(t *testing.T) {
	t.Parallel()
	root := issue(t, "root", ecKey(t), nil)
	leaf := issue(t, "vendor", rsaKey(), root)
	other := issue(t, "other", ecKey(t), nil)
	manifest := []byte("SHA256(p.ovf)= 00\n")
	cert, err := leaf.Sign("p.mf", manifest)
	require.NoError(t, err)
	changed := bytes.Replace(cert, []byte("= "), []byte("= ff"), 1)
	for _, c := range []struct {
		name     string
		manifest string
		of       string
		cert     []byte
		trust    *ovf.TrustStore
		now      time.Time
		want     ovf.SignatureState
	}{
		{"trusted", string(manifest), "p.mf", cert, pool(root.Certificate), noon, ovf.SignatureTrusted},
		{"CRLF and text around", string(manifest), "p.mf", []byte(strings.ReplaceAll(string(cert), "\n", "\r\n") + "\r\nend\r\n"), pool(root.Certificate), noon, ovf.SignatureTrusted},
		{"no trust store", string(manifest), "p.mf", cert, nil, noon, ovf.SignatureUntrusted},
		{"another trust store", string(manifest), "p.mf", cert, pool(other.Certificate), noon, ovf.SignatureUntrusted},
		{"not yet valid", string(manifest), "p.mf", cert, pool(root.Certificate), noon.AddDate(-1, 0, 0), ovf.SignatureExpired},
		{"expired", string(manifest), "p.mf", cert, pool(root.Certificate), noon.AddDate(1, 0, 0), ovf.SignatureExpired},
		{"another manifest", "SHA256(p.ovf)= 01\n", "p.mf", cert, pool(root.Certificate), noon, ovf.SignatureInvalid},
		{"converted newlines", "SHA256(p.ovf)= 00\r\n", "p.mf", cert, pool(root.Certificate), noon, ovf.SignatureInvalid},
		{"manifest of another name", string(manifest), "q.mf", cert, pool(root.Certificate), noon, ovf.SignatureInvalid},
		{"another signature", string(manifest), "p.mf", changed, pool(root.Certificate), noon, ovf.SignatureInvalid},
		{"key of another", string(manifest), "p.mf", swapCertificate(cert, other.Certificate), pool(other.Certificate), noon, ovf.SignatureInvalid},
		{"no certificate", string(manifest), "p.mf", cert[:bytes.IndexByte(cert, '\n')+1], pool(root.Certificate), noon, ovf.SignatureInvalid},
		{"no signature", string(manifest), "p.mf", cert[bytes.IndexByte(cert, '\n')+1:], pool(root.Certificate), noon, ovf.SignatureInvalid},
		{"empty", string(manifest), "p.mf", nil, pool(root.Certificate), noon, ovf.SignatureInvalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := ovf.VerifySignature(c.of, []byte(c.manifest), c.cert, c.trust, c.now)
			require.Equal(t, c.want, s.State)
			require.Equal(t, c.want == ovf.SignatureTrusted, s.Reason == "")
			if c.want != ovf.SignatureInvalid {
				require.Equal(t, "CN=vendor", s.Certificate.Subject)
				require.Len(t, s.Certificate.Fingerprint, 64)
			}
		})
	}
}

func swapCertificate(file []byte, c *x509.Certificate) []byte {
	line := bytes.Clone(file[:bytes.IndexByte(file, '\n')+1])
	return append(line, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
}

func TestChainsAndKinds(t *testing.T) {
	t.Parallel()
	root := issue(t, "root", ecKey(t), nil)
	middle := issue(t, "middle", ecKey(t), root)
	middle.Certificate.IsCA = true
	template := *middle.Certificate
	der, err := x509.CreateCertificate(rand.Reader, &template, root.Certificate, middle.Key.Public(), root.Key)
	require.NoError(t, err)
	middle.Certificate, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	leaf := issue(t, "leaf", ecKey(t), middle)
	leaf.Chain = []*x509.Certificate{root.Certificate, middle.Certificate} // in an odd order
	cert, err := leaf.Sign("p.mf", []byte("x"))
	require.NoError(t, err)
	require.Equal(t, ovf.SignatureTrusted, ovf.VerifySignature("p.mf", []byte("x"), cert, pool(root.Certificate), noon).State)

	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	_, err = issue(t, "edwards", edwards, root).Sign("p.mf", nil)
	require.ErrorContains(t, err, "neither RSA nor ECDSA")
	_, err = ovf.Signer{Key: ecKey(t), Certificate: leaf.Certificate}.Sign("p.mf", nil)
	require.ErrorContains(t, err, "does not belong")
}

func TestSignedPackages(t *testing.T) {
	t.Parallel()
	signer := issue(t, "vendor", ecKey(t), nil)
	manifest := manifestOf(sha256Line(descriptor), sha256Line(diskFile))
	file, err := signer.Sign("p.mf", []byte(manifest.data))
	require.NoError(t, err)
	cert := raw{name: "p.cert", data: string(file)}
	opts := ovf.Options{Now: noon, Trust: pool(signer.Certificate)}

	pkg, _, err := ingest(t, archive(descriptor, manifest, cert, diskFile), opts)
	require.NoError(t, err)
	require.Equal(t, ovf.SignatureTrusted, pkg.Verification.Signature)
	require.Empty(t, pkg.Findings)
	pkg, _, err = ingest(t, archive(descriptor, diskFile, manifest, cert), ovf.Options{Now: noon})
	require.NoError(t, err, "untrusted is for the caller to judge")
	require.Equal(t, ovf.SignatureUntrusted, pkg.Verification.Signature)

	for name, data := range map[string][]byte{
		"certificate without a manifest": archive(descriptor, cert, diskFile),
		"a file nobody signed":           archive(descriptor, manifest, cert, diskFile, raw{name: "extra", data: "x"}),
		"data behind the end":            append(archive(descriptor, manifest, cert, diskFile), "more"...),
		"another manifest":               archive(descriptor, manifestOf(sha256Line(diskFile), sha256Line(descriptor)), cert, diskFile),
		"two certificates":               archive(descriptor, manifest, cert, raw{name: "q.cert", data: cert.data}, diskFile),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, err := ingest(t, data, opts)
			var refused *ovf.Refused
			require.ErrorAs(t, err, &refused)
		})
	}

	key, err := x509.MarshalPKCS8PrivateKey(signer.Key)
	require.NoError(t, err)
	cert.data += string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	pkg, _, err = ingest(t, archive(descriptor, manifest, cert, diskFile), opts)
	require.NoError(t, err)
	require.Contains(t, pkg.Findings.String(), "PRIVATE KEY")
}

// Nothing signs what was not signed, whatever the file looks like.
func FuzzCertificateFile(f *testing.F) {
	signer := issue(f, "vendor", ecKey(f), nil)
	signer.CMS = true
	file := signed(f, signer)
	f.Add(file)
	f.Add(file[bytes.Index(file, []byte("-----BEGIN CMS")):])
	f.Add([]byte("SHA256(p.mf)= 00\n-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	for _, name := range []string{"cms-der.cert", "cms-two.cert", "cms-rsa-pss.cert", "cms-key-id.cert", "text-and-cms.cert"} {
		f.Add(certificates(f, name))
	}
	trust := pool(signer.Certificate)
	f.Fuzz(func(t *testing.T, data []byte) {
		s := ovf.VerifySignature("p.mf", []byte("y"), data, trust, noon)
		require.Equal(t, ovf.SignatureInvalid, s.State)
		require.NotEmpty(t, s.Reason)
		// What it says of the real manifest is the signer's, or nothing.
		s = ovf.VerifySignature("p.mf", mf, data, trust, noon)
		require.Equal(t, s.State == ovf.SignatureTrusted, s.Reason == "")
		if s.State == ovf.SignatureTrusted {
			require.Equal(t, "CN=vendor", s.Certificate.Subject)
		}
	})
}
