package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/internal/store"
	"github.com/bumpwire/bumpwire/ovf"
)

// nameClaim gives a service's name to one service, whoever came first: a vendor and
// a name can be put together to what another vendor's give, and a platform refuses
// a whole catalog in which a name stands twice.
type nameClaim struct {
	Name    string    `json:"name"`
	Service ServiceID `json:"service"`
}

var errTaken = errors.New("the name is taken")

// claim is the name of a service: the wanted one, or with a part of its id when
// another service has that. The same service gets the same again.
func (c *Catalog) claim(ctx context.Context, wanted string, id ServiceID) (string, error) {
	for _, name := range []string{wanted, wanted + "-" + string(id[:8]), wanted + "-" + string(id)} {
		_, err := c.names.Upsert(ctx, name, func(old nameClaim, exists bool) (nameClaim, error) {
			switch {
			case exists && old.Service != id:
				return old, errTaken
			case exists:
				return old, store.Unchanged
			}
			return nameClaim{name, id}, nil
		})
		if !errors.Is(err, errTaken) {
			return name, err
		}
	}
	return "", fault.New(fault.Conflict, "there is no free name for service %q", wanted)
}

// release gives a removed service's name back.
func (c *Catalog) release(ctx context.Context, s Service) error {
	owner, err := c.names.Get(ctx, s.Name)
	if errors.Is(err, fault.NotFound) || err == nil && owner.Service != s.ID {
		return nil
	}
	if err != nil {
		return err
	}
	return c.names.Delete(ctx, s.Name)
}

// serviceName is the name a service would like: the vendor stands in front unless
// the package's name begins with it.
func serviceName(p Package) string {
	if p.Name == p.Vendor || strings.HasPrefix(p.Name, p.Vendor+"-") {
		return p.Name
	}
	return p.Vendor + "-" + p.Name
}

func packageID(vendor, name, version string) PackageID {
	return PackageID(vendor + "/" + name + "@" + version)
}

// serviceID and planID are made of names alone, so that a package uploaded again,
// here or on another broker, keeps its ids.
func serviceID(vendor, name string) ServiceID { return ServiceID(stableID("service", vendor, name)) }

func planID(p Package, configuration string) PlanID {
	return PlanID(stableID("plan", p.Vendor, p.Name, configuration))
}

// stableID is a UUID of RFC 9562, version 8.
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
	s := strings.Trim(b.String()[:min(b.Len(), 60)], "-.")
	if s == "" {
		sum := sha256.Sum256([]byte(name))
		return "x" + hex.EncodeToString(sum[:4])
	}
	return s
}

// packageName is the descriptor's file name without the version that many vendors
// write into it: every version is to be one of the same service.
func packageName(file string, product ovf.Product) string {
	name := slug(file)
	for _, version := range []string{product.FullVersion, product.Version} {
		if version == "" {
			continue
		}
		part := regexp.MustCompile(`(^|[-.])v?` + regexp.QuoteMeta(slug(version)) + `(-|$)`)
		if at := part.FindStringSubmatchIndex(name); at != nil {
			name = strings.Trim(name[:at[0]]+name[at[4]:], "-.")
		}
	}
	if name == "" {
		return slug(product.Name)
	}
	return name
}

var notVersion = regexp.MustCompile(`[^A-Za-z0-9.+_-]+`)

// versionOf is a package's version as part of its id; "0" where it says none.
func versionOf(text string) string {
	v := strings.Trim(notVersion.ReplaceAllString(text, "-"), "-")
	if v == "" {
		return "0"
	}
	return v[:min(len(v), 100)]
}

// unusedName tells plans apart whose configuration ids have one slug.
func unusedName(p Plan, taken []Plan) string {
	name := slug(p.Configuration)
	if slices.ContainsFunc(taken, func(o Plan) bool { return o.Name == name }) {
		return name + "-" + string(p.ID[:8])
	}
	return name
}

// oneLine is the first line of a text as a list shows it: no control or format
// characters, and no longer than every platform takes (OSB 2.17: 255 characters).
func oneLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	line = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, line)), " ")
	return clip(line, 250)
}

func clip(text string, limit int) string {
	if r := []rune(text); len(r) > limit {
		return string(r[:limit-1]) + "…"
	}
	return text
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
