package rating

import (
	"slices"
	"time"

	"github.com/bumpwire/bumpwire/catalog"
)

// segment is a part of a billing period in which one version of a price is in force.
type segment struct {
	Period
	price catalog.Price
}

// segments are those of a dimension, in order, without the times that are free: before the
// first price, after a contract without a price for all, in a trial.
func segments(prices []catalog.Price, k Key, period Period, began time.Time) []segment {
	bounds := []time.Time{period.Start, period.End}
	for _, p := range prices {
		if p.Dimension == k.Dimension {
			bounds = append(bounds, p.From, p.Until, trialEnd(p, began))
		}
	}
	bounds = slices.DeleteFunc(bounds, func(t time.Time) bool { return !period.Contains(t) && !t.Equal(period.End) })
	slices.SortFunc(bounds, time.Time.Compare)
	var found []segment
	for n := 1; n < len(bounds); n++ {
		part := Period{bounds[n-1].UTC(), bounds[n].UTC()}
		price, ok := catalog.PriceFor(prices, string(k.Tenant), k.Dimension, part.Start)
		if !ok || !part.Start.Before(part.End) || part.Start.Before(trialEnd(price, began)) {
			continue
		}
		if last := len(found) - 1; last >= 0 && found[last].End.Equal(part.Start) && sameVersion(found[last].price, price) {
			found[last].End = part.End
			continue
		}
		found = append(found, segment{part, price})
	}
	return found
}

func sameVersion(a, b catalog.Price) bool { return a.Tenant == b.Tenant && a.From.Equal(b.From) }

const day = 24 * time.Hour

// trialEnd is the moment from which a price is due; zero when it always is.
func trialEnd(p catalog.Price, began time.Time) time.Time {
	if p.Trial == 0 || began.IsZero() {
		return time.Time{}
	}
	return began.Add(time.Duration(p.Trial) * day)
}
