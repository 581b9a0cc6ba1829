package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/ovf"
)

// EULA is a licence that must be accepted before an instance of its package is
// provisioned. It is accepted by its digest, so a text that has changed is another
// licence and must be accepted anew.
type EULA struct {
	Digest string `json:"digest"` // sha256:…, of the text in UTF-8, to the letter
	Title  string `json:"title"`  // one line, for people
}

// eulaText is a licence's text as stored.
type eulaText struct {
	Text string `json:"text"`
}

// eulasOf are a package's licences. The same text in several systems is one licence.
func eulasOf(pkg *ovf.Package) []EULA {
	var list []EULA
	for _, e := range pkg.Eulas() {
		digest := eulaDigest(e)
		if e.License == "" || slices.ContainsFunc(list, func(o EULA) bool { return o.Digest == digest }) {
			continue
		}
		list = append(list, EULA{Digest: digest, Title: first(oneLine(e.Info), "Licence")})
	}
	return list
}

func eulaDigest(e ovf.Eula) string {
	sum := sha256.Sum256([]byte(e.License))
	return digestPrefix + hex.EncodeToString(sum[:])
}

// maxEULA is the longest text of a licence in bytes, some hundred times what is usual.
const maxEULA = 1 << 20

// keepEULAs stores the texts of a package's licences. Invalid when one is too long.
func (c *Catalog) keepEULAs(ctx context.Context, pkg *ovf.Package) error {
	for _, e := range pkg.Eulas() {
		if len(e.License) > maxEULA {
			return fault.New(fault.Invalid, "the licence %q is longer than %d bytes", oneLine(e.Info), maxEULA)
		}
		_, err := c.eulas.Upsert(ctx, eulaDigest(e), func(old eulaText, exists bool) (eulaText, error) {
			if exists {
				return old, store.Unchanged
			}
			return eulaText{e.License}, nil
		})
		if err != nil {
			return fmt.Errorf("cannot keep a licence: %w", err)
		}
	}
	return nil
}

// EULAText is the text of a licence to the letter, by its digest, also when no
// package has it any more. NotFound when no package ever had.
func (c *Catalog) EULAText(ctx context.Context, digest string) (string, error) {
	e, err := c.eulas.Get(ctx, digest)
	if errors.Is(err, fault.NotFound) {
		return "", fault.New(fault.NotFound, "there is no licence %q", clip(digest, 100))
	}
	return e.Text, err
}

// eulaSchema takes the digests of a package's licences. It does not say that they
// are required: a tenant may have accepted them before.
func eulaSchema(eulas []EULA) map[string]any {
	var digests []any
	about := "The digests of the licences that you accept. All must be accepted, here or by the tenant beforehand. The texts are at the broker's /v1/eulas/DIGEST."
	for _, e := range eulas {
		digests = append(digests, e.Digest)
		about += fmt.Sprintf(" %s: %s.", e.Title, e.Digest)
	}
	return map[string]any{
		"type": "array", "title": "Accepted licences", "description": about,
		"items": map[string]any{"type": "string", "enum": digests}, "uniqueItems": true,
	}
}
