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
func (c *Catalog) Version(ctx context.Context) (string, error) {
	h := sha256.New()
	encoder, at := json.NewEncoder(h), now()
	for s, err := range c.services.All(ctx, "", "") {
		if err != nil {
			return "", err
		}
		if s.State != Published && s.State != Deprecated {
			continue
		}
		if err := encoder.Encode(shown(s, at)); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:12]), nil
}

// shown is a service without what no platform sees of it.
func shown(s Service, at time.Time) Service {
	visible := Service{
		ID: s.ID, Name: s.Name, State: s.State, Tags: s.Tags, DisplayName: s.DisplayName, ProviderName: s.ProviderName,
		Description: s.Description, LongDescription: s.LongDescription, EULAs: s.EULAs,
	}
	visible.Package = PackageID(s.Package.MaintenanceVersion())
	for _, p := range s.Plans {
		price, ok := PriceAt(p.Prices, DimensionInstance, at)
		p.Configuration, p.Default, p.Prices = "", false, nil
		if ok {
			p.Prices = []Price{{Dimension: price.Dimension, Unit: price.Unit, Amount: price.Amount, Currency: price.Currency}}
		}
		visible.Plans = append(visible.Plans, p)
	}
	return visible
}
