package ovf_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/ovf"
)

// Whatever a program puts together is written so that a strict reader has
// nothing to say, and reads the same.
func TestGeneratedPackagesAreTheSameWhenWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		p := generated(r)
		text, back := written(r, p, ovf.Options{Strict: true})
		require.Empty(r, back.Findings, "%s", text)
		require.Equal(r, modelWithoutPlans(r, p), modelWithoutPlans(r, back), "%s", text)
		requireSameWhenWritten(r, back)
	})
}

func drawText(r *rapid.T, label string) string {
	return strings.TrimSpace(rapid.StringOfN(rapid.RuneFrom([]rune("ab7 <>&\"'\\{}(),;$%é☃\n\t]-")), 0, 12, -1).Draw(r, label))
}

// drawWord is an id: it may be in a list that spaces or commas separate.
func drawWord(r *rapid.T, label string, n int) string {
	return rapid.StringOfN(rapid.RuneFrom([]rune("ab7<>&\"'\\{}()é.-_")), 0, 6, -1).Draw(r, label) + fmt.Sprint(n)
}

func upTo(r *rapid.T, label string, most int) int { return rapid.IntRange(0, most).Draw(r, label) }

func coin(r *rapid.T, label string) bool { return rapid.Bool().Draw(r, label) }

func generated(r *rapid.T) *ovf.Package {
	p := &ovf.Package{
		Descriptor: "generated.ovf", Dialect: rapid.SampledFrom([]ovf.Dialect{ovf.Dialect1, ovf.Dialect2}).Draw(r, "dialect"),
		Language: rapid.SampledFrom([]string{"", "en-US", "de"}).Draw(r, "language"),
	}
	for n := range upTo(r, "networks", 3) {
		network := ovf.Network{Name: fmt.Sprint("n", drawText(r, "network"), n), Description: drawText(r, "description")}
		if coin(r, "profiled") {
			network.Profiles = []ovf.PortProfile{
				{URI: "x" + drawText(r, "address"), Reservation: -1, Limit: -1},
				{ID: drawText(r, "profile"), Name: "n" + drawText(r, "profile name"), Reservation: rapid.Int64Range(-1, 9).Draw(r, "rate"), Limit: -1, Units: "bit / second"},
			}
		}
		p.Networks = append(p.Networks, network)
	}
	for n := range upTo(r, "configurations", 3) {
		p.Configurations = append(p.Configurations, ovf.Configuration{
			ID: drawWord(r, "configuration", n), Label: "l" + drawText(r, "label"), Description: drawText(r, "description"), Default: n == 0,
		})
	}
	generateDisks(r, p)
	if coin(r, "group") {
		p.PlacementGroups = []ovf.PlacementGroup{{ID: drawWord(r, "group", 0), Policy: ovf.PlaceApart, Description: drawText(r, "policy")}}
	}
	count := 0
	p.Content = generateContent(r, p, 2, &count)
	return p
}

func generateDisks(r *rapid.T, p *ovf.Package) {
	for n := range upTo(r, "disks", 3) {
		disk := ovf.Disk{
			ID: drawWord(r, "disk", n), Format: drawText(r, "format"), Populated: -1, Shared: coin(r, "shared"),
			Capacity: rapid.Int64Range(1, 1<<45).Draw(r, "capacity"),
		}
		disk.ReadOnly = disk.Shared && coin(r, "read only")
		if coin(r, "populated") {
			disk.Populated = rapid.Int64Range(0, disk.Capacity).Draw(r, "populated size")
		}
		if n > 0 && coin(r, "delta") {
			disk.ParentRef = p.Disks[n-1].ID
		}
		p.Disks = append(p.Disks, disk)
	}
	for n := range p.Disks {
		if coin(r, "blank") {
			continue
		}
		name := fmt.Sprintf("disk %d.img", n)
		f := ovf.File{ID: drawWord(r, "file", n), Href: name, Name: name, Size: rapid.Int64Range(-1, 1<<40).Draw(r, "size")}
		f.Compression = rapid.SampledFrom([]string{"", "identity", "gzip"}).Draw(r, "compression")
		f.ChunkSize = rapid.Int64Range(0, 1<<30).Draw(r, "chunk size")
		p.Files = append(p.Files, f)
		p.Disks[n].FileRef = f.ID
	}
}

func generateContent(r *rapid.T, p *ovf.Package, depth int, count *int) *ovf.Content {
	*count++
	c := &ovf.Content{ID: drawWord(r, "content", *count), Info: drawText(r, "info"), Collection: depth > 0 && coin(r, "collection")}
	c.Name = "n" + drawText(r, "name")
	if coin(r, "annotated") {
		c.Annotation = drawText(r, "annotation")
	}
	for range upTo(r, "licences", 2) {
		c.Eulas = append(c.Eulas, ovf.Eula{Info: drawText(r, "licence"), License: drawText(r, "licence text") + "x\r\x7f."})
	}
	for n := range upTo(r, "products", 2) {
		c.Products = append(c.Products, generateProduct(r, p, n))
	}
	if len(p.PlacementGroups) > 0 && coin(r, "placed") {
		c.Placement = []string{p.PlacementGroups[0].ID}
	}
	if !c.Collection {
		generateSystem(r, p, c)
		return c
	}
	for range upTo(r, "children", 2) + 1 {
		child := generateContent(r, p, depth-1, count)
		c.Children = append(c.Children, child)
		c.Startup = append(c.Startup, ovf.Startup{
			ID: child.ID, Order: upTo(r, "order", 65535), StartDelay: upTo(r, "delay", 9), StopDelay: upTo(r, "delay", 9), WaitingForGuest: coin(r, "wait"),
			StartAction: rapid.SampledFrom([]string{"powerOn", "none"}).Draw(r, "start"), StopAction: rapid.SampledFrom([]string{"powerOff", "guestShutdown", "none"}).Draw(r, "stop"),
		})
		low := upTo(r, "minimum", 5)
		c.ScaleOut = append(c.ScaleOut, ovf.ScaleOut{ID: child.ID, Description: drawText(r, "copies"), Minimum: low, Default: low + 1, Maximum: low + 2})
	}
	return c
}

func generateSystem(r *rapid.T, p *ovf.Package, c *ovf.Content) {
	h := ovf.Hardware{
		Transports: rapid.SampledFrom([][]string{nil, {"iso"}, {"iso", "com.vmware.guestInfo"}}).Draw(r, "transports"),
		Firmware:   rapid.SampledFrom([]string{"", "efi", "bios"}).Draw(r, "firmware"), SecureBoot: coin(r, "secure boot"),
		Families: rapid.SampledFrom([][]string{nil, {"vmx-13", "vmx-14"}}).Draw(r, "families"), Identifier: drawText(r, "identifier"),
	}
	item := func(kind int, name string) ovf.Item {
		return ovf.Item{
			InstanceID: fmt.Sprint(len(h.Items) + 1), ElementName: name + drawText(r, "element"), Description: drawText(r, "description"), Type: kind,
			Quantity: -1, Reservation: rapid.Int64Range(-1, 9).Draw(r, "reservation"), Limit: -1, Weight: -1,
			Required: coin(r, "required"), AutomaticAllocation: coin(r, "connected"), Bound: ovf.BoundNormal,
		}
	}
	cpu, memory := item(ovf.ResourceCPU, "CPU"), item(ovf.ResourceMemory, "memory")
	cpu.Quantity, memory.Quantity, memory.Units, memory.InstanceID = 2, rapid.Int64Range(1, 4096).Draw(r, "memory"), "byte * 2^20", "2"
	most := cpu
	most.Bound, most.Quantity = ovf.BoundMax, 8
	h.Items = append(h.Items, cpu, memory, most)
	for _, configuration := range p.Configurations {
		more := cpu
		more.Configurations, more.Quantity = []string{configuration.ID}, 4
		h.Items = append(h.Items, more)
	}
	for _, disk := range p.Disks {
		if i := item(ovf.ResourceDisk, "disk"); coin(r, "attached") {
			i.HostResources = []string{"ovf:/disk/" + disk.ID}
			h.Items = append(h.Items, i)
			c.Boot = append(c.Boot, ovf.BootDevice{InstanceID: i.InstanceID, Caption: drawText(r, "caption")})
		}
	}
	for _, network := range p.Networks {
		i := item(ovf.ResourceEthernet, "eth")
		i.Connections, i.Subtypes = []string{network.Name}, []string{"virtio", "E1000"}
		i.PortProfile = rapid.SampledFrom([]string{"", "a profile"}).Draw(r, "profile of the port")
		h.Items = append(h.Items, i)
	}
	h.Requirements = append(h.Requirements,
		ovf.Requirement{Kind: ovf.RequireConfig, InstanceID: "1", Key: "k" + drawText(r, "key"), Value: drawText(r, "value")},
		ovf.Requirement{Kind: ovf.RequireExtraConfig, Key: "k" + drawText(r, "key"), Value: drawText(r, "value")})
	if h.Firmware != "" {
		h.Requirements = append(h.Requirements, ovf.Requirement{Kind: ovf.RequireConfig, Key: "firmware", Value: h.Firmware, Supported: true})
	}
	if h.SecureBoot {
		h.Requirements = append(h.Requirements, ovf.Requirement{
			Kind: ovf.RequireConfig, Key: "bootOptions.efiSecureBootEnabled", Value: "1", Required: coin(r, "required setting"), Supported: true,
		})
	}
	c.Hardware = []ovf.Hardware{h}
	if coin(r, "guest") {
		c.OperatingSystem = &ovf.OperatingSystem{ID: upTo(r, "system", 115), Version: drawText(r, "version"), Description: drawText(r, "description"), VMware: drawText(r, "vmware")}
	}
}

func generateProduct(r *rapid.T, p *ovf.Package, n int) ovf.Product {
	product := ovf.Product{
		Class: drawWord(r, "class", n), Instance: drawText(r, "instance"), Name: drawText(r, "product"), Vendor: drawText(r, "vendor"),
		Version: drawText(r, "version"), FullVersion: drawText(r, "full version"), ProductURL: "https://example.com/?a=1&b=2", AppURL: "http://${address}:80/",
	}
	product.Instance = strings.Map(func(c rune) rune {
		if c < ' ' {
			return '_'
		}
		return c
	}, product.Instance)
	if len(p.Files) > 0 {
		product.Icons = []ovf.Icon{{FileRef: p.Files[0].ID, MediaType: drawText(r, "media type"), Width: upTo(r, "width", 64), Height: upTo(r, "height", 64)}}
	}
	for n := range upTo(r, "properties", 4) {
		property := ovf.Property{
			Key: drawWord(r, "key", n), Class: product.Class, Instance: product.Instance, Type: ovf.TypeString, Label: "l" + drawText(r, "label"),
			Description: drawText(r, "description"), Category: drawText(r, "category"), UserConfigurable: coin(r, "configurable"),
			Default: rapid.SampledFrom([]string{"", " kept ", "a\tb\n<&>"}).Draw(r, "default"), HasDefault: true,
		}
		property.ID = product.Class + "." + property.Key
		if product.Instance != "" {
			property.ID += "." + product.Instance
		}
		if coin(r, "rules") {
			least := int64(0)
			property.Rules = ovf.Rules{MinLen: &least, Values: []string{"", "kept", " kept ", "a\tb\n<&>", `"\`, drawText(r, "value") + "x"}}
			property.Rules.Values[2], property.Default = "x", "kept"
		}
		for _, configuration := range p.Configurations {
			if property.Values == nil {
				property.Values = map[string]string{}
			}
			property.Values[configuration.ID] = property.Default
		}
		if len(p.Networks) > 0 && coin(r, "filled") {
			property.Fill = &ovf.Fill{Kind: rapid.SampledFrom([]ovf.FillKind{ovf.FillIP, ovf.FillNetmask, ovf.FillGateway}).Draw(r, "kind"), Network: p.Networks[0].Name}
		}
		if coin(r, "sourced") {
			property.Sources = []ovf.Source{{Qualifier: "Dns", Arguments: []string{drawText(r, "network") + "x"}}, {Qualifier: "AutoIp"}}
		}
		product.Properties = append(product.Properties, property)
	}
	return product
}
