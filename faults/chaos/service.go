package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"orders/api"
	"orders/api/client"
	"orders/api/contract"
	"orders/faults/history"
	"orders/faults/stores"
	"orders/orders-actor/order"
)

// callTimeout is how long a client waits for one reply.
const callTimeout = 20 * time.Second

// maxContractErrors limits how many replies that violate the contract are described.
const maxContractErrors = 10

// operator is the user who reads all orders.
const operator = "operator"

// service is the product as its clients see it: replicas that answer HTTP requests. It counts requests and replies.
type service struct {
	urls  []string
	http  *http.Client
	close func()

	mu             sync.Mutex
	tokens         map[string]string
	invalid        int      // replies that violate the contract
	contractErrors []string // the first of them

	requests, retries, noReply, serverErrors atomic.Int64
}

func newService(urls []string) *service {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	s := &service{urls: urls, tokens: map[string]string{}, close: transport.CloseIdleConnections}
	s.http = &http.Client{Transport: contract.Transport{Base: transport, OnViolation: s.violated}}
	return s
}

// violated records a reply that violates the contract.
func (s *service) violated(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.invalid++
	if len(s.contractErrors) < maxContractErrors {
		s.contractErrors = append(s.contractErrors, err.Error())
	}
}

// request is a call of the generated client by a user; by nobody if the user is empty.
type request struct {
	user string
	send stores.Call
}

// send sends a request once, to a random replica. Without a reply the result is the zero Reply.
func (s *service) send(ctx context.Context, r request) client.Reply {
	return s.sendTo(ctx, s.urls[rand.IntN(len(s.urls))], r)
}

func (s *service) sendTo(ctx context.Context, url string, r request) client.Reply {
	s.requests.Add(1)
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	reply, err := s.try(ctx, url, r)
	switch {
	case err != nil:
		s.noReply.Add(1)
		return client.Reply{}
	case reply.Status >= 500:
		s.serverErrors.Add(1)
		if reply.Status == http.StatusInternalServerError { // it is in the contract, but no injected fault may cause it
			s.violated(&client.Error{Reply: reply})
		}
	}
	return reply
}

func (s *service) try(ctx context.Context, url string, r request) (client.Reply, error) {
	c, err := s.client(ctx, url, r.user)
	if err != nil {
		return client.Reply{}, err
	}
	return client.Read(r.send(ctx, c))
}

// as returns how to send calls of a user, each once and to a random replica.
func (s *service) as(user string) stores.Send {
	return func(ctx context.Context, call stores.Call) client.Reply { return s.send(ctx, request{user, call}) }
}

// client returns a client of a replica with the user's token.
func (s *service) client(ctx context.Context, url, user string) (*client.Client, error) {
	token, err := s.token(ctx, user)
	return client.New(url, token, s.http), err
}

// token gets a user's token once, from the first replica that answers.
func (s *service) token(ctx context.Context, user string) (string, error) {
	s.mu.Lock()
	token, ok := s.tokens[user]
	s.mu.Unlock()
	if ok || user == "" {
		return token, nil
	}
	role := api.RoleCustomer
	if user == operator {
		role = api.RoleOperator
	}
	var failed []error
	for _, url := range s.urls {
		token, err := client.Token(ctx, url, user, role, s.http)
		if err == nil {
			s.mu.Lock()
			s.tokens[user] = token
			s.mu.Unlock()
			return token, nil
		}
		failed = append(failed, fmt.Errorf("get token of %s: %w", user, err))
	}
	return "", errors.Join(failed...)
}

// unknown reports whether the outcome is unknown, so that the client should retry.
func unknown(r client.Reply) bool {
	switch r.Status {
	case 0, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	}
	return r.Status >= 500
}

// record completes c with the reply.
func record(c history.Call, r client.Reply, at time.Time) history.Call {
	c.Got, c.Status, c.Code = at, r.Status, string(r.Code())
	c.Replayed = r.Header.Get("Idempotency-Replayed") == "true"
	var o struct {
		order.Order
		Changed bool `json:"changed"`
	}
	if r.OK() && json.Unmarshal(r.Body, &o) == nil && o.ID != "" {
		c.Reply, c.Order, c.Changed = &o.Order, o.ID, o.Changed
	}
	return c
}

func create(c history.Call) request {
	body := api.CreateOrder{Currency: api.Currency(c.Currency)}
	for _, item := range c.Items {
		body.Items = append(body.Items, api.Item{Sku: item.SKU, Name: item.Name, Quantity: item.Quantity, UnitPrice: item.UnitPrice})
	}
	return request{c.Client, func(ctx context.Context, s *client.Client) (*http.Response, error) {
		return s.CreateOrder(ctx, &api.CreateOrderParams{IdempotencyKey: optional(c.Key)}, body)
	}}
}

func cancel(c history.Call) request {
	var params api.CancelOrderParams
	if c.IfVersion != 0 {
		params.IfMatch = new(strconv.Quote(strconv.Itoa(c.IfVersion)))
	}
	return request{c.Client, func(ctx context.Context, s *client.Client) (*http.Response, error) {
		return s.CancelOrder(ctx, c.Order, &params, api.CancelOrder{Reason: "changed my mind"})
	}}
}

func get(c history.Call) request { return getWith(c, nil) }

func getWith(c history.Call, params *api.GetOrderParams) request {
	return request{c.Client, func(ctx context.Context, s *client.Client) (*http.Response, error) {
		return s.GetOrder(ctx, c.Order, params)
	}}
}

// optional returns nil for an empty string.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
