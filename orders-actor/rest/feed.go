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

	"github.com/gofiber/fiber/v2"

	"orders/kit/run"
	"orders/orders-actor/auth"
	"orders/orders-actor/orderdb"
)

const (
	eventStream = "text/event-stream"
	retryMillis = 2000
	streamBatch = 100 // events that a stream holds unsent at most
)

var feedTypes = []string{fiber.MIMEApplicationJSON, eventStream}

func (s *Server) followOrders(c *fiber.Ctx, u auth.User) error {
	media, err := offer(c, feedTypes...)
	if err != nil {
		return err
	}
	q := readQuery(c, "after", "limit")
	events := orderdb.EventQuery{After: q.text("after", maxCursor), Limit: q.number("limit", 100, 1, 500)}
	if err := q.err(); err != nil {
		return err
	}
	if last := c.Get("Last-Event-ID"); last != "" {
		if len(last) > maxCursor {
			return badField("Last-Event-ID", "must have at most %d characters", maxCursor)
		}
		events.After = strings.Clone(last)
	}
	if u.Role != auth.Operator {
		events.Customer = u.ID
	}
	if events.After != "" {
		var ok bool
		if events.After, ok = s.cursors.open(feedCursors, events.After); !ok {
			return fromFeed(orderdb.ErrBadCursor)
		}
	}
	if events.After == "" {
		if events.After, err = s.Reads.Head(c.UserContext()); err != nil {
			return fromView(err)
		}
	}
	if media == eventStream {
		return s.streamEvents(c, u, events)
	}
	return s.pollEvents(c, events)
}

// pollEvents is the long-poll form.
func (s *Server) pollEvents(c *fiber.Ctx, q orderdb.EventQuery) error {
	wait, asked := preferWait(c)
	over := time.NewTimer(wait)
	defer over.Stop()
	look := time.NewTicker(s.LookEvery)
	defer look.Stop()
	for {
		events, more, err := s.events(c.UserContext(), q)
		if err != nil {
			return err
		}
		q.After = events.Next
		if len(events.Events) == 0 && wait > 0 {
			select {
			case <-more:
				continue
			case <-look.C:
				if !hungUp(c.Context().Conn()) {
					continue
				}
			case <-over.C:
			case <-s.stopping:
			}
		}
		if asked {
			preferenceApplied(c, wait)
		}
		return c.JSON(s.toEvents(events))
	}
}

// events reads what is next after a cursor: from the feed, or from the database when the feed doesn't reach that far
// back. The channel closes when there may be more.
func (s *Server) events(ctx context.Context, q orderdb.EventQuery) (orderdb.Events, <-chan struct{}, error) {
	events, more, ok := s.Feed.Since(q)
	if ok {
		return events, more, nil
	}
	events, err := s.Reads.Events(ctx, q)
	return events, more, fromFeed(err)
}

// streamEvents is the SSE form. The first events are read before the answer begins, so that a bad cursor can still be
// told as such.
func (s *Server) streamEvents(c *fiber.Ctx, u auth.User, q orderdb.EventQuery) error {
	q.Limit = streamBatch
	first, more, err := s.events(c.UserContext(), q)
	if err != nil {
		return err
	}
	headOnly := c.Method() == fiber.MethodHead
	if !headOnly {
		if err := s.waits.enter(u.ID); err != nil {
			return err
		}
	}
	c.Set(fiber.HeaderContentType, eventStream)
	c.Set("X-Accel-Buffering", "no")
	c.Request().Header.Del(fiber.HeaderAcceptEncoding) // events would wait in the packer
	if headOnly {
		return nil
	}
	st := &stream{server: s, conn: c.Context().Conn(), query: q, expires: u.Expires}
	streaming := context.WithoutCancel(c.UserContext())
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		_ = run.Catch(streaming, s.Log, "stream", func() error {
			defer s.waits.leave(u.ID)
			st.w = w
			if err := st.run(first, more); err != nil {
				s.Log.DebugContext(streaming, "a stream ended", "err", err)
			}
			return nil
		})
	})
	return nil
}

// stream is one reader of the feed. It reads ahead one batch at most: a reader that doesn't take it within WriteTimeout is
// cut off, and comes back with its cursor.
type stream struct {
	server *Server
	conn   net.Conn
	w      *bufio.Writer
	query  orderdb.EventQuery

	expires time.Time // of the reader's token
}

func (st *stream) run(events orderdb.Events, more <-chan struct{}) error {
	life := st.server.StreamLife
	life -= rand.N(life/5 + 1) // so that readers of one start don't all come back at one moment
	end := time.NewTimer(min(life, st.expires.Add(auth.Skew).Sub(st.server.Now())))
	defer end.Stop()
	beat := time.NewTicker(st.server.Heartbeat)
	defer beat.Stop()
	look := time.NewTicker(st.server.LookEvery)
	defer look.Stop()

	fmt.Fprintf(st.w, "retry: %d\n", retryMillis)
	if err := st.mark(st.query.After); err != nil {
		return err
	}
	for {
		if err := st.send(events); err != nil {
			return err
		}
		if len(events.Events) > 0 {
			more = now
		}
		select {
		case <-more:
		case <-look.C:
			if hungUp(st.conn) {
				return nil
			}
			events = orderdb.Events{Next: st.query.After} // nothing new to send
			continue
		case <-beat.C:
			if err := st.mark(st.query.After); err != nil {
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

// now is a channel that has been closed already.
var now = func() <-chan struct{} {
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
		data, err := json.Marshal(toSummary(e.Order))
		if err != nil {
			return fmt.Errorf("write event %s: %w", e.Cursor, err)
		}
		fmt.Fprintf(st.w, "event: order\nid: %s\ndata: %s\n\n", st.server.cursors.seal(feedCursors, e.Cursor), data)
	}
	return st.flush()
}

// mark tells the cursor without an event: as heartbeat, and so that a reader with few orders of their own doesn't fall
// behind what is kept.
func (st *stream) mark(cursor string) error {
	fmt.Fprintf(st.w, "id: %s\n\n", st.server.cursors.seal(feedCursors, cursor))
	return st.flush()
}

func (st *stream) flush() error {
	if err := st.conn.SetWriteDeadline(time.Now().Add(st.server.WriteTimeout)); err != nil {
		return err
	}
	return st.w.Flush()
}
