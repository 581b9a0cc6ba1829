package ovf

import (
	"slices"
	"strings"
	"unicode"
)

// Service returns how the package is inserted into a network: what its
// NetworkServiceSection says, else what names suggest. missing lists, in
// words, the facts without which it cannot be offered: the vendor has to
// supply them when publishing. It is empty when nothing is missing.
func (p *Package) Service() (service NetworkService, missing []string) {
	for _, system := range p.Systems() {
		if system.Service != nil {
			return *system.Service, system.Service.missing()
		}
	}
	service = p.inferService()
	return service, service.missing()
}

func (s NetworkService) missing() []string {
	var missing []string
	if s.Type == "" {
		missing = append(missing, "type")
	}
	for _, role := range []Role{RoleInside, RoleOutside} {
		if !slices.ContainsFunc(s.Legs, func(l Leg) bool { return l.Role == role }) {
			missing = append(missing, string(role)+" leg")
		}
	}
	return missing
}

func (p *Package) inferService() NetworkService {
	s := NetworkService{Topology: "single", Zones: "bridged", Probe: "arp", Failure: "closed", Inferred: true}
	fillServiceDefaults(&s)
	plan, ok := p.Plan("")
	if !ok || len(plan.Systems) == 0 {
		return s
	}
	s.System = plan.Systems[0].ID
	for _, nic := range plan.Systems[0].NICs {
		if nic.Role != "" {
			s.Legs = append(s.Legs, Leg{InstanceID: nic.InstanceID, Role: nic.Role, Pair: nic.Pair})
		}
	}
	product := p.Product()
	s.Type = inferType(product.Name + " " + product.FullVersion + " " + plan.Systems[0].Name)
	return s
}

// inferType looks for the usual words of the trade in a product's name.
func inferType(text string) string {
	words := " " + strings.Join(splitWords(text), " ") + " "
	for _, t := range serviceTypes {
		for _, phrase := range t.phrases {
			if strings.Contains(words, " "+phrase+" ") {
				return t.name
			}
		}
	}
	return ""
}

var serviceTypes = []struct {
	name    string
	phrases []string
}{
	{"firewall", []string{"firewall", "ngfw", "utm"}},
	{"load-balancer", []string{"load balancer", "loadbalancer", "adc", "application delivery"}},
	{"wan-optimiser", []string{"wan optimizer", "wan optimiser", "wan optimization", "wan optimisation", "wan accelerator"}},
	{"vpn", []string{"vpn", "sd wan", "sdwan"}},
	{"ips", []string{"ips", "ids", "intrusion prevention", "intrusion detection"}},
	{"router", []string{"router", "gateway"}},
	{"proxy", []string{"proxy"}},
}

// roleWords are the words that give a NIC its role.
var roleWords = map[string]Role{
	"inside": RoleInside, "lan": RoleInside, "internal": RoleInside, "trust": RoleInside, "trusted": RoleInside,
	"outside": RoleOutside, "wan": RoleOutside, "external": RoleOutside, "untrust": RoleOutside, "untrusted": RoleOutside,
	"mgmt": RoleManagement, "management": RoleManagement,
	"ha": RoleHA, "sync": RoleHA, "heartbeat": RoleHA,
}

// InferRole guesses a NIC's role from its own name and then from its
// network's, word by word. It is "" when no word tells, or two words of the
// same name tell different things.
func InferRole(nic, network string) Role {
	for _, name := range []string{nic, network} {
		var role Role
		for _, word := range splitWords(name) {
			found := roleWords[word]
			if found != "" && role != "" && found != role {
				return ""
			}
			if found != "" {
				role = found
			}
		}
		if role != "" {
			return role
		}
	}
	return ""
}

// splitWords cuts a name into words in lower case: at everything that is no
// letter, and before a capital that follows a small letter.
func splitWords(s string) []string {
	var words []string
	var word []rune
	flush := func() {
		if len(word) > 0 {
			words = append(words, strings.ToLower(string(word)))
			word = word[:0]
		}
	}
	small := false
	for _, c := range s {
		if !unicode.IsLetter(c) || (small && unicode.IsUpper(c)) {
			flush()
		}
		if unicode.IsLetter(c) {
			word = append(word, c)
		}
		small = unicode.IsLower(c)
	}
	flush()
	return words
}
