package payer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"orders/api/onbehalf"
	"orders/api/payments"
	"orders/kit/telemetry"
	"orders/orders-actor/order"
)

// AppID is payments-svc's Dapr app id.
const AppID = "payments-svc"

const maxResponse = 64 << 10 // bytes

// ClientConfig configures a Client.
type ClientConfig struct {
	Sidecar string // base URL of the sidecar's HTTP API
	Token   string // the sidecar's API token, or empty
	Key     []byte // signs the on-behalf-of tokens
	Now     func() time.Time
	// Parallel is the number of concurrent calls. As many idle connections are kept open.
	Parallel int
	Ledger   Ledger // nil: any ledger may decide
}

// Ledger remembers which ledger has the decisions. payments-svc decides nothing with another one.
type Ledger interface {
	Known(ctx context.Context) (id string, err error) // "" before the first payment
	Learn(ctx context.Context, id string) error
}

// Client calls payments-svc through the sidecar (Dapr service invocation). Each call has an on-behalf-of token, which is
// valid for one minute and for this order, customer, amount and currency only. It does not retry: the Payer does.
type Client struct {
	ClientConfig
	http *http.Client
}

// NewClient returns a Client. It connects with the first call.
func NewClient(c ClientConfig) *Client {
	return &Client{ClientConfig: c, http: &http.Client{
		Transport: &http.Transport{
			MaxIdleConnsPerHost: c.Parallel,
			IdleConnTimeout:     time.Minute,
			ForceAttemptHTTP2:   false,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Record is the payment of an order in the ledger of payments-svc. Amounts are in minor units of Currency.
type Record struct {
	OrderID   string        `json:"orderId"`
	Status    RecordStatus  `json:"status"`
	Reason    string        `json:"reason"`
	Amount    int64         `json:"amount"`
	Currency  string        `json:"currency"`
	DecidedAt time.Time     `json:"decidedAt"`
	Entries   []RecordEntry `json:"entries"`
}

// RecordStatus is the status of a Record.
type RecordStatus string

// The statuses of a Record.
const (
	RecordConfirmed RecordStatus = "confirmed"
	RecordDeclined  RecordStatus = "declined"
	RecordVoided    RecordStatus = "voided"
	RecordRemoved   RecordStatus = "removed" // with its order; there is no amount
)

// RecordEntry is a charge or a void in the ledger. Kind is "charged" or "voided".
type RecordEntry struct {
	Kind   string    `json:"kind"`
	Amount int64     `json:"amount"`
	At     time.Time `json:"at"`
}

// Charges returns the number of charges.
func (r Record) Charges() (n int) {
	for _, e := range r.Entries {
		if e.Kind == "charged" {
			n++
		}
	}
	return n
}

// Of returns the payment of an order.
func Of(s order.State) Payment {
	p := Payment{OrderID: s.ID, Amount: s.Total, Currency: s.Currency, Customer: s.Customer}
	if s.Auth.User != s.Customer {
		p.Actor = s.Auth.User
	}
	return p
}

// Pay requests a decision. The error wraps ErrRefused if a retry is useless.
func (c *Client) Pay(ctx context.Context, p Payment) (Decision, error) {
	body, err := json.Marshal(map[string]any{"amount": p.Amount, "currency": p.Currency})
	if err != nil {
		return Decision{}, fmt.Errorf("pay order %s: %w", p.OrderID, err)
	}
	got, err := c.call(ctx, http.MethodPut, p, "", body)
	if err != nil {
		return Decision{}, fmt.Errorf("pay order %s: %w", p.OrderID, err)
	}
	switch got.Status {
	case RecordConfirmed:
		return Decision{Confirmed: true}, nil
	case RecordDeclined, RecordVoided:
		return Decision{Reason: got.Reason}, nil
	default:
		return Decision{}, fmt.Errorf("pay order %s: unknown status %.20q", p.OrderID, got.Status)
	}
}

// Void cancels the payment of an order, or declines it if it arrives later.
func (c *Client) Void(ctx context.Context, p Payment) error {
	got, err := c.call(ctx, http.MethodPost, p, "/void", nil)
	if err == nil && got.Status != RecordVoided {
		err = fmt.Errorf("unexpected status %.20q", got.Status)
	}
	if err != nil {
		return fmt.Errorf("void order %s: %w", p.OrderID, err)
	}
	return nil
}

// Remove removes the payment of an order that is final and has no pending void. payments-svc makes no decision about it again.
func (c *Client) Remove(ctx context.Context, p Payment) error {
	got, err := c.call(ctx, http.MethodDelete, p, "", nil)
	if err == nil && got.Status != RecordRemoved {
		err = fmt.Errorf("unexpected status %.20q", got.Status)
	}
	if err != nil {
		return fmt.Errorf("remove payment of order %s: %w", p.OrderID, err)
	}
	return nil
}

// errNoPayment means that the ledger has no payment of the order.
var errNoPayment = errors.New("no such payment")

// Find reads the payment from the ledger. It returns false if there is none.
func (c *Client) Find(ctx context.Context, p Payment) (r Record, found bool, _ error) {
	r, err := c.call(ctx, http.MethodGet, p, "", nil)
	switch {
	case errors.Is(err, errNoPayment):
		return Record{}, false, nil
	case err != nil:
		return Record{}, false, fmt.Errorf("find payment of order %s: %w", p.OrderID, err)
	}
	return r, true, nil
}

func (c *Client) call(ctx context.Context, method string, p Payment, action string, body []byte) (got Record, err error) {
	token, err := onbehalf.Mint(c.Key, onbehalf.Claims{
		OrderID: p.OrderID, User: p.Customer, Actor: p.Actor, Amount: p.Amount, Currency: p.Currency,
	}, c.Now())
	if err != nil {
		return got, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	target := c.Sidecar + "/v1.0/invoke/" + AppID + "/method/payments/" + url.PathEscape(p.OrderID) + action
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return got, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	if traceparent := telemetry.Traceparent(ctx); traceparent != "" {
		req.Header.Set(telemetry.HeaderTraceparent, traceparent)
	}
	if c.Token != "" {
		req.Header.Set("Dapr-Api-Token", c.Token)
	}
	var ledger string
	if c.Ledger != nil {
		if ledger, err = c.Ledger.Known(ctx); err != nil {
			return got, err
		}
		req.Header.Set(payments.LedgerHeader, ledger)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return got, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse))
	if err != nil {
		return got, fmt.Errorf("read response: %w", err)
	}
	switch {
	case resp.StatusCode == http.StatusOK:
		if err := json.Unmarshal(data, &got); err != nil {
			return got, fmt.Errorf("decode response: %w", err)
		}
		if got.OrderID != p.OrderID {
			return got, fmt.Errorf("response is for order %.40q", got.OrderID)
		}
		if c.Ledger != nil && ledger == "" {
			return got, c.Ledger.Learn(ctx, resp.Header.Get(payments.LedgerHeader))
		}
		return got, nil
	case resp.StatusCode == http.StatusNotFound && method == http.MethodGet:
		return got, errNoPayment
	case permanent(resp.StatusCode):
		return got, fmt.Errorf("%w: %s: %.300s", ErrRefused, resp.Status, data)
	default:
		return got, fmt.Errorf("%s: %.300s", resp.Status, data)
	}
}

// permanent reports whether a retry would get the same status. It is false for 401 and 403: during a rotation of keys, a
// replica of payments-svc may not know the key of the token yet, and the retry may reach another replica.
func permanent(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout, http.StatusTooManyRequests:
		return false
	default:
		return status >= 300 && status < 500
	}
}
