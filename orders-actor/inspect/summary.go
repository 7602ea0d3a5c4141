package inspect

import (
	"strings"
	"time"

	"orders/orders-actor/order"
)

// Summary returns the verdict in a sentence.
func (r Result) Summary() string {
	missing := strings.Join(r.Observation.Missing(), ", ")
	switch {
	case len(r.Findings) > 0:
		var sentences []string
		for _, f := range r.Findings {
			sentences = append(sentences, string(f.Code)+": "+f.Detail)
		}
		if missing != "" {
			sentences = append(sentences, "No answer from: "+missing+".")
		}
		return strings.Join(sentences, " ")
	case r.Moving:
		return "The order changed between all readings. Inspect it again."
	case missing != "":
		return "No answer from: " + missing + ". The other parts agree."
	}
	s, _ := r.Observation.current()
	return "The parts agree: the order is " + describe(s) + "."
}

// describe says what an order is and what it waits for.
func describe(s order.State) string {
	switch {
	case s.Status == order.Created:
		return "created and waits for its payment"
	case s.Status == order.Confirmed && s.DeliverAt != nil:
		return "confirmed and due at " + s.DeliverAt.Format(time.RFC3339)
	case s.VoidPending:
		return "cancelled and waits for its void"
	}
	return string(s.Status)
}
