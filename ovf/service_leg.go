package ovf

import (
	"regexp"
	"strconv"
	"strings"
)

func (r *reader) leg(s *NetworkService, n node) {
	leg := Leg{
		InstanceID: r.plain(n, "instanceID"),
		Role:       Role(r.choice(n, "role", "", string(RoleInside), string(RoleOutside), string(RoleManagement), string(RoleHA))),
	}
	if leg.InstanceID == "" || leg.Role == "" {
		r.err(n.place(), CodeMissingAttribute, "a Leg needs an instanceID and a role")
		return
	}
	if leg.Role == RoleInside || leg.Role == RoleOutside {
		leg.Pair = 1
	}
	if text := r.plain(n, "pair"); text != "" {
		pair, err := strconv.ParseUint(text, 10, 16)
		if err != nil || pair == 0 || leg.Pair == 0 {
			r.err(n.place(), CodeService, "pair is %q; it is a number from 1, for inside and outside legs", printable(text, 40))
			return
		}
		leg.Pair = int(pair)
	}
	for _, other := range s.Legs {
		if other.InstanceID == leg.InstanceID {
			r.err(n.place(), CodeDuplicateID, "the NIC %s has two legs", printable(leg.InstanceID, 40))
			return
		}
	}
	if len(s.Legs) >= maxLegs {
		r.err(n.place().parent, CodeCountLimit, "more than %d legs", maxLegs)
		return
	}
	s.Legs = append(s.Legs, leg)
}

// maxLegs is far above what any cloud plugs into one machine.
const maxLegs = 64

func (r *reader) availability(n node) []string {
	modes := list(r.plain(n, "modes"))
	for _, mode := range modes {
		size, cluster := strings.CutPrefix(mode, "cluster:")
		members, err := strconv.ParseUint(size, 10, 8)
		if mode != "none" && mode != "respin" && mode != "standby" && (!cluster || err != nil || members < 2) {
			r.err(n.place(), CodeService, "availability mode %q is none of none, respin, standby and cluster:N", printable(mode, 40))
		}
	}
	return modes
}

var (
	decimalAmount = regexp.MustCompile(`^[0-9]{1,12}(\.[0-9]{1,9})?$`)
	currencyCode  = regexp.MustCompile(`^[A-Z]{3}$`)
)

func (r *reader) price(n node) Price {
	p := Price{
		Configuration: r.plain(n, "configuration"), Dimension: r.plain(n, "dimension"), Unit: r.plain(n, "unit"),
		Amount: r.plain(n, "amount"), Currency: r.plain(n, "currency"),
	}
	switch {
	case p.Configuration != "" && !r.options[p.Configuration]:
		r.err(n.place(), CodeUnknownConfiguration, "configuration %q is not declared in the DeploymentOptionSection", printable(p.Configuration, 60))
	case !decimalAmount.MatchString(p.Amount):
		r.err(n.place(), CodeService, "amount %q is no decimal number such as 0.12", printable(p.Amount, 40))
	case !currencyCode.MatchString(p.Currency):
		r.err(n.place(), CodeService, "currency %q is no code of three capital letters", printable(p.Currency, 40))
	case p.Dimension == "" || p.Unit == "":
		r.err(n.place(), CodeMissingAttribute, "a Price needs a dimension and a unit")
	}
	return p
}
