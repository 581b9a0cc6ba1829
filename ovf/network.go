package ovf

import "strings"

// Network is one logical network of the NetworkSection.
type Network struct {
	Name        string
	Description string
	Profiles    []PortProfile // what its ports are to be given (2.x)
	place       *place
}

// PortProfile is a NetworkPortProfile, or what a NetworkPortProfileURI names
// (2.x, DSP8049). It is kept as what the vendor wants; nothing is fetched.
type PortProfile struct {
	URI         string // of a profile that is kept elsewhere; then the rest is empty
	ID          string // NetworkPortProfileID
	Name        string // ElementName
	Reservation int64  // of Units; -1 when not said
	Limit       int64  // of Units; -1 when not said
	Units       string // such as bit / second * 10^9
}

func (r *reader) networkSection(n node) {
	r.parts(n, func(c node) bool {
		if !c.is("Network") {
			return false
		}
		r.network(c)
		return true
	})
}

func (r *reader) network(n node) {
	name := r.need(n, "name")
	if name == "" {
		return
	}
	if r.networks[name] {
		r.err(n.place(), CodeDuplicateID, "network %q stands twice", printable(name, 60))
		return
	}
	r.networks[name] = true
	network := Network{Name: name, place: n.place()}
	for c := range n.children {
		switch {
		case c.is("Description"):
			network.Description = r.text(c)
		case c.is("NetworkPortProfileURI"):
			network.Profiles = append(network.Profiles, PortProfile{URI: strings.TrimSpace(c.el.Text()), Reservation: -1, Limit: -1})
		case c.is("NetworkPortProfile"):
			network.Profiles = append(network.Profiles, r.portProfiles(c)...)
		default:
			r.unknown(c)
		}
	}
	r.pkg.Networks = append(r.pkg.Networks, network)
}

// portProfiles reads the Items of a profile, which are of CIM's Ethernet kind.
func (r *reader) portProfiles(n node) []PortProfile {
	var profiles []PortProfile
	for c := range n.children {
		if !c.is("Item") && !c.is("EthernetPortItem") {
			r.unknown(c)
			continue
		}
		item := r.item(c)
		profiles = append(profiles, PortProfile{
			ID: item.PortProfile, Name: item.ElementName,
			Reservation: item.Reservation, Limit: item.Limit, Units: item.Units,
		})
	}
	return profiles
}
