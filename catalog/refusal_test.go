package catalog_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
)

// firewall builds an OVA of testdata/firewall, edited by pairs of old and new text.
func firewall(t testing.TB, options ovf.BuildOptions, edits ...string) []byte {
	t.Helper()
	text, err := os.ReadFile("../testdata/firewall/firewall.ovf")
	require.NoError(t, err)
	descriptor := string(text)
	for n := 0; n < len(edits); n += 2 {
		require.Contains(t, descriptor, edits[n])
		descriptor = strings.Replace(descriptor, edits[n], edits[n+1], 1)
	}
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "firewall.ovf"), []byte(descriptor), 0o600))
	var b bytes.Buffer
	_, err = ovf.Build(t.Context(), dir, &b, options)
	require.NoError(t, err)
	return b.Bytes()
}

func signer(t testing.TB) *ovf.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Example Networks"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &ovf.Signer{Key: key, Certificate: certificate}
}

func altered(t testing.TB, ova []byte, old, changed string) []byte {
	t.Helper()
	require.Len(t, changed, len(old))
	require.Equal(t, 1, bytes.Count(ova, []byte(old)))
	return bytes.Replace(ova, []byte(old), []byte(changed), 1)
}

func TestAPackageAlteredAfterSigningIsRefused(t *testing.T) {
	t.Parallel()
	signed := firewall(t, ovf.BuildOptions{Signer: signer(t)})
	manifest := untar(t, signed)["firewall.mf"]
	for _, c := range []struct {
		name, old, changed, where, reason string
	}{
		{"the descriptor", "<ovf:Product>Example Firewall<", "<ovf:Product>Example Firewell<", "firewall.mf:1:", "firewall.ovf"},
		{"a digest of the manifest", manifest[strings.Index(manifest, "= ")+2:][:8], "00000000", "firewall.cert: error", "does not fit the manifest"},
		{"the signature", "-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICANE-----", "firewall.cert", "certificate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newShelf(t)
			_, _, err := s.Push(t.Context(), "example", bytes.NewReader(altered(t, signed, c.old, c.changed)))
			require.ErrorIs(t, err, fault.Invalid)
			var f *fault.Error
			require.ErrorAs(t, err, &f)
			require.Contains(t, f.Details[0], c.where)
			require.Contains(t, f.Details[0], c.reason)
			require.Equal(t, f.Details[0], fault.Message(err))
			s.requireEmpty(t)
		})
	}
	s := newShelf(t)
	p, _ := s.push(t, "example", signed)
	require.Equal(t, "CN=Example Networks", p.Verification.Certificate.Subject)
	s.requireSound(t)
}

func TestATruncatedPackageIsRefusedWhereverItEnds(t *testing.T) {
	t.Parallel()
	good := ova(t)
	end := bytes.Index(good, []byte("payload of")) + len("payload of every version")
	s := newShelf(t)
	for at := 0; at < end; at += 131 {
		_, _, err := s.Push(t.Context(), "example", bytes.NewReader(good[:at]))
		require.ErrorIs(t, err, fault.Invalid, "after %d bytes", at)
		var f *fault.Error
		require.ErrorAs(t, err, &f)
		require.NotEmpty(t, f.Details, "after %d bytes", at)
	}
	s.requireEmpty(t)
}

func TestAPushWhoseCallerGoesLeavesNothing(t *testing.T) {
	t.Parallel()
	good := ova(t)
	s := newShelf(t)
	for at := 0; at < len(good); at += 1024 {
		ctx, cancel := context.WithCancel(t.Context())
		rest := bytes.NewReader(good)
		_, _, err := s.Push(ctx, "example", readerFunc(func(p []byte) (int, error) {
			n, err := rest.Read(p[:min(len(p), 512)])
			if len(good)-rest.Len() > at {
				cancel()
			}
			return n, err
		}))
		require.ErrorIs(t, err, context.Canceled, "after %d bytes", at)
	}
	s.requireEmpty(t)
}

func TestADanglingReferenceIsNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ old, changed, reason string }{
		"a network": {">outside</rasd:Connection>", ">nowhere</rasd:Connection>", "nowhere"},
		"a file":    {`ovf:href="payload.bin"`, `ovf:href="nothing.bin"`, "nothing.bin"},
		"a size":    {`<Item ovf:configuration="large">`, `<Item ovf:configuration="giant">`, "giant"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShelf(t)
			_, _, err := s.Push(t.Context(), "example", bytes.NewReader(ova(t, c.old, c.changed)))
			require.ErrorIs(t, err, fault.Invalid)
			var f *fault.Error
			require.ErrorAs(t, err, &f)
			require.Regexp(t, `^example\.ovf:\d+:\d+: error `, f.Details[0])
			require.Contains(t, strings.Join(f.Details, "\n"), c.reason)
			s.requireEmpty(t)
		})
	}
}
