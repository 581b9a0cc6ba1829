package openstack

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/attributestags"

	"github.com/bumpwire/bumpwire/provision/topology"
)

// kind says what a thing of ours is.
type kind string

const (
	kindNetwork kind = "network" // a segment or a management network; facts: networkFacts
	kindParking kind = "parking" // a network with nothing on it but one leg that waits unused; facts: legFacts
	kindLeg     kind = "leg"     // a port of an appliance; facts: legFacts
	kindPlug    kind = "plug"    // a router's port away from home; facts: plugFacts
	kindSwap    kind = "swap"    // a port that nobody uses, there while a plug moves; facts: plugFacts
)

// mark says whose and what a thing is. Neutron's tags are at most 255 characters long,
// without a slash or comma to be safe in addresses and filters, so the mark is cut in
// pieces; its digest is in the description, which, unlike tags, is set by the call
// that makes the thing.
type mark struct {
	Kind   kind              `json:"k"`
	Tenant topology.TenantID `json:"t"`
	ID     string            `json:"i"`
	Facts  json.RawMessage   `json:"f,omitempty"`
}

const (
	tagPrefix  = "bumpwire"
	pieceSize  = 200
	maxPieces  = 20
	digestSize = 32
)

func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])[:digestSize]
}

func newMark(k kind, t topology.TenantID, id string, facts any) (mark, error) {
	raw, err := json.Marshal(facts)
	return mark{Kind: k, Tenant: t, ID: id, Facts: raw}, err
}

// description is what a thing is found by when it was made and not yet tagged.
func (d *Driver) description(k kind, t topology.TenantID, id string) string {
	return fmt.Sprintf("%s %s %s %s", tagPrefix, d.scope, k, digest(string(t), id))
}

// ours says whether a description is one of this broker's.
func (d *Driver) ours(description string) bool {
	return strings.HasPrefix(description, tagPrefix+" "+d.scope+" ")
}

func (d *Driver) scopeTag() string { return tagPrefix + ":scope:" + d.scope }

func projectTag(project string) string {
	if len(project) > 64 {
		project = digest(project)
	}
	return tagPrefix + ":project:" + project
}

// tags are what a thing with a mark is tagged with.
func (d *Driver) tags(project string, m mark) ([]string, error) {
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	list := []string{d.scopeTag(), projectTag(project)}
	text := base64.RawURLEncoding.EncodeToString(raw)
	n := 0
	for piece := range slices.Chunk([]byte(text), pieceSize) {
		list = append(list, fmt.Sprintf("%s:%02d:%s", tagPrefix, n, piece))
		n++
	}
	if n > maxPieces {
		return nil, fmt.Errorf("the facts of %s %q take %d tags, and %d is the most", m.Kind, m.ID, n, maxPieces)
	}
	return list, nil
}

// readMark puts a mark together. Anybody may write tags; ok is false unless they are
// a whole mark.
func readMark(tags []string) (m mark, ok bool) {
	pieces := map[string]string{}
	for _, tag := range tags {
		parts := strings.SplitN(tag, ":", 3)
		if len(parts) == 3 && parts[0] == tagPrefix && len(parts[1]) == 2 {
			pieces[parts[1]] = parts[2]
		}
	}
	var text strings.Builder
	for n := range len(pieces) {
		piece, there := pieces[fmt.Sprintf("%02d", n)]
		if !there {
			return mark{}, false
		}
		text.WriteString(piece)
	}
	raw, err := base64.RawURLEncoding.DecodeString(text.String())
	if err != nil || json.Unmarshal(raw, &m) != nil {
		return mark{}, false
	}
	return m, m.Kind != "" && m.ID != ""
}

// facts reads a mark's facts.
func facts[T any](m mark) (out T, err error) {
	if err = json.Unmarshal(m.Facts, &out); err != nil {
		err = fmt.Errorf("cannot read the facts of %s %q: %w", m.Kind, m.ID, err)
	}
	return out, err
}

// tag gives a thing of Neutron's its mark.
func (d *Driver) tag(ctx context.Context, collection, id, project string, m mark) error {
	list, err := d.tags(project, m)
	if err != nil {
		return err
	}
	_, err = attributestags.ReplaceAll(ctx, d.network, collection, id, attributestags.ReplaceAllOpts{Tags: list}).Extract()
	return said("tag "+string(m.Kind)+" "+m.ID, err)
}

// foreign says whether tags are some broker's, this one's or another's.
func foreign(tags []string) bool {
	return slices.ContainsFunc(tags, func(t string) bool { return strings.HasPrefix(t, tagPrefix+":scope:") })
}
