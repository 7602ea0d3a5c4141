package orderdb_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
	"orders/orders-actor/orderdb/cursors"
	"orders/orders-actor/orderdb/destinations"
	"orders/orders-actor/orderdb/webhooks"
)

func addWebhook(t *testing.T, db *orderdb.DB, id string) webhooks.Webhook {
	t.Helper()
	require.NoError(t, db.Webhooks.Add(t.Context(), webhooks.Webhook{ID: id, URL: "https://example.com", Secret: "sealed", CreatedAt: start}))
	w, err := db.Webhooks.Get(t.Context(), id)
	require.NoError(t, err)
	return w
}

func readDestination(t *testing.T, db *orderdb.DB, id string) (destinations.Destination, []destinations.Waiting) {
	t.Helper()
	d, waiting, err := db.Destinations.Read(t.Context(), id)
	require.NoError(t, err)
	return d, waiting
}

func takeLease(t *testing.T, db *orderdb.DB, holder string) destinations.Lease {
	t.Helper()
	seen, err := db.Destinations.Lease(t.Context())
	require.NoError(t, err)
	l, taken, err := db.Destinations.Take(t.Context(), seen, holder)
	require.NoError(t, err)
	require.True(t, taken)
	return l
}

func TestRelayLeaseHasOneHolder(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		free, err := db.Destinations.Lease(t.Context())
		require.NoError(t, err)
		require.Empty(t, free.Holder)

		first := takeLease(t, db, "a")
		_, taken, err := db.Destinations.Take(t.Context(), free, "b")
		require.NoError(t, err)
		require.False(t, taken, "it has changed since")
		require.NoError(t, db.Destinations.Renew(t.Context(), first))

		second := takeLease(t, db, "b")
		require.Greater(t, second.Fence, first.Fence)
		require.ErrorIs(t, db.Destinations.Renew(t.Context(), first), destinations.ErrLeaseLost)
		require.NoError(t, db.Destinations.Release(t.Context(), first), "not held")
		require.NoError(t, db.Destinations.Renew(t.Context(), second))
		require.NoError(t, db.Destinations.Release(t.Context(), second))
		free, err = db.Destinations.Lease(t.Context())
		require.NoError(t, err)
		require.Empty(t, free.Holder)
	})
}

func TestProgressOfDestinationIsStored(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		putNew(t, db) // before the destination
		addWebhook(t, db, "w")
		lease := takeLease(t, db, "a")
		o := putNew(t, db)
		d, waiting := readDestination(t, db, "w")
		require.Empty(t, waiting)
		events, err := db.Events(t.Context(), orderdb.EventQuery{After: d.Cursor})
		require.NoError(t, err)
		require.Len(t, events.Events, 1)
		require.Equal(t, o.ID, events.Events[0].Order.ID)

		at, err := cursors.ParseFeed(events.Events[0].Cursor)
		require.NoError(t, err)
		now := start.Add(time.Hour)
		w := destinations.Waiting{
			Position: at.Position, OrderID: o.ID, FirstAt: now, NextAt: now.Add(time.Minute), Attempts: 1, Order: events.Events[0].Order,
		}
		recorded := false
		p := destinations.Progress{
			Before: d, Cursor: events.Next, Waiting: []destinations.Waiting{w}, Failures: 1, LastFailure: now, LastError: "refused",
			Record: func(context.Context, *sql.Tx) error { recorded = true; return nil },
		}
		require.NoError(t, db.Destinations.Save(t.Context(), lease, now, p))
		require.True(t, recorded)
		require.ErrorIs(t, db.Destinations.Save(t.Context(), lease, now, p), destinations.ErrDisabled, "it has moved")

		d, waiting = readDestination(t, db, "w")
		require.Equal(t, events.Next, d.Cursor)
		require.Equal(t, 1, d.Failures)
		require.Equal(t, "refused", d.LastError)
		without := w
		without.Order = order.Order{}
		require.Equal(t, []destinations.Waiting{without}, waiting)
		documents, err := db.Destinations.Documents(t.Context(), "w", []string{o.ID, "another"}, 10)
		require.NoError(t, err)
		require.Equal(t, []destinations.Waiting{w}, documents)
		shown, err := db.Webhooks.Get(t.Context(), "w")
		require.NoError(t, err)
		require.Equal(t, 1, shown.Waiting)
		require.Equal(t, now, shown.OldestWaiting)

		failing := destinations.Progress{Before: d, Cursor: d.Cursor, Sent: []cursors.Position{w.Position}, Record: func(context.Context, *sql.Tx) error { return errors.New("disk full") }}
		require.Error(t, db.Destinations.Save(t.Context(), lease, now, failing))
		_, waiting = readDestination(t, db, "w")
		require.Len(t, waiting, 1, "nothing is stored")

		require.NoError(t, db.Destinations.Save(t.Context(), lease, now, destinations.Progress{Before: d, Cursor: d.Cursor, DueNow: true}))
		_, waiting = readDestination(t, db, "w")
		require.Equal(t, now, waiting[0].NextAt)

		takeLease(t, db, "b")
		stale := destinations.Progress{Before: d, Cursor: d.Cursor, Sent: []cursors.Position{w.Position}}
		require.ErrorIs(t, db.Destinations.Save(t.Context(), lease, now, stale), destinations.ErrLeaseLost)
		_, waiting = readDestination(t, db, "w")
		require.Len(t, waiting, 1, "a holder that lost the lease changes nothing")
	})
}

func TestDisabledDestinationContinuesWhereItWas(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		addWebhook(t, db, "w")
		before, _ := readDestination(t, db, "w")
		set := func(enabled bool) {
			_, err := db.Webhooks.Change(t.Context(), "w", start, func(w *webhooks.Webhook) error {
				w.Enabled, w.Reason = enabled, "disabled by otto"
				return nil
			})
			require.NoError(t, err)
		}
		set(false)
		_, _, err := db.Destinations.Read(t.Context(), "w")
		require.ErrorIs(t, err, destinations.ErrDisabled)
		enabled, err := db.Destinations.Enabled(t.Context())
		require.NoError(t, err)
		require.Empty(t, enabled)
		shown, err := db.Webhooks.Get(t.Context(), "w")
		require.NoError(t, err)
		require.Equal(t, "disabled by otto", shown.Reason)

		putNew(t, db)
		set(true)
		after, _ := readDestination(t, db, "w")
		require.Equal(t, before, after)

		set(false)
		require.NoError(t, db.Prune(t.Context(), time.Now().Add(30*24*time.Hour)))
		set(true)
		after, _ = readDestination(t, db, "w")
		head, err := db.Head(t.Context())
		require.NoError(t, err)
		require.Equal(t, head, after.Cursor, "the log no longer has its next event")
	})
}

func TestPruneKeepsUnsentEventsForALimitedTime(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		addWebhook(t, db, "w")
		d, _ := readDestination(t, db, "w")
		putNew(t, db)
		next := func() error {
			_, err := db.Events(t.Context(), orderdb.EventQuery{After: d.Cursor})
			return err
		}
		require.NoError(t, db.Prune(t.Context(), time.Now().Add(orderdb.EventRetention+time.Hour)))
		require.NoError(t, next(), "a destination needs it")
		require.NoError(t, db.Prune(t.Context(), time.Now().Add(14*24*time.Hour+time.Hour)))
		require.ErrorIs(t, next(), orderdb.ErrCursorExpired)
	})
}

func TestWebhooksAreStored(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		w := addWebhook(t, db, "w")
		require.True(t, w.Enabled)
		changed, err := db.Webhooks.Change(t.Context(), "w", start.Add(time.Minute), func(w *webhooks.Webhook) error {
			w.URL, w.Types, w.Previous, w.PreviousUntil = "https://example.org", []string{"a", "b"}, "old", start
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, []string{"a", "b"}, changed.Types)
		require.Equal(t, start.Add(time.Minute), changed.UpdatedAt)
		for i := 1; i < webhooks.Limit; i++ {
			addWebhook(t, db, strconv.Itoa(i))
		}
		require.ErrorIs(t, db.Webhooks.Add(t.Context(), webhooks.Webhook{ID: "more"}), webhooks.ErrTooMany)
		all, err := db.Webhooks.List(t.Context())
		require.NoError(t, err)
		require.Len(t, all, webhooks.Limit)
		require.Contains(t, all, changed)

		require.NoError(t, db.Webhooks.Delete(t.Context(), "w"))
		require.ErrorIs(t, db.Webhooks.Delete(t.Context(), "w"), webhooks.ErrNotFound)
		_, err = db.Webhooks.Get(t.Context(), "w")
		require.ErrorIs(t, err, webhooks.ErrNotFound)
		_, err = db.Webhooks.Change(t.Context(), "w", start, nil)
		require.ErrorIs(t, err, webhooks.ErrNotFound)
		_, _, err = db.Destinations.Read(t.Context(), "w")
		require.ErrorIs(t, err, destinations.ErrDisabled)
	})
}

func TestDeliveriesAreLimitedAndErasedWithTheirOrder(t *testing.T) {
	eachDB(t, func(t *testing.T, db *orderdb.DB) {
		addWebhook(t, db, "w")
		o := putDeclined(t, db, "ada", start)
		delivery := webhooks.Delivery{Webhook: "w", EventID: "e", Type: "t", OrderID: o.ID, At: start, Duration: 20 * time.Millisecond, Attempt: 1, Status: 200, Body: "{}"}
		for i := range webhooks.KeptDeliveries + 3 {
			delivery.ID = fmt.Sprintf("%04d", i)
			require.NoError(t, db.Webhooks.Record(t.Context(), delivery))
		}
		found, err := db.Webhooks.Deliveries(t.Context(), "w", 1000)
		require.NoError(t, err)
		require.Len(t, found, webhooks.KeptDeliveries)
		require.Equal(t, delivery, found[0])
		one, err := db.Webhooks.Delivery(t.Context(), "w", delivery.ID)
		require.NoError(t, err)
		require.Equal(t, delivery, one)
		_, err = db.Webhooks.Delivery(t.Context(), "w", "0000")
		require.ErrorIs(t, err, webhooks.ErrNotFound)
		_, err = db.Webhooks.Deliveries(t.Context(), "another", 1)
		require.ErrorIs(t, err, webhooks.ErrNotFound)

		remove(t, db, o)
		found, err = db.Webhooks.Deliveries(t.Context(), "w", 1000)
		require.NoError(t, err)
		require.Empty(t, found)
	})
}
