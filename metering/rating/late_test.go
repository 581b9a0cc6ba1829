package rating_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// scene is a month of two instances on two plans, with prices of every model that change
// in the middle.
type scene struct {
	prices rating.Prices
	usage  []rating.Usage
}

var changes = []time.Time{{}, at("2026-03-08T07:30"), at("2026-03-21")}

func drawScene(t *rapid.T) scene {
	s := scene{prices: rating.Prices{}}
	for _, plan := range []catalog.PlanID{"s", "l"} {
		for _, dimension := range []string{"instance", "traffic", "calls", "setup", "support"} {
			s.prices[plan] = append(s.prices[plan], drawVersions(t, dimension)...)
		}
	}
	require.Empty(t, catalog.CheckPrices(s.prices["s"]))
	for n := range rapid.IntRange(1, 12).Draw(t, "records") {
		s.usage = append(s.usage, drawUsage(t, fmt.Sprint("u", n)))
	}
	return s
}

func drawVersions(t *rapid.T, dimension string) (list []catalog.Price) {
	for _, from := range changes[:rapid.IntRange(1, 3).Draw(t, "versions of "+dimension)] {
		p := drawPrice(t, dimension)
		p.From = from
		list = append(list, p)
	}
	if rapid.Bool().Draw(t, "contract") {
		p := drawPrice(t, dimension)
		p.Tenant, p.From, p.Until = "acme", at("2026-03-05"), at("2026-03-11")
		list = append(list, p)
	}
	return list
}

func drawPrice(t *rapid.T, dimension string) catalog.Price {
	amount := func() decimal.Decimal { return decimal.New(rapid.Int64Range(0, 5000).Draw(t, "amount"), -3) }
	p := catalog.Price{Dimension: dimension, Currency: "EUR", Amount: amount()}
	switch dimension {
	case "setup":
		p.Model = catalog.ModelOnce
		return p
	case "support":
		p.Model, p.Prorate, p.Trial = catalog.ModelRecurring, rapid.Bool().Draw(t, "prorate"), rapid.IntRange(0, 9).Draw(t, "trial")
		return p
	case "traffic":
		p.Unit = "gigabyte"
	case "calls":
		p.Unit = "call"
	case "instance":
		p.Unit = "hour"
	}
	p.Included = decimal.New(rapid.Int64Range(0, 50).Draw(t, "included"), 0)
	p.Minimum = decimal.New(rapid.Int64Range(0, 90).Draw(t, "minimum"), 0)
	p.Prorate = p.Minimum.IsPositive() && rapid.Bool().Draw(t, "prorate")
	p.Model = rapid.SampledFrom([]catalog.Model{"", catalog.ModelGraduated, catalog.ModelVolume, catalog.ModelPackage}).Draw(t, "model")
	switch p.Model {
	case catalog.ModelGraduated, catalog.ModelVolume:
		low, high := decimal.New(rapid.Int64Range(1, 40).Draw(t, "low"), 0), decimal.New(rapid.Int64Range(41, 99).Draw(t, "high"), 0)
		p.Tiers = []catalog.Tier{{UpTo: &low, Amount: amount()}, {UpTo: &high, Amount: amount()}, {Amount: amount()}}
		p.Amount = decimal.Zero
	case catalog.ModelPackage:
		p.Size = decimal.New(rapid.Int64Range(1, 20).Draw(t, "size"), 0)
	}
	return p
}

func drawUsage(t *rapid.T, id string) rating.Usage {
	instance := rapid.SampledFrom([]string{"fw", "wo"}).Draw(t, "instance")
	tenant := map[string]string{"fw": "acme", "wo": "umbrella"}[instance]
	u := rating.Usage{ID: id, Began: at("2026-03-02T03:04"), Key: rating.Key{
		Tenant: topology.TenantID(tenant), Instance: topology.InstanceID(instance), Service: "wall",
		Plan:      rapid.SampledFrom([]catalog.PlanID{"s", "l"}).Draw(t, "plan"),
		Dimension: rapid.SampledFrom([]string{"instance", "traffic", "calls"}).Draw(t, "dimension"),
	}}
	seconds := func(most int) time.Duration {
		return time.Duration(rapid.IntRange(0, most).Draw(t, "seconds")) * time.Second
	}
	u.Start = u.Began.Add(seconds(31 * 86400))
	u.End = u.Start.Add(seconds(86400))
	switch u.Dimension {
	case "instance":
		u.Level = decimal.New(rapid.Int64Range(1, 3).Draw(t, "level"), 0)
	case "traffic":
		u.Quantity, u.Unit = decimal.New(rapid.Int64Range(0, 1e11).Draw(t, "bytes"), 0), "byte"
	case "calls":
		u.Quantity, u.Unit = decimal.New(rapid.Int64Range(0, 60).Draw(t, "calls"), 0), "call"
	}
	return u
}

var thirds = []rating.Share{{Party: "vendor", Weight: decimal.New(1, 0)}, {Party: "operator", Weight: decimal.New(2, 0)}}

// sums adds lines and their corrections up by what they are for, with the vendor's and
// the operator's parts. What adds up to nothing is as if it were not there.
func sums(t require.TestingT, lines []rating.Line) map[string]string {
	type sum struct{ amount, quantity, packages, vendor, operator decimal.Decimal }
	found := map[string]sum{}
	for _, l := range lines {
		id := l.ID
		if l.Corrects != "" {
			id = l.Corrects
		}
		parts, err := l.Split(thirds)
		require.NoError(t, err)
		require.True(t, parts[0].Amount.Add(parts[1].Amount).Equal(l.Amount), "the parts of a line, and of a correction, sum to it")
		s := found[id]
		found[id] = sum{
			s.amount.Add(l.Amount), s.quantity.Add(l.Quantity), s.packages.Add(l.Packages),
			s.vendor.Add(parts[0].Amount), s.operator.Add(parts[1].Amount),
		}
	}
	texts := map[string]string{}
	for id, s := range found {
		if !s.amount.IsZero() || !s.quantity.IsZero() || !s.vendor.IsZero() {
			texts[id] = fmt.Sprint(s.amount, s.quantity, s.packages, s.vendor, s.operator)
		}
	}
	return texts
}

func TestLateInAnyOrderIsOnTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		onTime := rate(t, s.usage, s.prices, march())
		arrived, billed, ids := []rating.Usage{}, []rating.Line{}, map[string]bool{}
		late := rapid.Permutation(s.usage).Draw(t, "order")
		for len(late) > 0 {
			batch := rapid.IntRange(1, len(late)).Draw(t, "batch")
			arrived, late = append(arrived, late[:batch]...), late[batch:]
			right := rate(t, arrived, s.prices, march())
			if len(billed) == 0 {
				billed = right
			} else {
				billed = append(billed, rating.Correct(billed, right)...)
			}
			require.Empty(t, rating.Correct(billed, right), "once corrected, there is nothing to correct")
		}
		for _, l := range billed {
			require.False(t, ids[l.ID], "no id twice, %s", l.ID)
			ids[l.ID] = true
		}
		require.Equal(t, sums(t, onTime), sums(t, billed))
		require.Equal(t, fmt.Sprint(rating.Total(onTime)["EUR"]), fmt.Sprint(rating.Total(billed)["EUR"]))
	})
}

func TestOrderAndRepetitionOfUsageChangeNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		mixed := rapid.Permutation(append(s.usage, s.usage[0])).Draw(t, "order")
		require.Equal(t, rate(t, s.usage, s.prices, march()), rate(t, mixed, s.prices, march()))
	})
}

func TestSplittingWindowsChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		var pieces []rating.Usage
		for _, u := range s.usage {
			pieces = append(pieces, drawPieces(t, u)...)
		}
		whole, split := rate(t, s.usage, s.prices, march()), rate(t, pieces, s.prices, march())
		for n := range whole {
			whole[n].Evidence = rating.Evidence{}
		}
		for n := range split {
			split[n].Evidence = rating.Evidence{}
		}
		require.Equal(t, asJSON(t, whole), asJSON(t, split), "no line changes, but for its evidence")
	})
}

// drawPieces cuts a record in two. What lasts is cut anywhere; a quantity, which belongs
// where its record begins, is divided between two records that begin there.
func drawPieces(t *rapid.T, u rating.Usage) []rating.Usage {
	left, right := u, u
	left.ID, right.ID = u.ID+"a", u.ID+"b"
	if u.Level.IsPositive() {
		if length := u.End.Sub(u.Start); length > 0 {
			left.End = u.Start.Add(time.Duration(rapid.Int64Range(1, int64(length)-1).Draw(t, "cut")))
		}
		right.Start = left.End
		return []rating.Usage{left, right}
	}
	left.Quantity = decimal.New(rapid.Int64Range(0, u.Quantity.IntPart()).Draw(t, "part"), 0)
	right.Quantity = u.Quantity.Sub(left.Quantity)
	return []rating.Usage{left, right}
}

func asJSON(t require.TestingT, v any) string {
	data, err := json.MarshalIndent(v, "", " ")
	require.NoError(t, err)
	return string(data)
}
