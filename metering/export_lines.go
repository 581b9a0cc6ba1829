package metering

import (
	"encoding/csv"
	"io"
	"strconv"
	"time"
)

// lineColumns of a statement's CSV form, in order. A change of them is a change of a contract.
var lineColumns = [...]string{
	"statement", "tenant", "vendor", "id", "corrects", "instance", "platform", "service", "plan", "dimension", "charge", "tier", "start", "end",
	"quantity", "quantity_unit", "unit_price", "unit", "currency", "amount", "shared_amount", "share",
	"refunds", "reason", "region",
}

// WriteLines writes a statement's lines as CSV in the form of WriteCSV. Amounts are as they were
// rounded. Of a vendor's statement shared_amount is that of the tenant's line, and share the vendor's part of
// it, such as 1/3; who the tenant is, is not told.
func (s Statement) WriteLines(w io.Writer) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	if err := c.Write(lineColumns[:]); err != nil {
		return err
	}
	for _, l := range s.Lines {
		shared, share, tier := "", "", ""
		if l.Share != nil {
			shared, share = l.Share.Of.String(), l.Share.Weight.String()+"/"+l.Share.Whole.String()
		}
		if l.Tier > 0 {
			tier = strconv.Itoa(l.Tier)
		}
		err := c.Write([]string{
			strconv.Itoa(s.Number), harmless(string(s.Tenant)), harmless(s.Vendor), l.ID, l.Corrects, harmless(string(l.Instance)), harmless(l.Platform),
			harmless(string(l.Service)), harmless(string(l.Plan)), harmless(l.Dimension), string(l.Charge), tier,
			l.Start.UTC().Format(time.RFC3339Nano), l.End.UTC().Format(time.RFC3339Nano),
			l.Quantity.String(), harmless(l.QuantityUnit), l.UnitPrice.String(), harmless(l.Unit), l.Currency, l.Amount.String(), shared, share,
			l.Refunds, harmless(l.Reason), harmless(l.Region),
		})
		if err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}
