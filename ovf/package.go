package ovf

import (
	"iter"
	"slices"
)

// Dialect is the family of the descriptor, decided by the namespace of its
// Envelope (the version attribute is not in the schema and at most a hint).
type Dialect string

// The dialects that are read.
const (
	Dialect09 Dialect = "0.9" // VMware's pre-standard form
	Dialect1  Dialect = "1.x" // DSP0243 1.0 and 1.1 share one namespace
	Dialect2  Dialect = "2.x" // DSP0243 2.0 and 2.1
)

// Package is one OVF package as read: what its descriptor says and what was
// found around it. It is not changed after it has been returned.
type Package struct {
	Descriptor string  // file name of the .ovf; the File of its findings
	Dialect    Dialect // "" when the descriptor could not be read
	Language   string  // xml:lang of the Envelope

	Files          []File          // References
	Disks          []Disk          // DiskSection, SharedDiskSection
	Networks       []Network       // NetworkSection
	Configurations []Configuration // DeploymentOptionSection
	Content        *Content        // nil when the descriptor could not be read

	PlacementGroups []PlacementGroup // PlacementGroupSection (2.x)

	// Extensions are the sections of other namespaces, whether ignored
	// knowingly, optional, or refused.
	Extensions []Extension

	Members      []Member     // what the container held, in its order; empty for a bare descriptor
	Images       []Image      // the files of References that are at hand, as their readers see them
	Verification Verification // of manifest and certificate
	Digest       string       // hex SHA-256 of the content, see contentDigest; "" when unreadable
	Findings     Findings

	plans  []Plan
	listed map[string]FileState // by the names in the manifest
	made   map[string]string    // digests for a new manifest, by member name; nil unless one is to be made
}

// Valid reports whether the package may be used: no finding is an error.
func (p *Package) Valid() bool { return p.Content != nil && !p.Findings.HasErrors() }

// Plans returns one plan for each configuration in document order, or one
// with the id "default" where the package has none. They are computed also for
// an invalid package as far as it could be read.
func (p *Package) Plans() []Plan { return slices.Clone(p.plans) }

// Plan returns the plan of that configuration id; "" means the default one.
func (p *Package) Plan(id string) (Plan, bool) {
	for _, plan := range p.plans {
		if plan.ID == id || (id == "" && plan.Default) {
			return plan, true
		}
	}
	return Plan{}, false
}

// File is one entry of References.
type File struct {
	ID          string
	Href        string // as written
	Name        string // the member it names: Href decoded once; "" when Href is refused
	Size        int64  // bytes as stored; -1 when not said
	Compression string // "", "identity", "gzip" or "bzip2"
	ChunkSize   int64  // bytes of each piece but the last; 0 when in one piece
	place       *place
}

// Disk is one virtual disk of a DiskSection.
type Disk struct {
	ID         string
	FileRef    string // id of a File; "" for a blank disk
	ParentRef  string // id of the Disk this one is a delta of
	Format     string // URI, a claim
	Capacity   int64  // bytes; 0 when CapacityProperty is set
	Populated  int64  // bytes; -1 when not said
	Shared     bool   // from a SharedDiskSection (2.x)
	ReadOnly   bool   // of a shared disk
	place      *place
	badNumbers bool

	// CapacityProperty is the full id of the property whose value, times the
	// allocation unit, is the capacity; "" when the capacity is a number.
	CapacityProperty string
	Unit             int64 // bytes that 1 of it means; 0 is the same as 1
}

// Configuration is one deployment option.
type Configuration struct {
	ID          string
	Label       string
	Description string
	Default     bool // exactly one is the default: the marked one, else the first
	place       *place
}

// Extension is a section that is not of the OVF standard.
type Extension struct {
	Namespace string
	Name      string
	Info      string
	Required  bool
	Known     bool // on the list of sections that are knowingly ignored
}

// File returns the References entry with that id.
func (p *Package) File(id string) (File, bool) {
	for _, f := range p.Files {
		if f.ID == id {
			return f, true
		}
	}
	return File{}, false
}

// Disk returns the disk with that id.
func (p *Package) Disk(id string) (Disk, bool) {
	for _, d := range p.Disks {
		if d.ID == id {
			return d, true
		}
	}
	return Disk{}, false
}

// Member returns the member of the container with that name.
func (p *Package) Member(name string) (Member, bool) {
	for _, m := range p.Members {
		if m.Name == name {
			return m, true
		}
	}
	return Member{}, false
}

// Image returns the file with the name by which PlanDisk and PlanDrive call it.
func (p *Package) Image(name string) (Image, bool) {
	for _, i := range p.Images {
		if i.Name == name {
			return i, true
		}
	}
	return Image{}, false
}

// Systems returns the virtual systems of the package in document order,
// without the collections around them.
func (p *Package) Systems() []*Content {
	if p.Content == nil {
		return nil
	}
	return p.Content.systems(nil)
}

// Contents goes through every content, a collection before its children.
func (p *Package) Contents() iter.Seq[*Content] {
	return func(yield func(*Content) bool) {
		more := true
		p.each(func(c *Content) { more = more && yield(c) })
	}
}

// Eulas returns every licence of the package, outermost content first.
func (p *Package) Eulas() []Eula {
	var eulas []Eula
	p.each(func(c *Content) { eulas = append(eulas, c.Eulas...) })
	return eulas
}

// Properties returns every property of the package, outermost content first.
func (p *Package) Properties() []Property {
	var properties []Property
	p.each(func(c *Content) { properties = append(properties, c.Properties()...) })
	return properties
}

// Product returns the product that names the package: the first ProductSection
// that has a name, the outermost content first, or an empty one.
func (p *Package) Product() Product {
	var first Product
	p.each(func(c *Content) {
		for _, product := range c.Products {
			if first.Name == "" && product.Name != "" {
				first = product
			}
		}
	})
	return first
}

// each visits every content, a collection before its children.
func (p *Package) each(visit func(*Content)) {
	if p.Content != nil {
		p.Content.each(visit)
	}
}
