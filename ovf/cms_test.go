package ovf_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/ovf"
)

// smallKey is of the size that counts and makes nobody trusted.
var smallKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		panic(err)
	}
	return key
})

func signSHA1(t testing.TB, key crypto.Signer, message []byte) []byte {
	t.Helper()
	digest := sha1.Sum(message)
	signature, err := key.Sign(rand.Reader, digest[:], crypto.SHA1)
	require.NoError(t, err)
	return signature
}

// certificates are files that OpenSSL made (testdata/ovf/certificates/make).
func certificates(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(examples, "certificates", name))
	require.NoError(t, err)
	return data
}

func TestSignaturesThatOpenSSLMade(t *testing.T) {
	t.Parallel()
	root, err := ovf.LoadTrustStore(filepath.Join(examples, "certificates", "root.pem"))
	require.NoError(t, err)
	manifest, later := certificates(t, "manifest"), time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		subject, weak, refused string
	}{
		"cms-rsa.cert":            {subject: "CN=rsa vendor"},
		"cms-rsa-sha512.cert":     {subject: "CN=rsa vendor"},
		"cms-rsa-sha1.cert":       {subject: "CN=rsa vendor", weak: "SHA-1"},
		"cms-rsa-pss.cert":        {subject: "CN=rsa vendor"},
		"cms-ec.cert":             {subject: "CN=ec vendor"},
		"cms-no-attributes.cert":  {subject: "CN=ec vendor"},
		"cms-key-id.cert":         {subject: "CN=ec vendor"},
		"cms-attached.cert":       {subject: "CN=rsa vendor"},
		"cms-two.cert":            {subject: "CN=ec vendor"},
		"cms-der.cert":            {subject: "CN=ec vendor"},
		"pkcs7-rsa.cert":          {subject: "CN=rsa vendor"},
		"text-rsa.cert":           {subject: "CN=rsa vendor"},
		"text-rsa-pss.cert":       {subject: "CN=rsa vendor"},
		"text-ec.cert":            {subject: "CN=ec vendor"},
		"text-and-cms.cert":       {subject: "CN=ec vendor"},
		"cms-no-certificate.cert": {refused: "the signer's certificate is not in it"},
		"cms-streamed.cert":       {refused: "not well-formed DER"},
		"dsa.cert":                {refused: "neither RSA nor ECDSA"},
		"negative-serial.cert":    {refused: "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := certificates(t, name)
			s := ovf.VerifySignature("manifest.mf", manifest, file, root, later)
			if c.refused != "" {
				require.Equal(t, ovf.SignatureInvalid, s.State)
				require.Contains(t, s.Reason, c.refused)
				return
			}
			require.Equal(t, ovf.SignatureTrusted, s.State, s.Reason)
			require.Contains(t, []string{c.subject, "CN=rsa vendor"}, s.Certificate.Subject)
			require.Equal(t, "CN=root", s.Certificate.Issuer)
			require.Equal(t, c.weak != "", s.Weak != "")
			require.Equal(t, ovf.SignatureUntrusted, ovf.VerifySignature("manifest.mf", manifest, file, nil, later).State)
			require.Equal(t, ovf.SignatureExpired, ovf.VerifySignature("manifest.mf", manifest, file, root, noon.AddDate(-1, 0, 0)).State)
			require.Equal(t, ovf.SignatureInvalid, ovf.VerifySignature("manifest.mf", slices.Concat(manifest, []byte("\n")), file, root, later).State)
		})
	}
}

// Whatever byte of a message is changed, it proves nothing, or still the same.
func TestAChangedMessageProvesNothingElse(t *testing.T) {
	t.Parallel()
	root, err := ovf.LoadTrustStore(filepath.Join(examples, "certificates", "root.pem"))
	require.NoError(t, err)
	manifest, later := certificates(t, "manifest"), time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	message := certificates(t, "cms-der.cert")
	want := ovf.VerifySignature("manifest.mf", manifest, message, root, later)
	require.Equal(t, ovf.SignatureTrusted, want.State)
	for at := range message {
		for _, bit := range []byte{1, 0x80} {
			changed := bytes.Clone(message)
			changed[at] ^= bit
			s := ovf.VerifySignature("manifest.mf", manifest, changed, root, later)
			if s.State == ovf.SignatureTrusted {
				require.Equal(t, want.Certificate, s.Certificate, "byte %d", at)
			}
			require.Equal(t, ovf.SignatureInvalid, ovf.VerifySignature("manifest.mf", []byte("SHA256(p.ovf)= 01\n"), changed, root, later).State, "byte %d", at)
		}
	}
}

// What is written here is what OpenSSL takes for a signature.
func TestOpenSSLAcceptsOurMessages(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("openssl")
	if err != nil {
		require.NotEqual(t, "1", os.Getenv("BUMPWIRE_REQUIRE_LINUX"), "openssl is among the prerequisites")
		t.Skip("THERE IS NO openssl HERE: what is signed with CMS is checked by our own reader only")
	}
	dir := t.TempDir()
	root := issue(t, "root", ecKey(t), nil)
	for name, key := range map[string]crypto.Signer{"ecdsa": ecKey(t), "rsa": rsaKey()} {
		signer := leafWith(t, key, root, func(c *x509.Certificate) { c.NotAfter = time.Now().AddDate(1, 0, 0) })
		signer.CMS = true
		file := eachForm(t, signer)["CMS"]
		for name, data := range map[string][]byte{
			"p.mf": mf, "p.cert": file,
			"root.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate.Raw}),
		} {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
		}
		cmd := exec.CommandContext(t.Context(), program, "cms", "-verify", "-binary", "-inform", "PEM", "-in", "p.cert", "-content", "p.mf",
			"-CAfile", "root.pem", "-purpose", "any", "-no_check_time", "-out", "out")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", name, out)
	}
}

func TestATrustStoreIsAFileOrAFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	root, other := leafOf(t, issue(t, "root", ecKey(t), nil), authority), issue(t, "other", ecKey(t), nil)
	vendor := leafOf(t, root, nil)
	write := func(name string, data ...[]byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, bytes.Join(data, nil), 0o600))
		return path
	}
	one := write("a.pem", []byte("anybody's words\n"), pemOf("CERTIFICATE", root.Certificate.Raw), pemOf("CERTIFICATE", other.Certificate.Raw))
	write("b.CRT", pemOf("CERTIFICATE", other.Certificate.Raw))
	write("README.txt", []byte("not read"))
	for _, path := range []string{one, dir} {
		trust, err := ovf.LoadTrustStore(path)
		require.NoError(t, err)
		require.Equal(t, ovf.SignatureTrusted, verify(signed(t, vendor), trust).State)
	}
	write("c.crl", pemOf("X509 CRL", revocation(t, root, vendor).Raw))
	trust, err := ovf.LoadTrustStore(dir)
	require.NoError(t, err)
	require.Equal(t, ovf.SignatureUntrusted, verify(signed(t, vendor), trust).State)

	_, err = ovf.LoadTrustStore(filepath.Join(dir, "nothing"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = ovf.LoadTrustStore(filepath.Join(dir, "README.txt"))
	require.ErrorContains(t, err, "holds no certificate in PEM form")
	_, err = ovf.LoadTrustStore(t.TempDir())
	require.ErrorContains(t, err, "holds no certificate in PEM form")
	bad := write("bad.pem", pemOf("CERTIFICATE", []byte("nonsense")))
	_, err = ovf.LoadTrustStore(dir)
	require.ErrorContains(t, err, bad)
}

func TestThePolicyOfSignatures(t *testing.T) {
	t.Parallel()
	root := issue(t, "root", ecKey(t), nil)
	manifest := manifestOf(sha256Line(descriptor), sha256Line(diskFile))
	pack := func(signer *ovf.Signer) []byte {
		if signer == nil {
			return archive(descriptor, manifest, diskFile)
		}
		file, err := signer.Sign("p.mf", []byte(manifest.data))
		require.NoError(t, err)
		return archive(descriptor, manifest, raw{name: "p.cert", data: string(file)}, diskFile)
	}
	expired := leafOf(t, root, func(c *x509.Certificate) { c.NotAfter = noon.AddDate(0, 0, -1) })
	for name, c := range map[string]struct {
		data  []byte
		takes []ovf.SignaturePolicy
	}{
		"unsigned":  {pack(nil), []ovf.SignaturePolicy{ovf.SignatureOptional}},
		"untrusted": {pack(issue(t, "x", ecKey(t), nil)), []ovf.SignaturePolicy{ovf.SignatureOptional, ovf.SignatureRequired}},
		"expired":   {pack(expired), []ovf.SignaturePolicy{ovf.SignatureOptional, ovf.SignatureRequired}},
		"trusted":   {pack(leafOf(t, root, nil)), []ovf.SignaturePolicy{ovf.SignatureOptional, ovf.SignatureRequired, ovf.SignatureMustBeKnown}},
	} {
		for _, policy := range []ovf.SignaturePolicy{ovf.SignatureOptional, ovf.SignatureRequired, ovf.SignatureMustBeKnown} {
			pkg, _, err := ingest(t, c.data, ovf.Options{Now: noon, Trust: ovf.NewTrustStore(root.Certificate), Signatures: policy})
			require.Equal(t, name, map[ovf.SignatureState]string{
				ovf.Unsigned: "unsigned", ovf.SignatureUntrusted: "untrusted", ovf.SignatureExpired: "expired", ovf.SignatureTrusted: "trusted",
			}[pkg.Verification.Signature])
			taken := false
			for _, p := range c.takes {
				taken = taken || p == policy
			}
			if taken {
				require.NoError(t, err, "%s %s", name, policy)
				continue
			}
			refusedWith(t, err, ovf.CodeSignatureRequired)
		}
	}
}
