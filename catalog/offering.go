package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/shopspring/decimal"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/ovf"
)

// draft makes the service of a package, or updates it while it is not on offer.
func (c *Catalog) draft(ctx context.Context, p Package, pkg *ovf.Package) (Service, error) {
	fresh, err := offering(p, pkg)
	if err != nil {
		return fresh, err
	}
	return c.services.Upsert(ctx, string(fresh.ID), func(old Service, exists bool) (Service, error) {
		if exists && (old.State != Draft || old.Package == p.ID) {
			return old, store.Unchanged
		}
		fresh.Plans = carryPrices(old.Plans, fresh.Plans)
		return fresh, nil
	})
}

// offering is the draft that a package makes by itself.
func offering(p Package, pkg *ovf.Package) (Service, error) {
	product := pkg.Product()
	s := Service{
		ID:     ServiceID(stableID("service", p.Vendor, p.Name)),
		Vendor: p.Vendor, Name: serviceName(p), State: Draft, Package: p.ID, Changed: now(),
		DisplayName: first(product.Name, p.Name), ProviderName: first(product.Vendor, p.Vendor),
	}
	s.LongDescription = annotation(pkg)
	s.Description = first(oneLine(s.LongDescription), s.DisplayName+" "+p.Version)
	network, _ := pkg.Service() // what is missing is found in what the service will be
	s.Insertion = insertion(pkg, network)
	var err error
	s.Plans, err = plans(s, p, pkg, network.Prices)
	s.Missing = missing(s, pkg)
	return s, err
}

// obstacles are what keeps this broker from booting the package at all.
func obstacles(pkg *ovf.Package) []string {
	var list []string
	if n := len(pkg.Systems()); n != 1 {
		list = append(list, fmt.Sprintf("the package has %d virtual systems; a service is made of one", n))
	}
	for _, f := range pkg.Files {
		if f.Compression == "gzip" || f.ChunkSize > 0 {
			list = append(list, fmt.Sprintf("file %q is compressed or in chunks; a disk image must be stored as it is", f.Name))
		}
	}
	for _, p := range pkg.Properties() {
		if slices.Contains([]string{KeyNetworks, KeyNetwork, KeyNearest}, p.ID) {
			list = append(list, fmt.Sprintf("property %q has the name of a parameter of the broker's own", p.ID))
		}
	}
	return list
}

func plans(s Service, p Package, pkg *ovf.Package, suggested []ovf.Price) ([]Plan, error) {
	var list []Plan
	for _, option := range pkg.Plans() {
		plan := Plan{
			ID:   PlanID(stableID("plan", p.Vendor, p.Name, option.ID)),
			Name: unusedName(slug(option.ID), list), Configuration: option.ID,
			DisplayName: first(option.Label, option.ID), VCPUs: int(option.VCPUs), MemoryBytes: option.MemoryBytes, Default: option.Default,
		}
		plan.Description = first(oneLine(option.Description), plan.DisplayName)
		schema, err := json.Marshal(provisionSchema(pkg, option.ID, s.Insertion))
		if err != nil {
			return nil, fmt.Errorf("cannot keep the parameter schema of plan %q: %w", plan.Name, err)
		}
		plan.Schema = schema
		if plan.Prices, err = suggestedPrices(suggested, option.ID); err != nil {
			return nil, err
		}
		list = append(list, plan)
	}
	return list, nil
}

func suggestedPrices(suggested []ovf.Price, configuration string) ([]Price, error) {
	var list []Price
	for _, p := range suggested {
		if p.Configuration != "" && p.Configuration != configuration {
			continue
		}
		amount, err := decimal.NewFromString(p.Amount)
		if err != nil {
			return nil, fault.New(fault.Invalid, "the package suggests the price %q, which is no decimal number", p.Amount)
		}
		price := Price{Dimension: p.Dimension, Unit: p.Unit, Amount: amount, Currency: p.Currency}
		if err := price.check(); err != nil {
			return nil, err
		}
		list = append(list, price)
	}
	return list, nil
}

// carryPrices keeps what an earlier draft's plans were priced at.
func carryPrices(old, fresh []Plan) []Plan {
	for n := range fresh {
		for _, o := range old {
			if o.ID == fresh[n].ID && len(o.Prices) > 0 {
				fresh[n].Prices = o.Prices
			}
		}
	}
	return fresh
}

// insertion joins the NICs of the package with what the vendor says of them.
func insertion(pkg *ovf.Package, n ovf.NetworkService) Insertion {
	in := Insertion{
		Type: n.Type, Topology: n.Topology, Modes: n.Modes, ManagedBy: n.ManagedBy,
		Zones: n.Zones, Failure: n.Failure, HA: n.HA, Probe: n.Probe,
	}
	if n.Health != nil {
		in.Health = &Endpoint{Protocol: n.Health.Protocol, Port: n.Health.Port, Path: n.Health.Path}
	}
	if n.Login != nil {
		in.Management = &Management{
			Endpoint: Endpoint{Protocol: n.Login.Protocol, Port: n.Login.Port},
			User:     n.Login.User, PasswordProperty: n.Login.PasswordProperty,
		}
	}
	plan, ok := pkg.Plan("")
	if !ok || len(plan.Systems) == 0 {
		return in
	}
	for _, nic := range plan.Systems[0].NICs {
		leg := Leg{NIC: nic.Name, Network: nic.Network, Model: nic.Model, Inferred: n.Inferred}
		if k := slices.IndexFunc(n.Legs, func(l ovf.Leg) bool { return l.InstanceID == nic.InstanceID }); k >= 0 {
			leg.Role = string(n.Legs[k].Role)
			if leg.carries() {
				leg.Pair = n.Legs[k].Pair
			}
		}
		in.Legs = append(in.Legs, leg)
	}
	return in
}

// carries says whether tenants' traffic passes the leg.
func (l Leg) carries() bool {
	return l.Role == string(ovf.RoleInside) || l.Role == string(ovf.RoleOutside)
}

func annotation(pkg *ovf.Package) string {
	for _, s := range pkg.Systems() {
		if s.Annotation != "" {
			return s.Annotation
		}
	}
	if pkg.Content != nil {
		return pkg.Content.Annotation
	}
	return ""
}

// stableID is a UUID (RFC 9562, version 8) made of names alone, so that a
// package uploaded again, here or on another broker, keeps its ids.
func stableID(parts ...string) string {
	sum := sha256.Sum256([]byte("bumpwire " + strings.Join(parts, "\x00")))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	h := hex.EncodeToString(sum[:16])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:32]}, "-")
}

// slug is a name as command lines and platforms like it: lower-case letters,
// digits, dots and hyphens (OSB 2.17, "CLI-friendly").
func slug(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)), r == '.':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	s := strings.Trim(b.String(), "-.")
	if s == "" {
		sum := sha256.Sum256([]byte(name))
		return "x" + hex.EncodeToString(sum[:4])
	}
	return s[:min(len(s), 60)]
}

// serviceName is unique over vendors: the vendor's name stands in front unless
// the package's begins with it.
func serviceName(p Package) string {
	if p.Name == p.Vendor || strings.HasPrefix(p.Name, p.Vendor+"-") {
		return p.Name
	}
	return p.Vendor + "-" + p.Name
}

// unusedName tells plans apart whose configuration ids have one slug.
func unusedName(name string, taken []Plan) string {
	try := name
	for n := 2; slices.ContainsFunc(taken, func(p Plan) bool { return p.Name == try }); n++ {
		try = fmt.Sprintf("%s-%d", name, n)
	}
	return try
}

// oneLine is the first line of a text, cut to what every platform takes.
func oneLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if r := []rune(strings.TrimSpace(line)); len(r) > 250 {
		return string(r[:249]) + "…"
	}
	return strings.TrimSpace(line)
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
