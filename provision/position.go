package provision

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// Position is where a service is asked to stand in the chains of its networks,
// from the hosts to the gateway: directly before one instance, directly after
// another, or somewhere between two. Nearest is an end of the chain, or of what
// the other two leave; the gateway's when nothing is said.
type Position struct {
	Nearest string `json:"nearest,omitempty"` // hosts or gateway
	Before  string `json:"before,omitempty"`  // an instance by id or name, nearer to the gateway
	After   string `json:"after,omitempty"`   // an instance by id or name, nearer to the hosts
}

// neighbour is an instance of the tenant as it will stand when all that was asked
// for up to now is done.
type neighbour struct {
	id       topology.InstanceID
	name     string
	provider bool // stands behind all that are the tenants'
	redirect bool // has no place in any chain
	stitches []topology.Stitch
}

func (i Instance) neighbour() neighbour {
	if i.Update != nil {
		i.take(i.Update.Will)
		i.Update = nil
	}
	return neighbour{id: i.ID, name: i.Name, provider: i.provided(), redirect: i.Mode == topology.Redirected, stitches: i.claimed()}
}

// link is a neighbour's place in the chain of one network.
type link struct {
	neighbour
	topology.Place
}

// chain is who stands between a network's hosts and its gateway.
func chain(n topology.NetworkID, who []neighbour) []link {
	var list []link
	for _, w := range who {
		for _, st := range w.stitches {
			if st.Network == n && !w.redirect {
				list = append(list, link{w, topology.Service{Instance: w.id, Provider: w.provider}.Place(st)})
			}
		}
	}
	slices.SortFunc(list, func(a, b link) int { return a.Place.Compare(b.Place) })
	return list
}

// place puts a stitch where it is asked to be. One that stands there already is
// left as it is.
func (c *chooser) place(st topology.Stitch, at Position) (topology.Stitch, error) {
	others := chain(st.Network, c.others)
	first, last, err := c.between(st.Network, others, at)
	if err != nil {
		return st, err
	}
	slot := last
	if at.Nearest == "hosts" || at.Nearest == "" && at.After != "" && at.Before == "" {
		slot = first
	}
	var low, high *topology.Place
	if slot > 0 && others[slot-1].provider == c.own.provider {
		low = &others[slot-1].Place
	}
	if slot < len(others) && others[slot].provider == c.own.provider {
		high = &others[slot].Place
	}
	if own := chain(st.Network, []neighbour{c.own}); len(own) == 1 && within(low, own[0].Place, high) {
		st.Rank, st.Fine = own[0].Rank, own[0].Fine
		return st, nil
	}
	st.Rank, st.Fine = topology.Between(low, high)
	return st, nil
}

// within says whether a place is between two, of which nil is an end of the chain.
func within(low *topology.Place, p topology.Place, high *topology.Place) bool {
	return (low == nil || low.Compare(p) < 0) && (high == nil || p.Compare(*high) < 0)
}

// between is the first and the last of the slots that before and after leave:
// slot n of a chain is in front of its nth link, seen from the hosts. The
// provider's services have those nearest the gateway to themselves.
func (c *chooser) between(n topology.NetworkID, others []link, at Position) (first, last int, err error) {
	tenants := slices.IndexFunc(others, func(l link) bool { return l.provider })
	if tenants < 0 {
		tenants = len(others)
	}
	first, last = 0, tenants
	if c.own.provider {
		first, last = tenants, len(others)
	}
	if at.After != "" {
		i, err := c.find(n, others, at.After)
		if err != nil {
			return 0, 0, err
		}
		if i >= last {
			return 0, 0, c.refuse(n, "nothing of a tenant's is placed after %q: the provider manages it, and its services are nearest the gateway", at.After)
		}
		first = max(first, i+1)
	}
	if at.Before != "" {
		i, err := c.find(n, others, at.Before)
		if err != nil {
			return 0, 0, err
		}
		if i < tenants && c.own.provider {
			return 0, 0, c.refuse(n, "nothing of the provider's is placed before %q, which is a tenant's: its services are nearest the gateway", at.Before)
		}
		last = min(last, i)
	}
	if first > last {
		return 0, 0, c.refuse(n, "no place is after %q and before %q", at.After, at.Before)
	}
	return first, last, nil
}

// find is where an instance, by id or name, stands in a chain without one's own.
func (c *chooser) find(n topology.NetworkID, others []link, named string) (int, error) {
	who, err := c.named(n, named)
	if err != nil {
		return 0, err
	}
	at := slices.IndexFunc(others, func(l link) bool { return l.id == who.id })
	switch {
	case who.id == c.own.id:
		return 0, c.refuse(n, "instance %q cannot be placed before or after itself", c.own.name)
	case c.redirect:
		return 0, c.refuse(n, "instance %q cannot be placed before or after %q: flows are redirected to it, so it has no place in a chain", c.own.name, named)
	case who.redirect:
		return 0, c.refuse(n, "nothing can be placed before or after %q: flows are redirected to it, so it has no place in a chain", named)
	case at < 0:
		return 0, c.refuse(n, "nothing can be placed before or after %q there: it is not in the chain", named)
	}
	return at, nil
}

// named is the tenant's instance of an id, or else the only one of a name.
func (c *chooser) named(n topology.NetworkID, given string) (neighbour, error) {
	var found []neighbour
	for _, who := range append([]neighbour{c.own}, c.others...) {
		if string(who.id) == given {
			return who, nil
		}
		if who.name == given {
			found = append(found, who)
		}
	}
	switch len(found) {
	case 0:
		return neighbour{}, c.refuse(n, "tenant %q has no instance %q%s", c.tenant, given, c.there)
	case 1:
		return found[0], nil
	}
	return neighbour{}, c.refuse(n, "tenant %q has %d instances named %q; give the id of the one you mean", c.tenant, len(found), given)
}

// refuse says what cannot be, and shows the chain as it is.
func (c *chooser) refuse(n topology.NetworkID, format string, args ...any) error {
	return fault.New(fault.Invalid, "%s; network %q: %s", fmt.Sprintf(format, args...), c.label(n), c.drawn(n))
}

// label is what people call a network of the tenant.
func (c *chooser) label(n topology.NetworkID) string {
	at := slices.IndexFunc(c.networks, func(o topology.Network) bool { return o.ID == n })
	if at < 0 || c.networks[at].Name == "" {
		return string(n)
	}
	return c.networks[at].Name
}

// mostDrawn is how many services of a chain a sentence shows.
const mostDrawn = 16

// drawn is a network's chain in one line.
func (c *chooser) drawn(n topology.NetworkID) string {
	everybody := append([]neighbour{c.own}, c.others...)
	parts := []string{"hosts"}
	links := chain(n, everybody)
	for at, l := range links {
		if at == mostDrawn {
			parts = append(parts, fmt.Sprintf("%d more", len(links)-at))
			break
		}
		parts = append(parts, called(l.neighbour, everybody))
	}
	return strings.Join(append(parts, "gateway"), " → ")
}

// called is an instance's name, with its id when another has that name.
func called(who neighbour, everybody []neighbour) string {
	same := 0
	for _, o := range everybody {
		if o.name == who.name {
			same++
		}
	}
	if same > 1 {
		return fmt.Sprintf("%s (%s)", who.name, who.id)
	}
	return who.name
}
