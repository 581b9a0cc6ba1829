package ovf

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// TrustStore says who may sign packages: certificates that are trusted to sign or
// to issue signers' certificates, and lists of certificates that were revoked.
// Nothing is ever asked over a network. A nil store trusts nobody.
type TrustStore struct {
	roots   *x509.CertPool
	pinned  [][]byte // the same certificates in DER
	revoked []*x509.RevocationList
}

// NewTrustStore trusts those certificates.
func NewTrustStore(certificates ...*x509.Certificate) *TrustStore {
	t := &TrustStore{roots: x509.NewCertPool()}
	for _, c := range certificates {
		t.roots.AddCert(c)
		t.pinned = append(t.pinned, c.Raw)
	}
	return t
}

// Revoke makes the store heed a revocation list (RFC 5280 clause 5). It counts
// where the issuer of a certificate in question has signed it.
func (t *TrustStore) Revoke(list *x509.RevocationList) { t.revoked = append(t.revoked, list) }

// trustEndings are the files of a folder that LoadTrustStore reads.
var trustEndings = []string{".pem", ".crt", ".cer", ".crl"}

// LoadTrustStore reads a PEM file, or all files of a folder that end in .pem,
// .crt, .cer or .crl, with certificates and revocation lists. A file that cannot
// be read is an error, and so is a store without any certificate: it would say
// silently that nobody is trusted.
func LoadTrustStore(path string) (*TrustStore, error) {
	files, err := trustFiles(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the trusted certificates: %w", err)
	}
	t := NewTrustStore()
	for _, file := range files {
		if err := t.load(file); err != nil {
			return nil, fmt.Errorf("cannot read the trusted certificates: %w", err)
		}
	}
	if len(t.pinned) == 0 {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", path)
	}
	return t, nil
}

func trustFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return []string{path}, err
	}
	entries, err := os.ReadDir(path)
	var files []string
	for _, e := range entries {
		if slices.Contains(trustEndings, strings.ToLower(filepath.Ext(e.Name()))) {
			files = append(files, filepath.Join(path, e.Name()))
		}
	}
	return files, err
}

func (t *TrustStore) load(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "CERTIFICATE":
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return fmt.Errorf("a certificate in %s: %w", file, err)
			}
			t.roots.AddCert(c)
			t.pinned = append(t.pinned, c.Raw)
		case "X509 CRL":
			list, err := x509.ParseRevocationList(block.Bytes)
			if err != nil {
				return fmt.Errorf("a revocation list in %s: %w", file, err)
			}
			t.Revoke(list)
		}
	}
	return nil
}

// judge says what a right signature is worth at a time, and why it is not more.
func (t *TrustStore) judge(s signing, now time.Time) (SignatureState, string) {
	if now.Before(s.leaf.NotBefore) || now.After(s.leaf.NotAfter) {
		return SignatureExpired, fmt.Sprintf("the certificate is valid from %s to %s only, and it is %s",
			s.leaf.NotBefore.UTC().Format(time.DateOnly), s.leaf.NotAfter.UTC().Format(time.DateOnly), now.UTC().Format(time.DateOnly))
	}
	chains := t.chains(s, now)
	if len(chains) == 0 {
		return SignatureUntrusted, "the certificate does not lead to one in the trust store"
	}
	if problem := t.unfit(s.leaf); problem != "" {
		return SignatureUntrusted, problem
	}
	for _, chain := range chains {
		problem := t.weakLink(chain)
		if problem == "" {
			return SignatureTrusted, ""
		}
		if len(chains) == 1 {
			return SignatureUntrusted, problem
		}
	}
	return SignatureUntrusted, "every way from the certificate to the trust store has a revoked certificate or a weak key in it"
}

// chains are the ways from the signer to the store. How many signatures are
// checked for it is bounded by crypto/x509, and the size of their keys by sound.
func (t *TrustStore) chains(s signing, now time.Time) [][]*x509.Certificate {
	if t == nil {
		return nil
	}
	intermediates := x509.NewCertPool()
	for _, c := range s.others {
		intermediates.AddCert(c)
	}
	chains, err := s.leaf.Verify(x509.VerifyOptions{
		Roots: t.roots, Intermediates: intermediates, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return nil
	}
	return chains
}

// unfit says why a certificate must not sign packages, though its issuer is
// trusted. A certificate that stands in the store itself was put there to sign.
func (t *TrustStore) unfit(leaf *x509.Certificate) string {
	if slices.ContainsFunc(t.pinned, func(der []byte) bool { return bytes.Equal(der, leaf.Raw) }) {
		return ""
	}
	mayCode := slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageCodeSigning) || slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny)
	switch {
	case leaf.IsCA:
		return "the certificate is an authority's, which issues certificates and does not sign packages"
	case len(leaf.ExtKeyUsage)+len(leaf.UnknownExtKeyUsage) > 0 && !mayCode:
		return "the certificate is not meant for code signing (its extended key usage says for what)"
	case leaf.KeyUsage != 0 && leaf.KeyUsage&(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) == 0:
		return "the certificate is not meant for signatures (its key usage says for what)"
	}
	return ""
}

// weakLink says what is wrong with a chain whose signatures are right.
func (t *TrustStore) weakLink(chain []*x509.Certificate) string {
	for i, c := range chain {
		if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < strongKeyBits {
			return fmt.Sprintf("an RSA key of %d bits is too weak to be trusted", key.N.BitLen())
		}
		if i+1 < len(chain) && t.isRevoked(c, chain[i+1]) {
			return fmt.Sprintf("the certificate of %s was revoked", printable(c.Subject.String(), 100))
		}
	}
	return ""
}

func (t *TrustStore) isRevoked(c, issuer *x509.Certificate) bool {
	for _, list := range t.revoked {
		if !bytes.Equal(list.RawIssuer, c.RawIssuer) || list.CheckSignatureFrom(issuer) != nil {
			continue
		}
		if slices.ContainsFunc(list.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool {
			return e.SerialNumber.Cmp(c.SerialNumber) == 0
		}) {
			return true
		}
	}
	return false
}
