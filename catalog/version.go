package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// Version changes when the OSB catalog does and only then: with what published and
// deprecated services show, and at the moment at which an announced price begins.
// It is worked out again when a service was written, by any broker, or a price begins.
func (c *Catalog) Version(ctx context.Context) (string, error) {
	stamp, known := c.services.Stamp()
	c.mu.Lock()
	v := c.version
	c.mu.Unlock()
	if known && v.text != "" && v.stamp == stamp && now().Before(v.until) {
		return v.text, nil
	}
	text, until, err := c.workOutVersion(ctx)
	if err == nil && known {
		c.mu.Lock()
		c.version = knownVersion{text, stamp, until}
		c.mu.Unlock()
	}
	return text, err
}

// knownVersion is a Version while the services have a stamp, and until a moment.
type knownVersion struct {
	text  string
	stamp uint32
	until time.Time
}

func (c *Catalog) workOutVersion(ctx context.Context) (text string, until time.Time, err error) {
	h := sha256.New()
	encoder, at := json.NewEncoder(h), now()
	until = at.Add(24 * time.Hour)
	for s, err := range c.services.All(ctx, "", "") {
		if err != nil {
			return "", until, err
		}
		if !s.Offered() {
			continue
		}
		until = nextPrice(s, at, until)
		if err := encoder.Encode(shown(s, at)); err != nil {
			return "", until, err
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:12]), until, nil
}

// nextPrice is when the next price of a service begins, if that is before until.
func nextPrice(s Service, at, until time.Time) time.Time {
	for _, plan := range s.Plans {
		for _, p := range plan.Prices {
			if p.From.After(at) && p.From.Before(until) {
				until = p.From
			}
		}
	}
	return until
}

// shown is a service without what no platform sees of it.
func shown(s Service, at time.Time) Service {
	visible := Service{
		ID: s.ID, Name: s.Name, State: s.State, Tags: s.Tags, DisplayName: s.DisplayName, ProviderName: s.ProviderName,
		Description: s.Description, LongDescription: s.LongDescription, EULAs: s.EULAs,
		ProductURL: s.ProductURL, VendorURL: s.VendorURL, Icon: s.Icon, Structure: Structure{Networks: s.Structure.Networks},
	}
	visible.Package = PackageID(s.Package.MaintenanceVersion())
	for _, p := range s.Plans {
		now := InForce(p.Prices, at)
		p.Configuration, p.Default, p.Prices = "", false, nil
		for _, price := range now {
			price.From = time.Time{}
			p.Prices = append(p.Prices, price)
		}
		visible.Plans = append(visible.Plans, p)
	}
	return visible
}
