//go:build linux

package linux

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// aliasLimit is the longest alias a link can have (IFALIASZ less the final zero).
const aliasLimit = 255

// A kind says what a tagged link is.
type kind string

const (
	kindFabric  kind = "fabric"  // lo of a tenant's fabric
	kindGateway kind = "gateway" // lo of a gateway
	kindHost    kind = "host"    // lo of a host; facts: cloud.Host
	kindNetwork kind = "network" // a bridge; facts: topology.Network
	kindPlug    kind = "plug"    // the near end of a gateway's plug; facts: plugFacts
	kindCable   kind = "cable"   // the near end of a host's cable; facts: cloud.Host
	kindLeg     kind = "leg"     // an appliance's NIC; facts: legFacts
	kindFarEnd  kind = "far-end" // the end of a plug, cable or turn inside its namespace
	kindTurn    kind = "turn"    // the near end of a gateway's port at a member of a rule
	kindTransit kind = "transit" // the bridge between a tenant's gateways, and the near ends of their ports there
	kindRule    kind = "rule"    // a link that stands for a rule of the gateway; facts: topology.Redirect
)

// A tag makes a link findable and says whose and what it is. It is the link's
// alias, as JSON. One too long for an alias is kept in a file whose name begins
// with the kind and a hash of the id, so that it is found without the link, and
// ends with a digest of the content, so that it is never rewritten and never half
// a truth; the alias names the file. The file is written before the link is
// tagged and removed after the link.
type tag struct {
	Scope  string            `json:"s"`
	Tenant topology.TenantID `json:"t,omitempty"`
	Kind   kind              `json:"k"`
	ID     string            `json:"i,omitempty"`
	Facts  json.RawMessage   `json:"f,omitempty"`
	File   string            `json:"h,omitempty"` // the whole tag is there
}

func (c *Cloud) newTag(t topology.TenantID, k kind, id string, facts any) (tag, error) {
	out := tag{Scope: c.scope, Tenant: t, Kind: k, ID: id}
	if facts == nil {
		return out, nil
	}
	raw, err := json.Marshal(facts)
	out.Facts = raw
	return out, err
}

func (c *Cloud) factsDir(t topology.TenantID) string { return filepath.Join(c.tenantDir(t), "facts") }

// setTag tags a link of the namespace that the thread is in.
func (c *Cloud) setTag(l netlink.Link, t tag) error {
	alias, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if len(alias) > aliasLimit {
		name := factsPrefix(t.Kind, t.ID) + digest(string(alias))[:32]
		if err := writeFile(filepath.Join(c.factsDir(t.Tenant), name), alias); err != nil {
			return err
		}
		if alias, err = json.Marshal(tag{Scope: t.Scope, Kind: t.Kind, File: name}); err != nil {
			return err
		}
	}
	if err := netlink.LinkSetAlias(l, string(alias)); err != nil {
		return fmt.Errorf("cannot tag link %q: %w", l.Attrs().Name, err)
	}
	return nil
}

// tagOf reads a link's tag, with facts from a tenant's directory; ok is false for
// a link that carries none of ours.
func (c *Cloud) tagOf(dir string, l netlink.Link) (out tag, ok bool, err error) {
	out, ok = parseTag(l.Attrs().Alias)
	if !ok || out.Scope != c.scope {
		return tag{}, false, nil
	}
	if out.File == "" {
		return out, true, nil
	}
	raw, err := os.ReadFile(filepath.Join(dir, "facts", out.File))
	if err != nil {
		return tag{}, false, fmt.Errorf("cannot read the facts of link %q: %w", l.Attrs().Name, err)
	}
	if !strings.HasSuffix(out.File, digest(string(raw))[:32]) {
		return tag{}, false, fmt.Errorf("the facts of link %q were altered", l.Attrs().Name)
	}
	full, ok := parseTag(string(raw))
	return full, ok, nil
}

// parseTag reads an alias. Anything may stand there; only a whole tag counts.
func parseTag(alias string) (tag, bool) {
	var t tag
	if !strings.HasPrefix(alias, "{") || json.Unmarshal([]byte(alias), &t) != nil {
		return tag{}, false
	}
	if strings.ContainsAny(t.File, "/\x00") { // it goes into a path
		return tag{}, false
	}
	return t, t.Scope != "" && t.Kind != ""
}

func factsPrefix(k kind, id string) string { return string(k) + "-" + digest(id)[:12] + "-" }

// dropFacts removes the facts of things whose links are gone.
func (c *Cloud) dropFacts(t topology.TenantID, id string, kinds ...kind) error {
	for _, k := range kinds {
		files, err := filepath.Glob(filepath.Join(c.factsDir(t), factsPrefix(k, id)+"*"))
		if err != nil {
			return err
		}
		for _, f := range files {
			if err := os.Remove(f); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// letters begin the names of links.
func (k kind) letter() string {
	switch k {
	case kindNetwork:
		return "n"
	case kindPlug:
		return "g"
	case kindCable:
		return "h"
	case kindLeg:
		return "t"
	case kindFarEnd:
		return "p"
	case kindTurn:
		return "u"
	case kindRule:
		return "r"
	case kindTransit:
		return "v"
	case kindFabric, kindGateway, kindHost:
	}
	return "x"
}

// linkName is the name of a thing's link: a letter for its kind and 48 bits of a
// hash, within the 15 bytes that a link's name may have.
func linkName(k kind, id string) string { return k.letter() + "-" + digest(string(k), id)[:12] }

// writeFile writes a file so that it is there whole or not at all.
func writeFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return noSpace(err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return noSpace(err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return noSpace(err)
	}
	return os.Rename(f.Name(), path)
}

// noSpace gives a write's error its kind: a full disk is Full.
func noSpace(err error) error {
	if isFull(err) {
		return &fault.Error{Kind: fault.Full, Message: "there is no space left on this machine", Err: err}
	}
	return err
}
