package ovf

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

func (d *descriptorWriter) product(p Product) {
	d.section("ProductSection", "The product", some(xmlAttr{"ovf:class", p.Class}, xmlAttr{"ovf:instance", p.Instance})...)
	d.optional("Product", p.Name)
	d.optional("Vendor", p.Vendor)
	d.optional("Version", p.Version)
	d.optional("FullVersion", p.FullVersion)
	d.optional("ProductUrl", p.ProductURL)
	d.optional("VendorUrl", p.VendorURL)
	d.optional("AppUrl", p.AppURL)
	for _, i := range p.Icons {
		d.empty("Icon", append([]xmlAttr{{"ovf:fileRef", i.FileRef}}, some(xmlAttr{"ovf:height", positive(i.Height)},
			xmlAttr{"ovf:width", positive(i.Width)}, xmlAttr{"ovf:mimeType", i.MediaType})...)...)
	}
	category := ""
	for _, property := range p.Properties {
		if property.Category != category {
			category = property.Category
			d.text("Category", category) // holds for the properties up to the next one
		}
		d.property(property)
	}
	d.end()
}

func (d *descriptorWriter) property(p Property) {
	attributes := []xmlAttr{{"ovf:key", p.Key}, {"ovf:type", string(p.Type)}}
	attributes = append(attributes, when(p.Password, "ovf:password")...)
	attributes = append(attributes, when(p.UserConfigurable, "ovf:userConfigurable")...)
	if p.HasDefault {
		attributes = append(attributes, xmlAttr{"ovf:value", p.Default})
	}
	attributes = append(attributes, some(xmlAttr{"ovf:configuration", words(p.Configurations)},
		xmlAttr{"ovf:qualifiers", p.standardQualifiers()}, xmlAttr{"vmw:qualifiers", p.vmwareQualifiers()})...)
	d.begin("Property", attributes...)
	d.text("Label", p.Label)
	d.optional("Description", p.Description)
	for _, id := range slices.Sorted(maps.Keys(p.Values)) {
		d.empty("Value", xmlAttr{"ovf:value", p.Values[id]}, xmlAttr{"ovf:configuration", id})
	}
	d.end()
}

// standardQualifiers are those of DSP0243.
func (p Property) standardQualifiers() string {
	var list []string
	if p.Rules.MinLen != nil {
		list = append(list, "MinLen("+strconv.FormatInt(*p.Rules.MinLen, 10)+")")
	}
	if p.Rules.MaxLen != nil {
		list = append(list, "MaxLen("+strconv.FormatInt(*p.Rules.MaxLen, 10)+")")
	}
	if len(p.Rules.Values) > 0 {
		quoted := make([]string, len(p.Rules.Values))
		for i, v := range p.Rules.Values {
			quoted[i] = quote(v)
		}
		list = append(list, "ValueMap{"+strings.Join(quoted, ",")+"}")
	}
	return strings.Join(list, ", ")
}

// vmwareQualifiers are those that only vSphere's readers know.
func (p Property) vmwareQualifiers() string {
	var list []string
	if p.Rules.MinValue != nil {
		list = append(list, "MinValue("+strconv.FormatFloat(*p.Rules.MinValue, 'g', -1, 64)+")")
	}
	if p.Rules.MaxValue != nil {
		list = append(list, "MaxValue("+strconv.FormatFloat(*p.Rules.MaxValue, 'g', -1, 64)+")")
	}
	if p.Fill != nil && p.Fill.ofNetwork() { // of those our own section tells
		name := map[FillKind]string{FillIP: "Ip", FillNetmask: "Netmask", FillGateway: "Gateway"}[p.Fill.Kind]
		list = append(list, name+"("+quote(p.Fill.Network)+")")
	}
	for _, source := range p.Sources {
		list = append(list, source.String())
	}
	return strings.Join(list, ", ")
}

// String is the qualifier as it stands in a list of them.
func (s Source) String() string {
	if len(s.Arguments) == 0 {
		return s.Qualifier
	}
	quoted := make([]string, len(s.Arguments))
	for i, a := range s.Arguments {
		quoted[i] = quote(a)
	}
	return s.Qualifier + "(" + strings.Join(quoted, ",") + ")"
}

// quote is the form of an argument that parseQualifiers takes as one.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
