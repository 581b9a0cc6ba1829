package topology

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"time"
)

// Document is a fabric and what is wanted of it, as people write it down to plan
// without a broker. What `topology show` prints as JSON is one.
type Document struct {
	Scene

	// Services are those that should be in place; a document that tells only what is
	// wanted has nothing else, and one of a whole fabric to reach has none.
	Services []Service           `json:"services,omitempty"`
	Sizes    map[InstanceID]Size `json:"sizes,omitempty"`   // of one appliance of an instance
	SwapMS   float64             `json:"swap_ms,omitempty"` // how long a move stops traffic on that cloud, in milliseconds
}

// Limits of a document. They are far above what a tenant has; what is above them is
// an accident or an attack.
const (
	MaxDocument  = 16 << 20 // bytes
	maxNetworks  = 5000
	maxThings    = 2000 // appliances, services, gateways, rules
	maxLegs      = 256  // of an appliance
	maxName      = 512  // bytes of an id or a name
	maxAddresses = 64   // subnets of a network, addresses of a plug
	maxRank      = 1 << 30
)

// ParseDocument reads a document. It refuses unknown fields, things named twice,
// references to nothing, and what is beyond the limits, and says where.
func ParseDocument(text []byte) (Document, error) {
	var d Document
	if len(text) > MaxDocument {
		return d, fmt.Errorf("the document has %d bytes; %d are the most", len(text), MaxDocument)
	}
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(&d); err != nil {
		return Document{}, fmt.Errorf("%s%w", position(text, err), err)
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return Document{}, fmt.Errorf("%s: there is more after the document", at(text, in.InputOffset()))
	}
	if err := d.check(); err != nil {
		return Document{}, err
	}
	d.Fabric = Settle(d.Fabric)
	return d, nil
}

var quoted = regexp.MustCompile(`"[^"\\]+"`)

// position is where in the text an error is, if that can be told. An error of a
// value's own type has no place, but quotes the value.
func position(text []byte, err error) string {
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return at(text, syntax.Offset) + ": "
	case errors.As(err, &wrong):
		return at(text, wrong.Offset) + ": "
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return at(text, int64(len(text))) + ": "
	}
	if said := quoted.FindString(err.Error()); said != "" {
		if i := bytes.Index(text, []byte(said)); i >= 0 {
			return at(text, int64(i)) + ": "
		}
	}
	return ""
}

func at(text []byte, offset int64) string {
	before := text[:min(max(offset, 0), int64(len(text)))]
	line := bytes.Count(before, []byte("\n")) + 1
	return fmt.Sprintf("line %d, column %d", line, len(before)-bytes.LastIndexByte(before, '\n'))
}

// Propose plans from the document's fabric to what another document wants: its
// fabric, or its services put into this one's networks.
func (d Document) Propose(want Document) (Proposal, error) {
	after := want.Fabric
	if len(want.Networks) == 0 {
		var err error
		if after, err = Compose(Base(d.Fabric), want.Services); err != nil {
			return Proposal{}, err
		}
	}
	if after.Tenant == "" {
		after.Tenant = d.Tenant
	}
	steps, err := Plan(d.Fabric, after)
	if err != nil {
		return Proposal{}, err
	}
	if steps == nil {
		steps = []Step{}
	}
	then := d.Scene
	then.Fabric = after
	sizes := map[InstanceID]Size{}
	maps.Copy(sizes, d.Sizes)
	maps.Copy(sizes, want.Sizes)
	known := map[ApplianceID]Size{}
	for _, a := range slices.Concat(d.Appliances, after.Appliances) {
		if size, ok := sizes[a.Instance]; ok {
			known[a.ID] = size
		}
	}
	swap := time.Duration(max(d.SwapMS, want.SwapMS) * float64(time.Millisecond))
	return Proposal{Before: d.Scene, After: then, Steps: steps, Cost: Estimate(d.Fabric, steps, known, swap)}, nil
}

func (d Document) check() error {
	if d.SwapMS < 0 || d.SwapMS > float64(time.Hour/time.Millisecond) {
		return errors.New("swap_ms is not between nothing and an hour")
	}
	for _, check := range []func() error{d.checkNetworks, d.checkGateways, d.checkAppliances, d.checkRules, d.checkServices, d.checkScene} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// register keeps the ids of one kind of thing.
type register struct {
	what string
	most int
	seen map[string]bool
}

func newRegister(what string, most int) *register { return &register{what, most, map[string]bool{}} }

func (r *register) enter(id, name string) error {
	switch {
	case id == "":
		return fmt.Errorf("a %s has no id", r.what)
	case len(id) > maxName || len(name) > maxName:
		return fmt.Errorf("%s %.40q has an id or a name of more than %d bytes", r.what, id, maxName)
	case r.seen[id]:
		return fmt.Errorf("%s %q is there twice", r.what, id)
	case len(r.seen) == r.most:
		return fmt.Errorf("there are more than %d things of the kind %q", r.most, r.what)
	}
	r.seen[id] = true
	return nil
}

func (d Document) checkNetworks() error {
	ids := newRegister("network", maxNetworks)
	for _, n := range d.Networks {
		if err := ids.enter(string(n.ID), n.Name); err != nil {
			return err
		}
		if n.Role != RoleTenant && n.Role != RoleSegment && n.Role != RoleManagement {
			return fmt.Errorf("network %q has the role %.40q; roles are %s, %s and %s", n.ID, n.Role, RoleTenant, RoleSegment, RoleManagement)
		}
		if len(n.Subnets) > maxAddresses {
			return fmt.Errorf("network %q has more than %d subnets", n.ID, maxAddresses)
		}
		for _, s := range n.Subnets {
			if !s.CIDR.IsValid() || s.Gateway.IsValid() && !s.CIDR.Contains(s.Gateway) {
				return fmt.Errorf("a subnet of network %q has no range, or a gateway outside of it", n.ID)
			}
		}
		if err := d.known("network "+string(n.ID), n.Carries, maxNetworks); err != nil {
			return err
		}
	}
	return nil
}

// known refuses more networks than there may be in a list, and ones with bad names.
func (d Document) known(of string, list []NetworkID, most int) error {
	if len(list) > most {
		return fmt.Errorf("%s lists more than %d networks", of, most)
	}
	for _, id := range list {
		if id == "" || len(id) > maxName {
			return fmt.Errorf("%s lists a network without a proper id", of)
		}
	}
	return nil
}

func (d Document) checkGateways() error {
	ids, ports := newRegister("gateway", maxThings), newRegister("port", 2*maxNetworks)
	for _, g := range d.Gateways {
		if err := ids.enter(string(g.ID), g.Name); err != nil {
			return err
		}
		for _, p := range g.Plugs {
			if err := ports.enter(string(p.Port), p.MAC); err != nil {
				return err
			}
			if home := d.network(p.Home); home == nil || home.Role != RoleTenant {
				return fmt.Errorf("port %q of gateway %q serves %.40q, which is no network of the tenant", p.Port, g.ID, p.Home)
			}
			if p.At != "" && d.network(p.At) == nil {
				return fmt.Errorf("port %q of gateway %q is plugged into %.40q, which is not there", p.Port, g.ID, p.At)
			}
			if len(p.Addresses) > maxAddresses || slices.ContainsFunc(p.Addresses, func(a netip.Prefix) bool { return !a.IsValid() }) {
				return fmt.Errorf("port %q of gateway %q has addresses that are none, or more than %d", p.Port, g.ID, maxAddresses)
			}
		}
	}
	return nil
}

func (d Document) checkAppliances() error {
	ids, ports := newRegister("appliance", maxThings), newRegister("port", maxThings*8)
	for _, a := range d.Appliances {
		if err := ids.enter(string(a.ID), a.Name); err != nil {
			return err
		}
		if len(a.Instance) > maxName || len(a.Legs) > maxLegs {
			return fmt.Errorf("appliance %q has more than %d legs, or too long an instance", a.ID, maxLegs)
		}
		nics := map[int]bool{}
		for _, l := range a.Legs {
			if err := ports.enter(string(l.Port), l.MAC); err != nil {
				return err
			}
			if err := checkNIC(l.Role, l.Pair); err != nil {
				return fmt.Errorf("port %q of appliance %q: %w", l.Port, a.ID, err)
			}
			if l.NIC < 0 || l.NIC >= maxLegs || nics[l.NIC] {
				return fmt.Errorf("appliance %q has NIC %d twice, or not at all", a.ID, l.NIC)
			}
			nics[l.NIC] = true
			if l.At != "" && d.network(l.At) == nil {
				return fmt.Errorf("port %q of appliance %q is plugged into %.40q, which is not there", l.Port, a.ID, l.At)
			}
			if err := d.known("port "+string(l.Port), l.Serves, maxNetworks); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkNIC(role LegRole, pair int) error {
	switch role {
	case Inside, Outside, Management, HA:
	default:
		return fmt.Errorf("the role of a NIC is %s, %s, %s or %s, not %.40q", Inside, Outside, Management, HA, role)
	}
	if pair < 0 || pair > maxLegs {
		return fmt.Errorf("a pair is numbered from 1 to %d", maxLegs)
	}
	return nil
}

func (d Document) checkRules() error {
	ids := newRegister("rule", maxThings)
	for _, r := range d.Redirects {
		if err := ids.enter(string(r.ID), string(r.Gateway)); err != nil {
			return err
		}
		if err := r.Match.Check(); err != nil {
			return fmt.Errorf("rule %q: %w", r.ID, err)
		}
		if len(r.Members) > maxLegs {
			return fmt.Errorf("rule %q has more than %d members", r.ID, maxLegs)
		}
		if err := d.admits(r); err != nil {
			return err
		}
	}
	return nil
}

func (d Document) checkServices() error {
	ids := newRegister("service", maxThings)
	for _, s := range d.Services {
		if err := ids.enter(string(s.Instance), s.Name); err != nil {
			return err
		}
		if s.Zones != "" && s.Zones != Bridged && s.Zones != Isolated || s.Mode != InPath && s.Mode != Redirected {
			return fmt.Errorf("service %q: zones are %q or %q, the mode is %q or nothing", s.Instance, Bridged, Isolated, Redirected)
		}
		if len(s.NICs) > maxLegs || len(s.Stitches) > maxNetworks || len(s.Replicas) > maxLegs || s.Generation < 0 || s.Generation > maxRank {
			return fmt.Errorf("service %q has more of something than can be", s.Instance)
		}
		for _, n := range s.NICs {
			if err := checkNIC(n.Role, n.Pair); err != nil {
				return fmt.Errorf("service %q: %w", s.Instance, err)
			}
		}
		for _, st := range s.Stitches {
			if len(st.Network) > maxName || len(st.Fine) > maxName || st.Rank < -maxRank || st.Rank > maxRank || st.Pair < 0 || st.Pair > maxLegs {
				return fmt.Errorf("service %q has a stitch whose network, pair or rank cannot be", s.Instance)
			}
		}
		for _, r := range s.Replicas {
			if r.Number < 0 || r.Number > maxLegs || r.Start < 0 || r.Start > maxRank {
				return fmt.Errorf("service %q has a replica whose number or start cannot be", s.Instance)
			}
		}
	}
	return nil
}

func (d Document) checkScene() error {
	if len(d.Tenant) > maxName || len(d.Title) > maxName {
		return fmt.Errorf("the tenant or the title has more than %d bytes", maxName)
	}
	for id, size := range d.Sizes {
		if size.VCPUs < 0 || size.VCPUs > 1<<20 || size.MemoryBytes < 0 || size.MemoryBytes > 1<<50 {
			return fmt.Errorf("the size of %.40q cannot be", id)
		}
	}
	return nil
}
