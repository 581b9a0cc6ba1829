package ovf_test

import (
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/bumpwire/bumpwire/ovf"
)

// open reads a package that is told as text. Its files are the members of an
// archive in their order; a lone descriptor is looked at alone. What text
// cannot hold is made by rules:
//
//	%repeat 70 <a n="#"/>       in any file: the line 70 times, # being 1, 2, …
//	{sha256 disk.img}           in any file: a digest of another one (also sha1)
//	#bytes 512                  as first line: so many zeros, changed by lines OFFSET VALUE
//	#gzip                       as first line: the rest, compressed
//	#sign p.mf [WORDS]          as first line: a certificate file over that manifest; WORDS
//	                            may be altered, untrusted, sha1, key
//
// A VALUE is a quoted string or hexadecimal digits. The file named archive is
// no member, but changes the archive line by line:
//
//	header disk.img 156 "2"     bytes of a member's header; its checksum is made right
//	checksum disk.img           … and made wrong
//	cut -1024                   only so many bytes of it, or so many less
//	append VALUE                more bytes behind it
//
// A line "open p.ovf" of the comment looks at the descriptor alone though there
// are other files, "now 2030-01-01" is the day it is read on, and "signatures
// trusted" the policy.
func open(t *testing.T, a *txtar.Archive, opts ovf.Options) *ovf.Package {
	t.Helper()
	dir, path := t.TempDir(), ""
	opts.Now = noon
	for line := range strings.SplitSeq(string(a.Comment), "\n") {
		switch word, rest, _ := strings.Cut(line, " "); word {
		case "open":
			path = rest
		case "signatures":
			opts.Signatures = ovf.SignaturePolicy(rest)
		case "now":
			day, err := time.Parse(time.DateOnly, rest)
			require.NoError(t, err)
			opts.Now = day
		}
	}
	members, trusted := membersOf(t, a)
	opts.Trust = pool(trusted...)
	if len(members) == 1 && strings.HasSuffix(members[0].name, ".ovf") {
		path = members[0].name
	}
	if path == "" {
		path = "p.ova"
		require.NoError(t, os.WriteFile(filepath.Join(dir, path), archiveOf(t, a, members), 0o600))
	} else {
		for _, m := range members {
			require.NoError(t, os.WriteFile(filepath.Join(dir, m.name), []byte(m.data), 0o600))
		}
	}
	pkg, err := ovf.Open(t.Context(), filepath.Join(dir, path), opts)
	require.NoError(t, err)
	return pkg
}

// membersOf makes the members, and tells whose signatures on them are trusted.
func membersOf(t *testing.T, a *txtar.Archive) (members []raw, trusted []*x509.Certificate) {
	t.Helper()
	for _, f := range a.Files {
		if f.Name == "want" || f.Name == "archive" || strings.HasSuffix(f.Name, ".json") {
			continue
		}
		text := repeated(t, string(f.Data))
		for _, m := range members {
			text = strings.ReplaceAll(text, "{sha256 "+m.name+"}", fmt.Sprintf("%x", sha256.Sum256([]byte(m.data))))
			text = strings.ReplaceAll(text, "{sha1 "+m.name+"}", fmt.Sprintf("%x", sha1.Sum([]byte(m.data))))
		}
		if how, ok := strings.CutPrefix(text, "#sign "); ok {
			signer := issue(t, "Example Networks", ecKey(t), nil)
			text = signatureFile(t, signer, strings.Fields(how), members)
			if !strings.Contains(how, "untrusted") {
				trusted = append(trusted, signer.Certificate)
			}
		}
		members = append(members, raw{name: f.Name, data: made(t, text)})
	}
	return members, trusted
}

func repeated(t *testing.T, text string) string {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(text) {
		rule, ok := strings.CutPrefix(strings.TrimLeft(line, " "), "%repeat ")
		if !ok {
			b.WriteString(line)
			continue
		}
		count, rest, _ := strings.Cut(rule, " ")
		for n := range atoi(t, count) {
			b.WriteString(strings.ReplaceAll(rest, "#", strconv.Itoa(n+1)))
		}
	}
	return b.String()
}

// made carries out the rule that is a file's first line.
func made(t *testing.T, text string) string {
	t.Helper()
	first, rest, _ := strings.Cut(text, "\n")
	words := strings.Fields(first)
	if len(words) == 0 {
		return text
	}
	switch words[0] {
	case "#bytes":
		return bytesOf(t, atoi(t, words[1]), rest)
	case "#gzip":
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, err := z.Write([]byte(made(t, rest)))
		require.NoError(t, err)
		require.NoError(t, z.Close())
		return b.String()
	}
	return text
}

func bytesOf(t *testing.T, size int, lines string) string {
	t.Helper()
	data := make([]byte, size)
	for line := range strings.Lines(lines) {
		offset, v, _ := strings.Cut(strings.TrimSpace(line), " ")
		copy(data[atoi(t, offset):], value(t, v))
	}
	return string(data)
}

func value(t *testing.T, text string) string {
	t.Helper()
	if strings.HasPrefix(text, `"`) {
		s, err := strconv.Unquote(text)
		require.NoError(t, err)
		return s
	}
	data, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	require.NoError(t, err)
	return string(data)
}

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	require.NoError(t, err)
	return n
}

// signatureFile is a certificate file over one of the members.
func signatureFile(t *testing.T, signer *ovf.Signer, how []string, members []raw) string {
	t.Helper()
	i := slices.IndexFunc(members, func(m raw) bool { return m.name == how[0] })
	require.GreaterOrEqual(t, i, 0, "no such manifest")
	manifest := []byte(members[i].data)
	if slices.Contains(how, "altered") {
		manifest = append(manifest, '\n')
	}
	file, err := signer.Sign(how[0], manifest)
	require.NoError(t, err)
	if slices.Contains(how, "sha1") {
		digest := sha1.Sum(manifest)
		signature, err := signer.Key.Sign(rand.Reader, digest[:], crypto.SHA1)
		require.NoError(t, err)
		_, certificates, _ := strings.Cut(string(file), "\n")
		file = fmt.Appendf(nil, "SHA1(%s)= %x\n%s", how[0], signature, certificates)
	}
	if slices.Contains(how, "key") {
		der, err := x509.MarshalPKCS8PrivateKey(signer.Key)
		require.NoError(t, err)
		file = append(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	}
	return string(file)
}

func archiveOf(t *testing.T, a *txtar.Archive, members []raw) []byte {
	t.Helper()
	var rules []string
	for _, f := range a.Files {
		if f.Name == "archive" {
			rules = strings.Split(strings.TrimSpace(string(f.Data)), "\n")
		}
	}
	for i := range members {
		members[i].edit = headerEdit(t, members[i].name, rules)
	}
	data := archive(members...)
	for _, rule := range rules {
		switch verb, rest, _ := strings.Cut(rule, " "); verb {
		case "cut":
			size := atoi(t, rest)
			if size < 0 {
				size += len(data)
			}
			data = data[:size]
		case "append":
			data = append(data, value(t, rest)...)
		}
	}
	return data
}

func headerEdit(t *testing.T, member string, rules []string) func([]byte) {
	return func(header []byte) {
		for _, rule := range rules {
			words := strings.SplitN(rule, " ", 4)
			switch {
			case len(words) < 2 || words[1] != member:
			case words[0] == "header":
				copy(header[atoi(t, words[2]):], value(t, words[3]))
			case words[0] == "checksum":
				copy(header[148:], "000001\x00 ")
			}
		}
	}
}
