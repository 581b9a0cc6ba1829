package ovf

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// productKey is what must be unique among the products of one content.
type productKey struct {
	content         *Content
	class, instance string
}

func (r *reader) product(c *Content, n node) {
	r.info(n)
	p := Product{
		Name: r.text(n.child("Product")), Vendor: r.text(n.child("Vendor")),
		Version: r.text(n.child("Version")), FullVersion: r.text(n.child("FullVersion")),
		ProductURL: webURL(r.text(n.child("ProductUrl"))), VendorURL: webURL(r.text(n.child("VendorUrl"))),
		AppURL: appURL(r.text(n.child("AppUrl"))),
		place:  n.place(),
	}
	p.Class, _ = r.attr(n, "class")
	p.Instance, _ = r.attr(n, "instance")
	key := productKey{c, p.Class, p.Instance}
	if r.products[key] {
		r.err(n.place(), CodeDuplicateSection, "a second ProductSection has class %q and instance %q", printable(p.Class, 60), printable(p.Instance, 60))
	}
	r.products[key] = true
	category := ""
	for child := range n.children {
		switch {
		case child.is("Category"):
			category = r.text(child) // holds for the properties up to the next Category
		case child.is("Property"):
			p.Properties = append(p.Properties, r.readProperty(child, p, category))
		case child.is("Icon"):
			r.icon(&p, child)
		case r.doc.isOVF(child.namespace()) && slices.Contains(productFields, child.el.Tag):
		default:
			r.unknown(child)
		}
	}
	c.Products = append(c.Products, p)
}

func (r *reader) icon(p *Product, n node) {
	icon := Icon{FileRef: r.need(n, "fileRef"), Width: r.pixels(n, "width"), Height: r.pixels(n, "height")}
	icon.MediaType, _ = r.attr(n, "mimeType")
	if icon.FileRef != "" {
		r.fileUse(n, icon.FileRef, r.forbidden())
		p.Icons = append(p.Icons, icon)
	}
}

// pixels reads a size that nothing depends on; a picture has its own.
func (r *reader) pixels(n node, name string) int {
	text, _ := r.attr(n, name)
	size, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0
	}
	return int(size)
}

var productFields = []string{"Info", "Product", "Vendor", "Version", "FullVersion", "ProductUrl", "VendorUrl", "AppUrl"}

// webURL drops an address that a browser should not be given.
func webURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return ""
	}
	return s
}

// appURL is webURL for an address that ${…} of properties may stand in.
func appURL(s string) string {
	if webURL(strings.NewReplacer("${", "", "}", "").Replace(s)) == "" {
		return ""
	}
	return s
}

func (r *reader) readProperty(n node, product Product, category string) Property {
	p := Property{
		Key: r.need(n, "key"), Class: product.Class, Instance: product.Instance, Category: category,
		Label: r.text(n.child("Label")), Description: r.text(n.child("Description")),
		Password: r.flag(n, "password", false), UserConfigurable: r.flag(n, "userConfigurable", false),
		Configurations: r.configurations(n), place: n.place(),
	}
	p.ID = fullID(p.Class, p.Key, p.Instance)
	if printable(p.ID, maxMessageLength) != p.ID {
		r.err(n.place(), CodePropertyID, "the property's id is too long or holds control characters")
	}
	r.propertyType(n, &p)
	qualifiers, _ := r.attr(n, "qualifiers")
	r.qualifiers(&p, qualifiers)
	r.qualifiers(&p, foreignAttr(n, nsVMware, "qualifiers"))
	for _, a := range n.el.Attr {
		if a.Key == "value" && (r.doc.isOVF(a.Space) || a.Space == "") {
			p.Default, p.HasDefault = a.Value, true // not trimmed: white space may be meant
		}
	}
	r.propertyValues(n, &p)
	if p.Label == "" {
		p.Label = p.Key
	}
	return p
}

// fullID is class.key.instance with empty parts left out (DSP0243 9.5.1).
func fullID(class, key, instance string) string {
	id := key
	if class != "" {
		id = class + "." + id
	}
	if instance != "" {
		id += "." + instance
	}
	return id
}

func (r *reader) propertyValues(n node, p *Property) {
	for c := range n.children {
		switch {
		case c.is("Value"):
			value := ""
			for _, a := range c.el.Attr {
				if a.Key == "value" && (r.doc.isOVF(a.Space) || a.Space == "") {
					value = a.Value
				}
			}
			ids := r.configurations(c)
			if len(ids) == 0 && !p.HasDefault {
				p.Default, p.HasDefault = value, true
			}
			for _, id := range ids {
				if p.Values == nil {
					p.Values = map[string]string{}
				}
				p.Values[id] = value
			}
		case c.is("Label"), c.is("Description"):
		default:
			r.unknown(c)
		}
	}
}

// propertyType reads the type, also in the spellings of vendors: int, real,
// ip, password, and VMware's forms with an argument, such as ip:Network and
// string["a","b"].
func (r *reader) propertyType(n node, p *Property) {
	text := r.need(n, "type")
	name, argument := text, ""
	if i := strings.IndexAny(text, ":[("); i >= 0 {
		name, argument = text[:i], text[i:]
	}
	kind, ok := propertyTypes[strings.ToLower(strings.TrimSpace(name))]
	switch {
	case !ok && text != "":
		r.err(n.place(), CodePropertyType, "property %q has the unknown type %q", printable(p.Key, 60), printable(text, 60))
	case strings.EqualFold(name, "password"):
		p.Password = true
	}
	if !ok {
		kind = TypeString
	}
	p.Type = kind
	if list, ok := strings.CutPrefix(argument, "["); ok && kind == TypeString {
		p.Rules.Values, _ = splitArguments(strings.TrimSuffix(list, "]"))
	}
	if network, ok := strings.CutPrefix(argument, ":"); ok && strings.EqualFold(name, "ip") {
		p.Fill = r.fill(p, FillIP, network)
	}
}

var propertyTypes = map[string]PropertyType{
	"string": TypeString, "password": TypeString, "ip": TypeString, "expression": TypeString,
	"boolean": TypeBoolean, "bool": TypeBoolean,
	"real32": TypeReal, "real64": TypeReal, "real": TypeReal,
	"uint8": TypeUint8, "uint16": TypeUint16, "uint32": TypeUint32, "uint64": TypeUint64,
	"sint8": TypeSint8, "sint16": TypeSint16, "sint32": TypeSint32, "sint64": TypeSint64,
	"int": TypeSint32, "integer": TypeSint32,
}

// checkProperties checks what one property alone cannot show: that full ids
// are unique and defaults obey their own rules.
func (r *reader) checkProperties() {
	shared := map[string]bool{}
	r.pkg.each(func(c *Content) {
		own := map[string]bool{}
		for _, p := range c.Properties() {
			if own[p.ID] && p.Key != "" {
				r.err(p.place, CodeDuplicateProperty, "property %q stands twice", printable(p.ID, 100))
			}
			own[p.ID] = true
			r.checkDefaults(p)
			r.propertyID[p.ID] = p
			if _, seen := r.byKey[p.Key]; seen || shared[p.Key] {
				shared[p.Key] = true
				delete(r.byKey, p.Key)
			} else {
				r.byKey[p.Key] = p
			}
		}
	})
}

func (r *reader) checkDefaults(p Property) {
	defaults := map[string]string{"": p.Default}
	for configuration, value := range p.Values {
		defaults[configuration] = value
	}
	for _, value := range defaults {
		if value == "" {
			continue // says no more than that there is no default
		}
		if p.Password {
			r.warn(p.place, CodePasswordDefault, "password property %q has a default value, which every user of the package knows; it is not offered", printable(p.ID, 100))
			continue
		}
		if err := p.Check(value); err != nil {
			r.err(p.place, CodePropertyDefault, "the default of %v", err)
		}
	}
}
