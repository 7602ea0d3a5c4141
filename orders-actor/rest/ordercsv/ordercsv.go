// Package ordercsv defines the rows of the CSV export.
package ordercsv

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/currency"

	"orders/orders-actor/order"
)

// Header returns the names of the columns.
func Header() []string {
	return []string{
		"id", "customer", "status", "version", "currency", "totalDecimal", "createdAt", "updatedAt", "deliverAt",
		"payment", "cancelledBy", "cancelReason", "items",
	}
}

// Row returns the cells of an order. No spreadsheet takes one of them for a formula.
func Row(o order.Order) []string {
	var due, by, reason string
	if o.DeliverAt != nil {
		due = o.DeliverAt.Format(time.RFC3339Nano)
	}
	if o.Cancellation != nil {
		by, reason = string(o.Cancellation.By), o.Cancellation.Reason
	}
	items := make([]string, len(o.Items))
	for i, item := range o.Items {
		items[i] = fmt.Sprintf("%d x %s (%s)", item.Quantity, item.SKU, item.Name)
	}
	row := []string{
		o.ID, o.Customer, string(o.Status), strconv.Itoa(o.Version), o.Currency, decimal(o.Total, o.Currency),
		o.CreatedAt.Format(time.RFC3339Nano), o.UpdatedAt.Format(time.RFC3339Nano), due,
		string(o.Payment.Status), by, reason, strings.Join(items, "; "),
	}
	for i := range row {
		row[i] = escapeFormula(row[i])
	}
	return row
}

// decimal formats minor units with the decimals of the currency: EUR 900 is 9.00, JPY 900 is 900.
func decimal(minor int64, code string) string {
	unit, _ := currency.ParseISO(code) // the zero unit has two digits
	digits, _ := currency.Standard.Rounding(unit)
	text := fmt.Sprintf("%0*d", digits+1, minor)
	if digits == 0 {
		return text
	}
	return text[:len(text)-digits] + "." + text[len(text)-digits:]
}

// escapeFormula puts an apostrophe before each character with which a spreadsheet begins a formula. It does so after each
// possible separator too: with another separator than the comma a spreadsheet splits the cell there, and quotes inside of
// the line do not prevent that.
func escapeFormula(cell string) string {
	const starts, separators, skipped = "=+-@\t\r＝＋－＠", ";,|\t\r\n", `"'`
	var escaped strings.Builder
	atStart := true // of a cell, with any separator
	for _, r := range cell {
		if atStart && strings.ContainsRune(starts, r) {
			escaped.WriteByte('\'')
		}
		escaped.WriteRune(r)
		skip := unicode.IsSpace(r) || strings.ContainsRune(skipped, r)
		atStart = strings.ContainsRune(separators, r) || atStart && skip
	}
	return escaped.String()
}
