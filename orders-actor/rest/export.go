package rest

import (
	"bufio"
	"context"
	"encoding/csv"
	"fmt"
	"net"
	"time"

	"github.com/gofiber/fiber/v2"

	"orders/kit/run"
	"orders/orders-actor/auth"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
	"orders/orders-actor/rest/ordercsv"
)

const (
	textCSV       = "text/csv"
	exportTimeout = 5 * time.Minute

	maxExports, maxExportsPerUser = 4, 2 // concurrent
)

// exportOrders streams the selected orders as CSV. It holds one page in memory and writes at the pace of the client.
func (s *Server) exportOrders(c *fiber.Ctx, u auth.User, q orderdb.Query) error {
	q.Limit, q.Cursor = 0, ""
	headers := map[string]string{
		fiber.HeaderContentType: textCSV + "; charset=utf-8", fiber.HeaderContentDisposition: `attachment; filename="orders.csv"`,
	}
	return s.sendStream(c, u, s.exports, headers, func(ctx context.Context, conn net.Conn, w *bufio.Writer) {
		ctx, cancel := context.WithTimeout(ctx, exportTimeout)
		defer cancel()
		err := run.Catch(ctx, s.Log, "export", func() error { return s.writeCSV(ctx, conn, w, q) })
		if err != nil {
			s.Log.WarnContext(ctx, "export aborted", "error", err)
			_ = conn.Close() // the status is sent already: closing tells the client that the export is incomplete
		}
	})
}

func (s *Server) writeCSV(ctx context.Context, conn net.Conn, w *bufio.Writer, q orderdb.Query) error {
	if _, err := w.WriteString("\ufeff"); err != nil { // spreadsheets take text without a byte order mark for a local encoding
		return err
	}
	out := csv.NewWriter(w)
	if err := out.Write(ordercsv.Header()); err != nil {
		return err
	}
	rows := 0
	err := s.Reads.Export(ctx, q, func(o order.Order) error {
		if rows++; rows%100 == 0 {
			_ = conn.SetWriteDeadline(time.Now().Add(s.WriteTimeout))
			select {
			case <-s.stopping:
				return fmt.Errorf("server is stopping after %d rows", rows)
			default:
			}
		}
		return out.Write(ordercsv.Row(o))
	})
	if err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}
