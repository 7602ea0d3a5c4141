package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"orders/api/contract"
	"orders/faults/history"
	"orders/orders-actor/order"
)

// callTimeout is how long a client waits for one reply.
const callTimeout = 20 * time.Second

// maxViolations bounds how many violations are kept in words.
const maxViolations = 10

// api is the service as its clients reach it: any replica, by HTTP. It counts what went wrong.
type api struct {
	urls   []string
	client *http.Client
	close  func()

	mu         sync.Mutex
	tokens     map[string]string
	outside    int      // replies outside of the contract
	violations []string // the first of them

	calls, retries, noReply, serverErrors atomic.Int64
}

func newAPI(urls []string) *api {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	a := &api{urls: urls, tokens: map[string]string{}, close: transport.CloseIdleConnections}
	a.client = &http.Client{Transport: contract.Transport{Base: transport, OnViolation: a.found}}
	return a
}

func (a *api) found(violation error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.outside++
	if len(a.violations) < maxViolations {
		a.violations = append(a.violations, violation.Error())
	}
}

// request is what a client sends, and the reply.
type request struct {
	user     string
	operator bool
	method   string
	path     string
	headers  map[string]string
	body     any
	timeout  time.Duration
}

type reply struct {
	status  int // 0: none came
	headers http.Header
	body    []byte
}

func (r reply) acknowledged() bool { return r.status >= 200 && r.status < 300 }

// unsure says that a repeat may help: nobody answered, or the service couldn't, or the request didn't arrive in time.
func (r reply) unsure() bool {
	switch r.status {
	case 0, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	}
	return r.status >= 500
}

// send asks one replica, picked by chance, once.
func (a *api) send(ctx context.Context, r request) reply {
	return a.sendTo(ctx, a.urls[rand.IntN(len(a.urls))], r)
}

func (a *api) sendTo(ctx context.Context, url string, r request) reply {
	a.calls.Add(1)
	got, err := a.try(ctx, url, r)
	switch {
	case err != nil:
		a.noReply.Add(1)
		return reply{}
	case got.status >= 500:
		a.serverErrors.Add(1)
		if got.status == http.StatusInternalServerError { // the contract names it, but no fault of a part excuses it
			a.found(fmt.Errorf("%s %s: %s: %.1000s", r.method, r.path, http.StatusText(got.status), got.body))
		}
	}
	return got
}

func (a *api) try(ctx context.Context, url string, r request) (reply, error) {
	if r.timeout == 0 {
		r.timeout = callTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	req, err := a.request(ctx, url, r)
	if err != nil {
		return reply{}, err
	}
	resp, err := a.client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{status: resp.StatusCode, headers: resp.Header, body: body}, err
}

func (a *api) request(ctx context.Context, url string, r request) (*http.Request, error) {
	var body io.Reader
	if r.body != nil {
		data, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, url+r.path, body)
	if err != nil {
		return nil, err
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.user != "" {
		token, err := a.token(ctx, r.user, r.operator)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for name, value := range r.headers {
		req.Header.Set(name, value)
	}
	return req, nil
}

// token fetches a user's token once, from whichever replica answers.
func (a *api) token(ctx context.Context, user string, operator bool) (string, error) {
	a.mu.Lock()
	token, ok := a.tokens[user]
	a.mu.Unlock()
	if ok {
		return token, nil
	}
	role := "customer"
	if operator {
		role = "operator"
	}
	var problems []error
	for _, url := range a.urls {
		got, err := a.try(ctx, url, request{
			method: http.MethodPost, path: "/v1/dev/token", body: map[string]string{"user": user, "role": role},
		})
		var answer struct {
			Token string `json:"token"`
		}
		if err == nil && got.status == http.StatusOK {
			err = json.Unmarshal(got.body, &answer)
		}
		if err == nil && answer.Token != "" {
			a.mu.Lock()
			a.tokens[user] = answer.Token
			a.mu.Unlock()
			return answer.Token, nil
		}
		problems = append(problems, fmt.Errorf("token of %s: status %d: %w", user, got.status, err))
	}
	return "", errors.Join(problems...)
}

// code is the problem's code, when the reply is one.
func (r reply) code() string {
	var p struct {
		Code string `json:"code"`
	}
	if r.status < 400 || json.Unmarshal(r.body, &p) != nil {
		return ""
	}
	return p.Code
}

func (r reply) order() *order.Order {
	var o order.Order
	if !r.acknowledged() || json.Unmarshal(r.body, &o) != nil || o.ID == "" {
		return nil
	}
	return &o
}

// record completes c with the reply.
func (r reply) record(c history.Call, got time.Time) history.Call {
	c.Got, c.Status, c.Code, c.Reply = got, r.status, r.code(), r.order()
	c.Replayed = r.headers.Get("Idempotency-Replayed") == "true"
	c.Changed = r.changed()
	if c.Reply != nil {
		c.Order = c.Reply.ID
	}
	return c
}

// changed is what the reply to a cancel says of this call.
func (r reply) changed() bool {
	var o struct {
		Changed bool `json:"changed"`
	}
	return r.acknowledged() && json.Unmarshal(r.body, &o) == nil && o.Changed
}

func create(c history.Call) request {
	items := make([]map[string]any, len(c.Items))
	for i, item := range c.Items {
		items[i] = map[string]any{"sku": item.SKU, "name": item.Name, "quantity": item.Quantity, "unitPrice": item.UnitPrice}
	}
	r := request{
		user: c.Client, method: http.MethodPost, path: "/v1/orders",
		body: map[string]any{"items": items, "currency": c.Currency},
	}
	if c.Key != "" {
		r.headers = map[string]string{"Idempotency-Key": c.Key}
	}
	return r
}

func cancel(c history.Call) request {
	r := request{
		user: c.Client, operator: c.Operator, method: http.MethodPost, path: "/v1/orders/" + c.Order + "/cancel",
		body: map[string]string{"reason": "changed my mind"},
	}
	if c.IfVersion != 0 {
		r.headers = map[string]string{"If-Match": strconv.Quote(strconv.Itoa(c.IfVersion))}
	}
	return r
}

func read(c history.Call) request {
	return request{user: c.Client, operator: c.Operator, method: http.MethodGet, path: "/v1/orders/" + c.Order}
}
