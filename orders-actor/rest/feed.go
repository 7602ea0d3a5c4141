package rest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"orders/api"
	"orders/orders-actor/rest/convert"

	"github.com/gofiber/fiber/v2"

	"orders/kit/run"
	"orders/orders-actor/auth"
	"orders/orders-actor/orderdb"
	"orders/orders-actor/rest/clientconn"
	"orders/orders-actor/rest/cursor"
	"orders/orders-actor/rest/limit"
	"orders/orders-actor/rest/request"
)

const (
	eventStream = "text/event-stream"
	retryMillis = 2000 // the pause before a client reconnects
	streamBatch = 100  // events that a stream reads at once
)

var feedTypes = []string{fiber.MIMEApplicationJSON, eventStream}

func (s *Server) followOrders(c *fiber.Ctx, u auth.User) error {
	media, err := request.Accepted(c, feedTypes...)
	if err != nil {
		return err
	}
	q := request.ReadQuery(c, "after", "limit")
	events := orderdb.EventQuery{After: q.Text("after", maxCursor), Limit: q.Number("limit", 100, 1, 500)}
	if err := q.Err(); err != nil {
		return err
	}
	if last := c.Get("Last-Event-ID"); last != "" {
		if len(last) > maxCursor {
			return request.BadField("Last-Event-ID", "must have at most %d characters", maxCursor)
		}
		events.After = strings.Clone(last)
	}
	if u.Role != auth.Operator {
		events.Customer = u.ID
	}
	if events.After != "" {
		var ok bool
		if events.After, ok = s.cursors.Open(cursor.Feed, events.After); !ok {
			return feedError(orderdb.ErrBadCursor)
		}
	}
	if events.After == "" {
		if events.After, err = s.Reads.Head(c.UserContext()); err != nil {
			return readError(err)
		}
	}
	if media == eventStream {
		return s.streamEvents(c, u, events)
	}
	return s.pollEvents(c, u, events)
}

// pollEvents responds with the next events as JSON. With Prefer: wait it is a long poll.
func (s *Server) pollEvents(c *fiber.Ctx, u auth.User, q orderdb.EventQuery) error {
	wait, asked := request.PreferWait(c)
	if wait > 0 {
		defer s.Feed.Follow()()
	}
	end, check := time.NewTimer(wait), time.NewTicker(s.ClientCheckInterval)
	defer end.Stop()
	defer check.Stop()
	for {
		events, more, err := s.events(c.UserContext(), q)
		if err != nil {
			return err
		}
		q.After = events.Next
		if len(events.Events) == 0 && wait > 0 && s.await(c, more, check.C, end.C) {
			continue
		}
		if asked {
			request.PreferenceApplied(c, wait)
		}
		return c.JSON(s.toEvents(events, u))
	}
}

// await waits until more is closed or the client is checked. It reports false if the long poll ends: at its end, because the client
// has disconnected, which frees the slot, or because the server stops. A caller that waits again must pass the same ticker:
// while other orders change, more is closed before each check of a new one.
func (s *Server) await(c *fiber.Ctx, more <-chan struct{}, check, end <-chan time.Time) bool {
	select {
	case <-more:
		return true
	case <-check:
		return !clientconn.Closed(c.Context().Conn())
	case <-end:
	case <-c.UserContext().Done():
	case <-s.stopping:
	}
	return false
}

func (s *Server) toEvents(e orderdb.Events, u auth.User) api.Events {
	events := api.Events{Events: make([]api.Event, len(e.Events)), Next: s.cursors.Seal(cursor.Feed, e.Next)}
	for i, event := range e.Events {
		events.Events[i] = api.Event{Cursor: s.cursors.Seal(cursor.Feed, event.Cursor), Order: convert.Summary(event.Order, u)}
	}
	return events
}

// events returns the events after a cursor, from the feed or, for an older cursor, from the order database. The channel is
// closed when there may be more.
func (s *Server) events(ctx context.Context, q orderdb.EventQuery) (orderdb.Events, <-chan struct{}, error) {
	events, more, ok := s.Feed.Since(q)
	if ok {
		return events, more, nil
	}
	events, err := s.Reads.Events(ctx, q)
	return events, more, feedError(err)
}

// streamEvents responds with server-sent events. It reads the first events before it sends the status, so that a bad cursor
// yields a problem.
func (s *Server) streamEvents(c *fiber.Ctx, u auth.User, q orderdb.EventQuery) error {
	q.Limit = streamBatch
	first, more, err := s.events(c.UserContext(), q)
	if err != nil {
		return err
	}
	c.Request().Header.Del(fiber.HeaderAcceptEncoding) // compression would buffer events
	headers := map[string]string{fiber.HeaderContentType: eventStream, "X-Accel-Buffering": "no"}
	return s.sendStream(c, u, s.waits, headers, func(ctx context.Context, conn net.Conn, w *bufio.Writer) {
		defer s.Feed.Follow()()
		st := &stream{server: s, conn: conn, w: w, query: q, user: u}
		if err := st.run(first, more); err != nil {
			s.Log.DebugContext(ctx, "stream ended", "error", err)
		}
	})
}

// sendStream responds with what write writes after the handler has returned, within a slot of the user. A HEAD request gets
// the headers only.
func (s *Server) sendStream(c *fiber.Ctx, u auth.User, slots *limit.Slots, headers map[string]string, write func(context.Context, net.Conn, *bufio.Writer)) error {
	headOnly := c.Method() == fiber.MethodHead
	if !headOnly {
		if err := slots.Enter(u.ID); err != nil {
			return err
		}
	}
	for name, value := range headers {
		c.Set(name, value)
	}
	if headOnly {
		return nil
	}
	conn, ctx := c.Context().Conn(), context.WithoutCancel(c.UserContext())
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		_ = run.Catch(ctx, s.Log, "stream", func() error {
			defer slots.Leave(u.ID)
			write(ctx, conn, w)
			return nil
		})
	})
	return nil
}

// stream is a client of the feed. It holds at most one batch in memory. A client that does not read within WriteTimeout is
// disconnected and resumes from its last cursor.
type stream struct {
	server *Server
	conn   net.Conn
	w      *bufio.Writer
	query  orderdb.EventQuery
	user   auth.User
}

func (st *stream) run(events orderdb.Events, more <-chan struct{}) error {
	lifetime := st.server.StreamLifetime
	lifetime -= rand.N(lifetime/5 + 1) // jitter: streams that began together do not reconnect together
	end := time.NewTimer(min(lifetime, st.user.Expires.Add(auth.Skew).Sub(st.server.Now())))
	defer end.Stop()
	heartbeat := time.NewTicker(st.server.Heartbeat)
	defer heartbeat.Stop()
	check := time.NewTicker(st.server.ClientCheckInterval)
	defer check.Stop()

	fmt.Fprintf(st.w, "retry: %d\n", retryMillis)
	if err := st.sendCursor(st.query.After); err != nil {
		return err
	}
	for {
		if err := st.send(events); err != nil {
			return err
		}
		if len(events.Events) > 0 {
			more = closedChannel
		}
		select {
		case <-more:
		case <-check.C:
			if clientconn.Closed(st.conn) {
				return nil
			}
			events = orderdb.Events{Next: st.query.After} // sends nothing
			continue
		case <-heartbeat.C:
			if err := st.sendCursor(st.query.After); err != nil {
				return err
			}
		case <-end.C:
			return nil
		case <-st.server.stopping:
			return nil
		}
		var err error
		if events, more, err = st.next(); err != nil {
			return err
		}
	}
}

var closedChannel = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func (st *stream) next() (orderdb.Events, <-chan struct{}, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	return st.server.events(ctx, st.query)
}

func (st *stream) send(events orderdb.Events) error {
	st.query.After = events.Next
	if len(events.Events) == 0 {
		return nil
	}
	for _, e := range events.Events {
		data, err := json.Marshal(convert.Summary(e.Order, st.user))
		if err != nil {
			return fmt.Errorf("encode event %s: %w", e.Cursor, err)
		}
		fmt.Fprintf(st.w, "event: order\nid: %s\ndata: %s\n\n", st.server.cursors.Seal(cursor.Feed, e.Cursor), data)
	}
	return st.flush()
}

// sendCursor sends the cursor without an event. It is the heartbeat, and keeps the cursor of a customer with few events from
// expiring.
func (st *stream) sendCursor(position string) error {
	fmt.Fprintf(st.w, "id: %s\n\n", st.server.cursors.Seal(cursor.Feed, position))
	return st.flush()
}

func (st *stream) flush() error {
	if err := st.conn.SetWriteDeadline(time.Now().Add(st.server.WriteTimeout)); err != nil {
		return err
	}
	return st.w.Flush()
}
