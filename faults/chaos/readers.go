package chaos

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"orders/api"
	"orders/faults/history"
	"orders/faults/stores"
	"orders/orders-actor/order"
)

// reader follows the feed over many short connections to random replicas. Each one resumes where the previous one ended.
type reader struct {
	service *service
	name    string
	user    string
	stream  bool // server-sent events instead of long polls
	random  *rand.Rand
	after   string // the cursor
	reading history.Reading
}

// newReader returns an operator's reader for numbers 0 and 1, and a customer's for others. Readers with an even number use streams.
func newReader(s *service, seed uint64, number int, after string) *reader {
	r := &reader{
		service: s, user: fmt.Sprintf("customer-%d", number), stream: number%2 == 0, after: after,
		random: rand.New(rand.NewPCG(seed, uint64(1<<32+number))),
	}
	if number < 2 {
		r.user = operator
	}
	form := "poll"
	if r.stream {
		form = "stream"
	}
	r.name = fmt.Sprintf("reader-%d (%s of %s)", number, form, r.user)
	r.reading = history.Reading{Reader: r.name}
	if r.user != operator {
		r.reading.Customer = r.user
	}
	return r
}

// run reads until ctx ends.
func (r *reader) run(ctx context.Context) {
	for ctx.Err() == nil {
		connection, end := context.WithTimeout(ctx, time.Duration(500+r.random.IntN(12_000))*time.Millisecond)
		if r.stream {
			_ = r.follow(connection) // it always ends with an error, because connections are cut
		} else {
			for connection.Err() == nil {
				if _, err := r.poll(connection, "wait=5"); err != nil {
					break
				}
			}
		}
		end()
		sleep(ctx, time.Duration(100+r.random.IntN(2_000))*time.Millisecond)
	}
}

// finish reads to the end of the event log.
func (r *reader) finish(ctx context.Context) (history.Reading, error) {
	for {
		n, err := r.poll(ctx, "")
		if err != nil {
			return r.reading, fmt.Errorf("%s: %w", r.name, err)
		}
		if n == 0 {
			r.reading.Complete = true
			return r.reading, nil
		}
	}
}

func (r *reader) add(cursor string, o order.Order) {
	r.after = cursor
	r.reading.Events = append(r.reading.Events, history.FeedEvent{Cursor: cursor, Order: o, At: time.Now()})
}

func (r *reader) poll(ctx context.Context, prefer string) (int, error) {
	page, err := stores.Events(ctx, r.service.as(r.user), r.after, prefer)
	if err != nil {
		return 0, err
	}
	for _, e := range page.Events {
		r.add(e.Cursor, e.Order)
	}
	if page.Next != "" {
		r.after = page.Next
	}
	return len(page.Events), nil
}

// follow reads one stream to its end.
func (r *reader) follow(ctx context.Context) error {
	c, err := r.service.client(ctx, r.service.urls[r.random.IntN(len(r.service.urls))], r.user)
	if err != nil {
		return err
	}
	resp, err := c.FollowOrders(ctx, &api.FollowOrdersParams{LastEventID: &r.after}, func(_ context.Context, req *http.Request) error {
		req.Header.Set("Accept", "text/event-stream")
		return nil
	})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("follow feed: %s", resp.Status)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	var id, data string
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "id":
			id = value
		case "data":
			data = value
		case "": // the end of an event or of a heartbeat
			if data != "" {
				var o order.Order
				if err := json.Unmarshal([]byte(data), &o); err != nil {
					return err
				}
				r.add(id, o)
			} else if id != "" {
				r.after = id
			}
			id, data = "", ""
		}
	}
	return errors.Join(lines.Err(), errors.New("the feed ended"))
}
