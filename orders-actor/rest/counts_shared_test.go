package rest

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	"orders/api"
	"orders/orders-actor/auth"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
)

// shop is an order database that knows the number of orders of each customer only.
type shop struct {
	Reads
	mu      sync.Mutex
	orders  map[string]int
	queries map[orderdb.Filter][]time.Time // when they started
}

func (s *shop) Counts(_ context.Context, f orderdb.Filter) (orderdb.Counts, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queries[f] = append(s.queries[f], time.Now())
	return orderdb.Counts{PerStatus: map[order.Status]int{order.Created: s.orders[f.Customer]}}, nil
}

func (s *shop) create(customer string) (orders int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.orders[customer]++
	return s.orders[customer]
}

// named takes the token of a request for the name of a customer.
type named struct{}

func (named) Verify(_ context.Context, token string) (auth.User, error) {
	return auth.User{ID: token, Role: auth.Customer}, nil
}

// The handler is called without a network, so that the test runs on the clock of synctest.
func TestOpenPagesShareOneCountPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &shop{orders: map[string]int{}, queries: map[orderdb.Filter][]time.Time{}}
		s, err := New(Options{Reads: db, Verifier: named{}, Log: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		handle := s.app.Handler()
		count := func(customer string) int {
			c := &fasthttp.RequestCtx{}
			c.Request.Header.SetMethod(fiber.MethodGet)
			c.Request.SetRequestURI("/v1/orders/counts")
			c.Request.Header.SetHost("orders.example")
			c.Request.Header.Set(fiber.HeaderAuthorization, "Bearer "+customer)
			handle(c)
			assert.Equal(t, fiber.StatusOK, c.Response.StatusCode(), "%s", c.Response.Body())
			var got api.OrderCounts
			assert.NoError(t, json.Unmarshal(c.Response.Body(), &got))
			return got.Counts.Created
		}
		customers := []string{"alice", "bob"}
		db.orders = map[string]int{"alice": 100, "bob": 10_000}
		begun := time.Now()
		var pages sync.WaitGroup
		for _, customer := range customers {
			for range 10 {
				pages.Go(func() {
					for range 5 { // a page asks again at once, after a change
						least := db.create(customer)
						n := count(customer)
						assert.GreaterOrEqual(t, n, least, "the change before the request is counted")
						assert.LessOrEqual(t, n, map[string]int{"alice": 150, "bob": 10_050}[customer])
					}
				})
			}
		}
		pages.Wait()
		assert.LessOrEqual(t, time.Since(begun), 5*time.Second)
		for _, customer := range customers {
			queries := db.queries[orderdb.Filter{Customer: customer}]
			require.NotEmpty(t, queries)
			assert.LessOrEqual(t, len(queries), 6, "50 requests")
			for i := range queries[1:] {
				assert.Equal(t, time.Second, queries[i+1].Sub(queries[i]))
			}
		}
		assert.Len(t, db.queries, 2)
		<-time.After(time.Second) // until the goroutines of the counter have ended
	})
}
