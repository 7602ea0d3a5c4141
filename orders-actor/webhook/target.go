// Package webhook sends events to the URLs of webhooks, signed as Standard Webhooks describes it (https://www.standardwebhooks.com).
package webhook

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb/destinations"
	"orders/orders-actor/orderdb/webhooks"
	"orders/orders-actor/relay"
)

// TestType is the type of test events.
const TestType = "orders.webhook.test.v1"

const (
	sendTimeout     = 10 * time.Second // of an attempt; shorter than the relay's lease is valid after each renewal
	dialTimeout     = 3 * time.Second
	maxResponseHead = 16 << 10
	maxResponseBody = 64 << 10 // read so that the connection can be used again
	maxError        = 300      // characters
)

// Store has the webhooks and their deliveries, see webhooks.Store.
type Store interface {
	List(ctx context.Context) ([]webhooks.Webhook, error)
	Get(ctx context.Context, id string) (webhooks.Webhook, error)
	Add(ctx context.Context, w webhooks.Webhook) error
	Change(ctx context.Context, id string, now time.Time, change func(*webhooks.Webhook) error) (webhooks.Webhook, error)
	Delete(ctx context.Context, id string) error
	Record(ctx context.Context, d webhooks.Delivery) error
	Deliveries(ctx context.Context, webhook string, n int) ([]webhooks.Delivery, error)
	Delivery(ctx context.Context, webhook, id string) (webhooks.Delivery, error)
}

// Config configures a Service.
type Config struct {
	Store        Store
	Keys         [][]byte                // the first one encrypts secrets, each of them decrypts
	Data         func(o order.Order) any // the data of an event, as in the contract
	AllowPrivate bool                    // send to private, loopback and link-local addresses, and without TLS
	Clock        func() time.Time
	Changed      func() // is called after a webhook was enabled
}

// Service manages webhooks, and sends events to them: it is a relay.Target.
type Service struct {
	Config
	sealer *sealer
	client *http.Client
}

// New returns a service.
func New(c Config) (*Service, error) {
	s, err := newSealer(c.Keys)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: dialTimeout}
	if !c.AllowPrivate {
		dialer.Control = refusePrivate
	}
	return &Service{Config: c, sealer: s, client: &http.Client{
		Timeout:       sendTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		// Without a proxy: it would dial addresses that are not checked.
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: dialTimeout, ResponseHeaderTimeout: sendTimeout, IdleConnTimeout: time.Minute,
			MaxIdleConnsPerHost: 8, MaxConnsPerHost: 16, MaxResponseHeaderBytes: maxResponseHead, DisableCompression: true, ForceAttemptHTTP2: true,
		},
	}}, nil
}

// Open implements relay.Target.
func (s *Service) Open(ctx context.Context, id string) (relay.Sender, error) {
	w, err := s.Store.Get(ctx, id)
	if errors.Is(err, webhooks.ErrNotFound) {
		return nil, destinations.ErrDisabled
	}
	if err != nil {
		return nil, err
	}
	secrets, err := s.secrets(ctx, w)
	if err != nil {
		return nil, err
	}
	return &sender{Service: s, webhook: w, secrets: secrets}, nil
}

type sender struct {
	*Service
	webhook webhooks.Webhook
	secrets [][]byte
}

// Wants implements relay.Sender.
func (s *sender) Wants(o order.Order) bool {
	return len(s.webhook.Types) == 0 || slices.Contains(s.webhook.Types, relay.Type(o.Status))
}

// Send implements relay.Sender.
func (s *sender) Send(ctx context.Context, o order.Order, attempt int) relay.Outcome {
	e := relay.OrderEvent(o, s.Data(o))
	body, err := json.Marshal(e)
	if err != nil {
		return relay.Outcome{Err: err.Error()}
	}
	d := s.post(ctx, webhooks.Delivery{EventID: e.ID, Type: e.Type, OrderID: o.ID, Attempt: attempt, Body: string(body)})
	outcome := relay.Outcome{Err: d.Error, Detail: d}
	if d.Status == http.StatusGone {
		outcome.Disable = "the receiver answered 410 Gone"
	}
	return outcome
}

// Record implements relay.Sender.
func (s *sender) Record(ctx context.Context, tx *sql.Tx, outcomes []relay.Outcome) error {
	var all []webhooks.Delivery
	for _, o := range outcomes {
		if d, ok := o.Detail.(webhooks.Delivery); ok {
			all = append(all, d)
		}
	}
	return webhooks.Record(ctx, tx, s.webhook.ID, all)
}

// post sends the body of a delivery, and returns the delivery with what came of it.
func (s *sender) post(ctx context.Context, d webhooks.Delivery) webhooks.Delivery {
	d.Webhook, d.At = s.webhook.ID, s.Clock()
	d.ID = uuid.Must(uuid.NewV7()).String()
	started := time.Now()
	var err error
	d.Status, err = s.try(ctx, d)
	d.Duration = time.Since(started)
	switch {
	case err != nil:
		d.Error = shorten(err.Error())
	case d.Status < 200 || d.Status > 299:
		d.Error = "the receiver answered " + strconv.Itoa(d.Status) + " " + http.StatusText(d.Status)
	}
	return d
}

func (s *sender) try(ctx context.Context, d webhooks.Delivery) (status int, _ error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.webhook.URL, bytes.NewReader([]byte(d.Body)))
	if err != nil {
		return 0, err
	}
	at := s.Clock()
	req.Header.Set("Content-Type", "application/cloudevents+json")
	req.Header.Set("User-Agent", "orders-webhooks")
	req.Header.Set("Webhook-Id", d.EventID)
	req.Header.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
	req.Header.Set("Webhook-Signature", sign(s.secrets, d.EventID, at, []byte(d.Body)))
	res, err := s.client.Do(req)
	if err != nil {
		if refused := (*refusedError)(nil); errors.As(err, &refused) {
			return 0, refused
		}
		if netErr := net.Error(nil); errors.As(err, &netErr) && netErr.Timeout() {
			return 0, fmt.Errorf("no answer within %s", sendTimeout)
		}
		if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) { // the URL is known
			err = wrapped.Err
		}
		return 0, err
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, maxResponseBody)
	return res.StatusCode, nil
}

func shorten(text string) string {
	if runes := []rune(text); len(runes) > maxError {
		return string(runes[:maxError]) + "…"
	}
	return text
}

// parseAddr returns the address of a host that is an address, in any form that a dialer takes.
func parseAddr(host string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(host)
	return addr, err == nil
}
