package ovf

import (
	"bytes"
	"crypto"
	_ "crypto/sha1" // old manifests; a weak digest is a finding
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/hex"
	"fmt"
	"strings"
)

// ManifestEntry is one line of a manifest: ALG(name)= hex.
type ManifestEntry struct {
	Hash   crypto.Hash
	Name   string
	Digest string // hex, lower case
	Line   int
}

// manifestProblem is a line that is wrong.
type manifestProblem struct {
	severity Severity
	code     Code
	line     int
	message  string
}

// hashes are the algorithms of manifests and certificate files, by the names
// in use (DSP0243 clause 5.1 and vendors).
var hashes = map[string]crypto.Hash{
	"SHA1": crypto.SHA1, "SHA-1": crypto.SHA1,
	"SHA256": crypto.SHA256, "SHA-256": crypto.SHA256, "SHA2-256": crypto.SHA256,
	"SHA384": crypto.SHA384, "SHA-384": crypto.SHA384,
	"SHA512": crypto.SHA512, "SHA-512": crypto.SHA512, "SHA2-512": crypto.SHA512,
}

// maxManifestLines is more than the files of any package.
const maxManifestLines = 20_000

// parseManifest reads a manifest. A line that cannot be read is an error and
// never skipped: it would hide a file.
func parseManifest(data []byte) ([]ManifestEntry, []manifestProblem) {
	var entries []ManifestEntry
	var problems []manifestProblem
	seen := map[string]ManifestEntry{}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if bytes.Count(data, []byte("\n")) > maxManifestLines {
		return nil, []manifestProblem{{Error, CodeCountLimit, 1, fmt.Sprintf("the manifest has more than %d lines", maxManifestLines)}}
	}
	number := 0
	for line := range strings.SplitSeq(string(data), "\n") {
		number++
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		hash, name, digest, err := digestLine(line)
		if err == nil && len(digest) != 2*hash.Size() {
			err = fmt.Errorf("a %s digest has %d hexadecimal digits, not %d", hash, 2*hash.Size(), len(digest))
		}
		if err != nil {
			problems = append(problems, manifestProblem{Error, CodeManifestSyntax, number, err.Error()})
			continue
		}
		e := ManifestEntry{Hash: hash, Name: name, Digest: digest, Line: number}
		key := fmt.Sprint(hash, name)
		if old, twice := seen[key]; twice {
			severity := Warning
			if old.Digest != digest {
				severity = Error
			}
			problems = append(problems, manifestProblem{severity, CodeManifestDuplicate, number, fmt.Sprintf("file %q is listed again after line %d", printable(name, 100), old.Line)})
			continue
		}
		seen[key] = e
		entries = append(entries, e)
	}
	return entries, problems
}

// digestLine reads ALG(name)= hex, the form of manifests and of the first line
// of a certificate file. The name may hold brackets: it ends at the last one.
func digestLine(line string) (hash crypto.Hash, name, digest string, err error) {
	left, right, ok := cutLast(line, ")")
	algorithm, name, ok2 := strings.Cut(left, "(")
	right = strings.TrimSpace(right)
	if !ok || !ok2 || !strings.HasPrefix(right, "=") {
		return 0, "", "", fmt.Errorf("the line is not of the form SHA256(name)= digest")
	}
	algorithm = strings.ToUpper(strings.TrimSpace(algorithm))
	hash, ok = hashes[algorithm]
	if !ok {
		return 0, "", "", fmt.Errorf("digest algorithm %q is not accepted", printable(algorithm, 40))
	}
	if name, err = memberName(name); err != nil {
		return 0, "", "", err
	}
	digest = strings.ToLower(strings.TrimSpace(right[1:]))
	if _, err := hex.DecodeString(digest); err != nil || digest == "" {
		return 0, "", "", fmt.Errorf("the digest of %q is not hexadecimal", printable(name, 100))
	}
	return hash, name, digest, nil
}

func cutLast(s, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(s, separator); i >= 0 {
		return s[:i], s[i+len(separator):], true
	}
	return s, "", false
}

// writeManifest is a manifest of those members, in their order.
func writeManifest(members []Member, hash crypto.Hash, digests map[string]string) []byte {
	name := strings.ReplaceAll(hash.String(), "-", "")
	var b bytes.Buffer
	for _, m := range members {
		fmt.Fprintf(&b, "%s(%s)= %s\n", name, m.Name, digests[m.Name])
	}
	return b.Bytes()
}
