package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"orders/orders-actor/orderdb/webhooks"
	"orders/orders-actor/relay"
)

// RotationOverlap is how long the previous secret signs too.
const RotationOverlap = 24 * time.Hour

// Refused says why a webhook cannot have these settings.
type Refused struct{ Detail string }

func (r *Refused) Error() string { return r.Detail }

// Settings are what an operator sets of a webhook.
type Settings struct {
	URL, Description string
	Types            []string
}

// Create adds a webhook, and returns its secret, which is not shown again. It returns *Refused for a URL that is not allowed, and if
// there are too many webhooks.
func (s *Service) Create(ctx context.Context, settings Settings) (w webhooks.Webhook, secret string, _ error) {
	if bad := s.checkURL(settings.URL); bad != "" {
		return w, "", &Refused{"the URL " + bad}
	}
	id, secret := uuid.Must(uuid.NewV7()).String(), newSecret()
	err := s.Store.Add(ctx, webhooks.Webhook{
		ID: id, URL: settings.URL, Description: settings.Description, Types: settings.Types,
		Secret: s.sealer.seal(id, secret), CreatedAt: s.Clock(),
	})
	if errors.Is(err, webhooks.ErrTooMany) {
		return w, "", &Refused{fmt.Sprintf("there are %d webhooks already", webhooks.Limit)}
	}
	if err != nil {
		return w, "", err
	}
	s.Changed()
	w, err = s.Store.Get(ctx, id)
	return w, secret, err
}

// Change holds the settings to change; nil leaves one as it is.
type Change struct {
	URL, Description *string
	Types            *[]string
	Enabled          *bool
}

// Update changes a webhook. user is who does it. It returns webhooks.ErrNotFound, or *Refused for a URL that is not allowed.
func (s *Service) Update(ctx context.Context, id, user string, c Change) (webhooks.Webhook, error) {
	if c.URL != nil {
		if bad := s.checkURL(*c.URL); bad != "" {
			return webhooks.Webhook{}, &Refused{"the URL " + bad}
		}
	}
	w, err := s.Store.Change(ctx, id, s.Clock(), func(w *webhooks.Webhook) error {
		set(&w.URL, c.URL)
		set(&w.Description, c.Description)
		set(&w.Types, c.Types)
		set(&w.Enabled, c.Enabled)
		w.Reason = "disabled by " + user
		return nil
	})
	if err == nil && w.Enabled {
		s.Changed()
	}
	return w, err
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// Rotate gives a webhook a new secret, and returns it. The previous one signs too for RotationOverlap.
func (s *Service) Rotate(ctx context.Context, id string) (w webhooks.Webhook, secret string, err error) {
	secret = newSecret()
	now := s.Clock()
	w, err = s.Store.Change(ctx, id, now, func(w *webhooks.Webhook) error {
		w.Previous, w.PreviousUntil = w.Secret, now.Add(RotationOverlap)
		if _, _, err := s.sealer.open(id, w.Secret); err != nil { // of a key that was lost
			w.Previous, w.PreviousUntil = "", time.Time{}
		}
		w.Secret = s.sealer.seal(id, secret)
		return nil
	})
	return w, secret, err
}

// Test sends a test event at once, and returns the delivery.
func (s *Service) Test(ctx context.Context, id string) (webhooks.Delivery, error) {
	e := relay.NewCloudEvent(uuid.Must(uuid.NewV7()).String(), TestType, s.Clock(), map[string]string{"webhook": id})
	body, err := json.Marshal(e)
	if err != nil {
		return webhooks.Delivery{}, err
	}
	return s.sendNow(ctx, id, webhooks.Delivery{EventID: e.ID, Type: e.Type, Body: string(body)})
}

// Resend sends the event of a delivery again at once, and returns the new delivery. It does not change what waits to be sent.
func (s *Service) Resend(ctx context.Context, id, delivery string) (webhooks.Delivery, error) {
	d, err := s.Store.Delivery(ctx, id, delivery)
	if err != nil {
		return webhooks.Delivery{}, err
	}
	return s.sendNow(ctx, id, webhooks.Delivery{EventID: d.EventID, Type: d.Type, OrderID: d.OrderID, Body: d.Body})
}

func (s *Service) sendNow(ctx context.Context, id string, d webhooks.Delivery) (webhooks.Delivery, error) {
	w, err := s.Store.Get(ctx, id)
	if err != nil {
		return webhooks.Delivery{}, err
	}
	secrets, err := s.secrets(ctx, w)
	if err != nil {
		return webhooks.Delivery{}, err
	}
	d = (&sender{Service: s, webhook: w, secrets: secrets}).post(ctx, d)
	return d, s.Store.Record(ctx, d)
}
