package rest

import (
	"bufio"
	"context"
	"encoding/csv"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/gofiber/fiber/v2"
	"golang.org/x/text/currency"

	"orders/kit/run"
	"orders/orders-actor/auth"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
)

const (
	textCSV       = "text/csv"
	exportTimeout = 5 * time.Minute

	maxExports, maxExportsPerUser = 4, 2 // at once
)

var csvHeader = []string{
	"id", "customer", "status", "version", "currency", "totalDecimal", "createdAt", "updatedAt", "deliverAt",
	"payment", "cancelledBy", "cancelReason", "items",
}

// exportOrders streams the selection: one order in memory at a time, at the pace of the reader.
func (s *Server) exportOrders(c *fiber.Ctx, u auth.User, q orderdb.Query) error {
	q.Limit, q.Cursor = 0, ""
	headOnly := c.Method() == fiber.MethodHead
	if !headOnly {
		if err := s.exports.enter(u.ID); err != nil {
			return err
		}
	}
	c.Set(fiber.HeaderContentType, textCSV+"; charset=utf-8")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="orders.csv"`)
	if headOnly {
		return nil
	}
	conn, detached := c.Context().Conn(), context.WithoutCancel(c.UserContext())
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		_ = run.Catch(detached, s.Log, "export", func() error {
			defer s.exports.leave(u.ID)
			ctx, cancel := context.WithTimeout(detached, exportTimeout)
			defer cancel()
			err := run.Catch(ctx, s.Log, "export", func() error { return s.writeCSV(ctx, conn, w, q) })
			if err != nil {
				s.Log.WarnContext(ctx, "an export broke off", "err", err)
				_ = conn.Close() // the status is sent: a broken connection is how the reader learns that this isn't all
			}
			return nil
		})
	})
	return nil
}

func (s *Server) writeCSV(ctx context.Context, conn net.Conn, w *bufio.Writer, q orderdb.Query) error {
	if _, err := w.WriteString("\ufeff"); err != nil { // a spreadsheet takes text without a byte order mark for its local encoding
		return err
	}
	out := csv.NewWriter(w)
	if err := out.Write(csvHeader); err != nil {
		return err
	}
	rows := 0
	err := s.Reads.Export(ctx, q, func(o order.Order) error {
		if rows++; rows%100 == 0 {
			_ = conn.SetWriteDeadline(time.Now().Add(s.WriteTimeout))
			select {
			case <-s.stopping:
				return fmt.Errorf("the server stops after %d rows", rows)
			default:
			}
		}
		return out.Write(csvRow(o))
	})
	if err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}

func csvRow(o order.Order) []string {
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

// decimal writes minor units as the currency has them: 9.00 for EUR 900, 900 for JPY 900.
func decimal(minor int64, code string) string {
	unit, _ := currency.ParseISO(code) // the zero unit has two digits
	digits, _ := currency.Standard.Rounding(unit)
	text := fmt.Sprintf("%0*d", digits+1, minor)
	if digits == 0 {
		return text
	}
	return text[:len(text)-digits] + "." + text[len(text)-digits:]
}

// escapeFormula puts an apostrophe before all that a spreadsheet could run as a formula. Where another separator than the
// comma is usual, a spreadsheet splits the cell at that one, and quotes inside of a line protect nothing.
func escapeFormula(cell string) string {
	const starts, separators, skipped = "=+-@\t\r＝＋－＠", ";,|\t\r\n", `"'`
	var escaped strings.Builder
	start := true // of a cell, by whichever separator
	for _, r := range cell {
		if start && strings.ContainsRune(starts, r) {
			escaped.WriteByte('\'')
		}
		escaped.WriteRune(r)
		skip := unicode.IsSpace(r) || strings.ContainsRune(skipped, r)
		start = strings.ContainsRune(separators, r) || start && skip
	}
	return escaped.String()
}
