package chaos

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"orders/faults/history"
	"orders/orders-actor/order"
)

// reader follows the feed over many short connections, to whichever replica, and resumes each time where it was.
type reader struct {
	api     *api
	name    string
	user    string
	all     bool // an operator
	stream  bool // SSE, else long polling
	random  *rand.Rand
	after   string
	reading history.Reading
}

func newReader(a *api, seed uint64, number int, after string) *reader {
	r := &reader{
		api: a, user: fmt.Sprintf("customer-%d", number), stream: number%2 == 0, after: after,
		random: rand.New(rand.NewPCG(seed, uint64(1<<32+number))),
	}
	if number < 2 {
		r.user, r.all = "boss", true
	}
	form := "poll"
	if r.stream {
		form = "stream"
	}
	r.name = fmt.Sprintf("reader-%d (%s of %s)", number, form, r.user)
	r.reading = history.Reading{Reader: r.name}
	if !r.all {
		r.reading.Customer = r.user
	}
	return r
}

// run reads until ctx ends.
func (r *reader) run(ctx context.Context) {
	for ctx.Err() == nil {
		life, end := context.WithTimeout(ctx, time.Duration(500+r.random.IntN(12_000))*time.Millisecond)
		if r.stream {
			_ = r.follow(life) // it ends with an error always: that is what connections do here
		} else {
			for life.Err() == nil {
				if _, err := r.poll(life, "wait=5"); err != nil {
					break
				}
			}
		}
		end()
		sleep(ctx, time.Duration(100+r.random.IntN(2_000))*time.Millisecond)
	}
}

// finish reads to the end of the log.
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

func (r *reader) got(cursor string, o order.Order) {
	r.after = cursor
	r.reading.Events = append(r.reading.Events, history.FeedEvent{Cursor: cursor, Order: o, At: time.Now()})
}

func (r *reader) poll(ctx context.Context, prefer string) (int, error) {
	page, err := r.api.events(ctx, r.user, r.all, r.after, prefer)
	if err != nil {
		return 0, err
	}
	for _, e := range page.Events {
		r.got(e.Cursor, e.Order)
	}
	if page.Next != "" {
		r.after = page.Next
	}
	return len(page.Events), nil
}

// events is one page of the feed.
type events struct {
	Events []struct {
		Cursor string      `json:"cursor"`
		Order  order.Order `json:"order"`
	} `json:"events"`
	Next string `json:"next"`
}

func (a *api) events(ctx context.Context, user string, operator bool, after, prefer string) (events, error) {
	req := request{
		user: user, operator: operator, method: http.MethodGet, path: "/v1/orders/events?limit=500&after=" + url.QueryEscape(after),
	}
	if prefer != "" {
		req.headers = map[string]string{"Prefer": prefer}
	}
	return get[events](ctx, a, req)
}

// follow reads one SSE connection to its end.
func (r *reader) follow(ctx context.Context) error {
	req, err := r.api.request(ctx, r.api.urls[r.random.IntN(len(r.api.urls))], request{
		user: r.user, operator: r.all, method: http.MethodGet, path: "/v1/orders/events",
		headers: map[string]string{"Accept": "text/event-stream", "Last-Event-ID": r.after},
	})
	if err != nil {
		return err
	}
	resp, err := r.api.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the feed answers %s", resp.Status)
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
		case "": // the end of an event, or of a mark that only moves the cursor
			if data != "" {
				var o order.Order
				if err := json.Unmarshal([]byte(data), &o); err != nil {
					return err
				}
				r.got(id, o)
			} else if id != "" {
				r.after = id
			}
			id, data = "", ""
		}
	}
	return errors.Join(lines.Err(), errors.New("the feed ended"))
}
