package metering

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strings"
	"time"
)

// columns of the CSV form, in order. A change of them is a change of a contract.
var columns = [...]string{
	"id", "tenant", "platform", "instance", "instance_name", "service", "plan", "dimension", "start", "end",
	"seconds", "unit_price", "unit", "currency", "amount", "usage", "region",
}

// WriteCSV writes billing records as CSV (RFC 4180) with a header line. Times
// are RFC 3339 in UTC, ends exclusive; numbers are plain decimals, amounts with
// AmountPlaces places. Text that a spreadsheet would take for a formula gets an
// apostrophe in front: ids and names come from tenants.
func WriteCSV(w io.Writer, bills []BillingRecord) error {
	c := csv.NewWriter(w)
	c.UseCRLF = true
	if err := c.Write(columns[:]); err != nil {
		return err
	}
	for _, b := range bills {
		err := c.Write([]string{
			b.ID, harmless(string(b.Tenant)), harmless(b.Platform), harmless(string(b.Instance)), harmless(b.Name),
			harmless(string(b.Service)), harmless(string(b.Plan)), b.Dimension,
			b.Start.UTC().Format(time.RFC3339Nano), b.End.UTC().Format(time.RFC3339Nano),
			b.Seconds.String(), b.UnitPrice.String(), b.Unit, b.Currency, b.Amount.StringFixed(AmountPlaces), b.Usage, harmless(b.Region),
		})
		if err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

func harmless(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}

// WriteJSON writes billing records as one JSON array, a record per line. Decimals
// are strings, so that no reader rounds them.
func WriteJSON(w io.Writer, bills []BillingRecord) error {
	text := []byte("[")
	for n, b := range bills {
		record, err := json.Marshal(b)
		if err != nil {
			return err
		}
		if n > 0 {
			text = append(text, ',')
		}
		text = append(append(text, '\n'), record...)
		if _, err := w.Write(text); err != nil {
			return err
		}
		text = text[:0]
	}
	_, err := w.Write(append(text, "\n]\n"...))
	return err
}
