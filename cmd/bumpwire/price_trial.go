package main

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
	"github.com/spf13/cobra"

	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/metering/rating"
	"github.com/bumpwire/bumpwire/provision/topology"
)

// trial is what `price test` is asked.
type trial struct {
	usage, late  string
	uses, shares []string
	month, zone  string
	tenant       string
	began        string
}

// trialResult is what it answers. Corrections are what late usage changes; totals have
// them in.
type trialResult struct {
	Period      rating.Period              `json:"period"`
	Lines       []rating.Line              `json:"lines"`
	Corrections []rating.Line              `json:"corrections,omitempty"`
	Totals      map[string]decimal.Decimal `json:"totals"`           // by currency
	Shares      []trialShare               `json:"shares,omitempty"` // of the totals
}

type trialShare struct {
	Currency string `json:"currency"`
	rating.Part
}

func newPriceTest(c *cli) *cobra.Command {
	var t trial
	cmd := &cobra.Command{
		Use: "test PRICES", Short: "Check prices and rate a what-if before they are published; needs no broker",
		Long: `Check prices and rate a what-if before they are published; needs no broker.

PRICES is a file in YAML or JSON: the name of each plan with the list of its prices. Every
problem is told with its place, and the exit code is 2. docs/prices.md tells what a price can say.

The usage is in a file (--usage), or said by --use: DIMENSION=QUANTITY in the unit of its
price. Without either, an instance is active the whole month. --late is usage that comes after
the period was closed, and gives the corrections. --share divides what is due.`,
		Example: `  bumpwire price test prices.yaml --month 2026-03 --zone Europe/Berlin --use instance=100 --use traffic=250
  bumpwire price test prices.yaml --month 2026-03 --usage march.yaml --late rest.yaml --share vendor=1 --share operator=2`,
		Args: exactly("a file with prices"),
		RunE: func(_ *cobra.Command, args []string) error {
			result, err := t.run(args[0])
			if err != nil {
				return err
			}
			return c.printTrial(result)
		},
	}
	f := cmd.Flags()
	f.StringVar(&t.usage, "usage", "", "file with usage, in YAML or JSON")
	f.StringVar(&t.late, "late", "", "file with usage that came after the period was closed")
	f.StringArrayVar(&t.uses, "use", nil, "DIMENSION=QUANTITY, in the unit of its price; repeatable")
	f.StringVar(&t.month, "month", "", "billing period, as 2026-03; empty: the present month")
	f.StringVar(&t.zone, "zone", "UTC", "billing time zone, as Europe/Berlin")
	f.StringVar(&t.tenant, "tenant", "", "whom the usage is of; its contract prices go first")
	f.StringVar(&t.began, "began", "", "when the instance was active for the first time, as 2026-01-31T00:00:00Z; empty: when its usage begins")
	f.StringArrayVar(&t.shares, "share", nil, "PARTY=WEIGHT of a revenue share; repeatable")
	return cmd
}

func (t trial) run(file string) (r trialResult, err error) {
	prices, err := readPrices(file)
	if err != nil {
		return r, err
	}
	shares, err := sharesOf(t.shares)
	if err != nil {
		return r, err
	}
	if r.Period, err = t.period(); err != nil {
		return r, err
	}
	usage, late, err := t.used(prices, r.Period)
	if err != nil {
		return r, err
	}
	if r.Lines, err = rating.Rate(usage, prices, r.Period); err != nil {
		return r, err
	}
	if t.late != "" {
		right, err := rating.Rate(append(usage, late...), prices, r.Period)
		if err != nil {
			return r, err
		}
		r.Corrections = rating.Correct(r.Lines, right)
	}
	all := slices.Concat(r.Lines, r.Corrections)
	r.Totals = rating.Total(all)
	r.Shares, err = shared(all, shares)
	return r, err
}

func (t trial) period() (rating.Period, error) {
	zone, err := zoneOf(t.zone)
	if err != nil {
		return rating.Period{}, err
	}
	if t.month == "" {
		return rating.Month(time.Now(), zone), nil
	}
	month, err := time.ParseInLocation("2006-01", t.month, zone)
	if err != nil {
		return rating.Period{}, fault.New(fault.Invalid, "%q is not a month such as 2026-03", t.month)
	}
	return rating.Month(month.AddDate(0, 0, 14), zone), nil
}

// zoneOf is a time zone by its name. That of the machine is not one: it differs from
// broker to broker.
func zoneOf(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" || name == "" {
		return nil, fault.New(fault.Invalid, "%q is not a time zone such as Europe/Berlin", name)
	}
	return zone, nil
}

// used is the usage on time, and the late one.
func (t trial) used(prices rating.Prices, period rating.Period) (usage, late []rating.Usage, err error) {
	if t.usage != "" && len(t.uses) > 0 {
		return nil, nil, fault.New(fault.Invalid, "--use and --usage exclude each other")
	}
	var entries []usageEntry
	switch {
	case t.usage != "":
		entries, err = readUsage(t.usage)
	case len(t.uses) > 0:
		entries, err = usesOf(t.uses)
	default:
		entries = []usageEntry{{Dimension: catalog.DimensionInstance}}
	}
	if err != nil {
		return nil, nil, err
	}
	onTime := len(entries)
	if t.late != "" {
		more, err := readUsage(t.late)
		if err != nil {
			return nil, nil, err
		}
		entries = append(entries, more...)
	}
	began, err := moment(t.began)
	if err != nil {
		return nil, nil, err
	}
	for n, e := range entries {
		u, err := e.usage(n, prices, period)
		if err != nil {
			return nil, nil, err
		}
		u.Tenant = topology.TenantID(t.tenant)
		usage = append(usage, u)
	}
	begin(usage, began)
	return usage[:onTime:onTime], usage[onTime:], nil
}

// begin says when each instance was active for the first time, if that is not given.
func begin(usage []rating.Usage, began time.Time) {
	first := map[topology.InstanceID]time.Time{}
	for _, u := range usage {
		if t, ok := first[u.Instance]; u.Dimension == catalog.DimensionInstance && (!ok || u.Start.Before(t)) {
			first[u.Instance] = u.Start
		}
	}
	for n := range usage {
		usage[n].Began = first[usage[n].Instance]
		if !began.IsZero() {
			usage[n].Began = began
		}
	}
}

func sharesOf(list []string) (shares []rating.Share, err error) {
	for _, s := range list {
		party, weight, _ := strings.Cut(s, "=")
		w, err := decimal.NewFromString(weight)
		if err != nil || w.IsNegative() || party == "" {
			return nil, fault.New(fault.Invalid, "%q is not a share such as vendor=70", s)
		}
		shares = append(shares, rating.Share{Party: party, Weight: w})
	}
	return shares, nil
}

// shared is what each party gets of all lines.
func shared(lines []rating.Line, shares []rating.Share) (all []trialShare, err error) {
	if len(shares) == 0 {
		return nil, nil
	}
	sums := map[string][]rating.Part{}
	for _, l := range lines {
		parts, err := l.Split(shares)
		if err != nil {
			return nil, err
		}
		for n, p := range sums[l.Currency] {
			parts[n].Amount = parts[n].Amount.Add(p.Amount)
		}
		sums[l.Currency] = parts
	}
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		for _, p := range sums[currency] {
			all = append(all, trialShare{currency, p})
		}
	}
	return all, nil
}
