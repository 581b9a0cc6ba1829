package catalog

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
)

// identity is what a package is called here. All parts are fit for a path of a
// URL and for a command line.
type identity struct {
	vendor, name, version string
}

func (i identity) pkg() PackageID {
	return PackageID(i.vendor + "/" + i.name + "@" + i.version)
}

func (i identity) service() ServiceID {
	return ServiceID(uuid("service", i.vendor, i.name))
}

func (i identity) plan(configuration string) PlanID {
	return PlanID(uuid("plan", i.vendor, i.name, configuration))
}

// serviceName is vendor-name. A vendor's own hyphens become dots, so that no two
// pairs of vendor and name give the same: the first hyphen ends the vendor.
func (i identity) serviceName() string {
	return strings.ReplaceAll(i.vendor, "-", ".") + "-" + i.name
}

var vendorForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// identify names a package: the vendor is the one who pushes, the name is its
// product's and the version too, unless the options say otherwise. A package
// without a version gets one from its content.
func identify(vendor string, p *ovf.Package, o PushOptions) (identity, error) {
	product := p.Product()
	digest := p.Digest[:min(12, len(p.Digest))]
	id := identity{
		vendor:  cmp.Or(vendor, slug(product.Vendor, 63)),
		name:    slug(cmp.Or(o.Name, product.Name, p.Inspect().Package.Name), 100),
		version: versionOf(cmp.Or(o.Version, product.Version, product.FullVersion, "0-"+digest)),
	}
	id.name = cmp.Or(id.name, "package-"+digest)
	if !vendorForm.MatchString(id.vendor) {
		return id, fault.New(fault.Invalid, "%q cannot be a vendor: a vendor is 1 to 63 small letters, digits and hyphens", id.vendor)
	}
	return id, nil
}

var (
	notSlug    = regexp.MustCompile(`[^a-z0-9]+`)
	notVersion = regexp.MustCompile(`[^A-Za-z0-9.+_-]+`)
)

// slug makes a name of small letters, digits and single hyphens; "" when nothing
// of the text can stay.
func slug(text string, limit int) string {
	s := strings.Trim(notSlug.ReplaceAllString(strings.ToLower(text), "-"), "-")
	return strings.Trim(s[:min(len(s), limit)], "-")
}

func versionOf(text string) string {
	v := strings.Trim(notVersion.ReplaceAllString(text, "-"), "-")
	return cmp.Or(v[:min(len(v), 100)], "0")
}

// uuid is a name-based UUID: version 8 of RFC 9562 with SHA-256, as in its
// appendix B.2. The last part may hold anything; none of the others a slash.
func uuid(parts ...string) string {
	sum := sha256.Sum256([]byte("bumpwire/" + strings.Join(parts, "/")))
	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// line makes text from a package fit for one line of a list: no control or format
// characters, single spaces, at most limit bytes.
func line(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, text)
	return clip(strings.Join(strings.Fields(text), " "), limit)
}

// clip cuts text at a character's end.
func clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	limit -= len("…")
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + "…"
}
