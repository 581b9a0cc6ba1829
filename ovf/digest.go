package ovf

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
)

func sha256Hex(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// contentDigest names the content of a package: the SHA-256 of one line
// "SHA256(name)= hex" for each member but manifest and certificate, sorted by
// name. A folder and an OVA of the same files have the same digest, and
// signing does not change it.
func contentDigest(members []Member) string {
	var lines []string
	for _, m := range members {
		if m.Kind != KindManifest && m.Kind != KindCertificate && m.Kind != KindExtra {
			lines = append(lines, fmt.Sprintf("SHA256(%s)= %s\n", m.Name, m.SHA256))
		}
	}
	slices.Sort(lines)
	h := sha256.New()
	for _, line := range lines {
		h.Write([]byte(line))
	}
	return hex.EncodeToString(h.Sum(nil))
}
