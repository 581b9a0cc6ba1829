package catalog

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
)

// offering is the service that a package makes, with what the vendor has said
// before (in old, which may be the zero Service) and says now (by, nil for
// nothing). Name and State are the caller's. Invalid when by names a NIC that the
// package does not have.
func offering(old Service, p Package, pkg *ovf.Package, by *Insertion) (Service, error) {
	product, suggested := pkg.Product(), insertionOf(pkg)
	corrections, err := corrected(old.Corrections, by, suggested)
	if err != nil {
		return old, err
	}
	s := Service{
		ID: serviceID(p.Vendor, p.Name), Vendor: p.Vendor, Name: old.Name, State: old.State, Package: p.ID, Changed: now(),
		DisplayName: first(oneLine(product.Name), p.Name), ProviderName: first(oneLine(product.Vendor), p.Vendor),
		Insertion: suggested, Corrections: corrections, EULAs: p.EULAs,
		ProductURL: product.ProductURL, VendorURL: product.VendorURL, Icon: p.Icon, Structure: structureOf(pkg),
	}
	if corrections != nil {
		s.Insertion, _ = suggested.correct(*corrections) // NICs of an older version are no matter
	}
	s.LongDescription = clip(strings.TrimSpace(annotation(pkg)), 10_000) // Cloud Foundry's limit
	s.Description = first(oneLine(s.LongDescription), oneLine(s.DisplayName+" "+p.Version))
	s.Tags = []string{"network-service"}
	if s.Insertion.Type != "" {
		s.Tags = append(s.Tags, oneLine(s.Insertion.Type))
	}
	s.Plans = plansOf(p, pkg, s.Insertion)
	keepPrices(s.Plans, old)
	s.Former = former(old, s.Plans)
	s.Missing = slices.Concat(obstacles(pkg, s.Insertion), s.Structure.several(), unwritable(p, pkg), s.Insertion.missing(), unpriced(s.Plans), tooLong(s.Plans))
	return s, nil
}

// corrected joins earlier corrections with new ones. A new leg that names no NIC is
// for the one at its place.
func corrected(earlier, by *Insertion, in Insertion) (*Insertion, error) {
	if by == nil {
		return earlier, nil
	}
	given := *by
	given.Legs = slices.Clone(by.Legs)
	for n := range given.Legs {
		if given.Legs[n].NIC == "" && n < len(in.Legs) {
			given.Legs[n].NIC = in.Legs[n].NIC
		}
	}
	if _, unknown := in.correct(given); len(unknown) > 0 {
		return earlier, fault.New(fault.Invalid, "the package has no NIC %s", quoted(unknown))
	}
	if earlier != nil {
		given = earlier.and(given)
	}
	return &given, nil
}

// obstacles are what keeps this broker from booting instances of the package.
func obstacles(pkg *ovf.Package, in Insertion) []string {
	var list []string
	for _, plan := range pkg.Plans() {
		if unserved := unservable(plan, in); len(unserved) > 0 {
			list = append(list, unserved...)
			continue
		}
		if otherNICs(plan, in) {
			list = append(list, fmt.Sprintf("configuration %q has other NICs than the default one; all must have the same", plan.ID))
		}
		list = append(list, deltas(pkg, plan)...)
	}
	for _, p := range pkg.Properties() {
		if in.Reserved(p.ID) {
			list = append(list, fmt.Sprintf("property %q has the name of a parameter of the broker's own", p.ID))
		}
		if p.Fill != nil && p.Fill.Kind == ovf.FillPeer && !managed(in) {
			list = append(list, fmt.Sprintf("property %q is to hold peers' addresses, and there is no management leg that has one on every side", p.ID))
		}
	}
	if m := in.Management; m != nil && m.PasswordProperty != "" &&
		!slices.ContainsFunc(pkg.Properties(), func(p ovf.Property) bool { return p.ID == m.PasswordProperty }) {
		list = append(list, fmt.Sprintf("the login's password is to be property %q, which the package does not have", m.PasswordProperty))
	}
	return list
}

// unwritable are the systems whose environment does not go on a CD.
func unwritable(p Package, pkg *ovf.Package) []string {
	stored := func(f ovf.File) int64 {
		i, _ := p.Image(f.Name) // without it the package would not have been taken
		return i.Size
	}
	var list []string
	for _, c := range pkg.Systems() {
		if err := pkg.CheckMedium(c, stored); err != nil {
			list = append(list, fmt.Sprintf("system %q: %s", oneLine(c.ID), err))
		}
	}
	return list
}

// deltas are the disks of a plan that hold only what differs from another.
func deltas(pkg *ovf.Package, plan ovf.Plan) (list []string) {
	for _, system := range plan.Systems {
		for _, d := range system.Disks {
			if disk, ok := pkg.Disk(d.ID); ok && disk.ParentRef != "" {
				list = append(list, fmt.Sprintf("disk %q of configuration %q is a delta of disk %q; each disk must be whole", oneLine(d.ID), plan.ID, oneLine(disk.ParentRef)))
			}
		}
	}
	return list
}

// managed says whether the appliance on every side has a management leg.
func managed(in Insertion) bool {
	for _, side := range in.SideNames() {
		if !slices.ContainsFunc(in.LegsOf(side), func(l Leg) bool { return l.Role == string(ovf.RoleManagement) }) {
			return false
		}
	}
	return true
}

// plansOf is one plan for each deployment configuration, priced as the package
// suggests.
func plansOf(p Package, pkg *ovf.Package, in Insertion) []Plan {
	network, _ := pkg.Service()
	var list []Plan
	for _, option := range pkg.Plans() {
		plan := Plan{
			ID: planID(p, option.ID), Configuration: option.ID, DisplayName: oneLine(first(option.Label, option.ID)),
			Systems: systemsOf(option), Default: option.Default,
			Prices: suggestedPrices(network, option.ID), Schema: provisionSchema(pkg, option.ID, in),
		}
		plan.VCPUs, plan.MemoryBytes = sideSize(option, in)
		plan.Name = unusedName(plan, list)
		plan.Description = first(oneLine(option.Description), plan.DisplayName, plan.Name)
		list = append(list, plan)
	}
	return list
}

// keepPrices gives plans the prices that they have had. Only a draft's that are no
// more than an older package's suggestion give way to a newer one's.
func keepPrices(plans []Plan, old Service) {
	for n := range plans {
		for _, o := range slices.Concat(old.Plans, old.Former) {
			suggestion := old.State == Draft && len(plans[n].Prices) > 0 &&
				!slices.ContainsFunc(o.Prices, func(p Price) bool { return !p.From.Equal(time.Time{}) })
			if o.ID == plans[n].ID && len(o.Prices) > 0 && !suggestion {
				plans[n].Prices = o.Prices
			}
		}
	}
}

// former are the plans that instances may have and plans does not.
func former(old Service, plans []Plan) []Plan {
	if old.State == Draft {
		return nil
	}
	return slices.DeleteFunc(slices.Concat(old.Plans, old.Former), func(o Plan) bool {
		return slices.ContainsFunc(plans, func(p Plan) bool { return p.ID == o.ID })
	})
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
