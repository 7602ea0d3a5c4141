package feed_test

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/feed"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
)

// eventLog is an event log. Event number n has the cursor n.
type eventLog struct {
	mu      sync.Mutex
	size    int
	reads   int
	written chan struct{}
}

func (l *eventLog) append() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.size++
	select {
	case l.written <- struct{}{}:
	default:
	}
}

func (l *eventLog) takeReads() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() { l.reads = 0 }()
	return l.reads
}

func (l *eventLog) Head(context.Context) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads++
	return strconv.Itoa(l.size), nil
}

func (l *eventLog) Events(_ context.Context, q orderdb.EventQuery) (orderdb.Events, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads++
	after, err := strconv.Atoi(q.After)
	events := orderdb.Events{Next: strconv.Itoa(l.size)}
	for n := after + 1; n <= l.size; n++ {
		events.Events = append(events.Events, orderdb.Event{Cursor: strconv.Itoa(n), Order: order.Order{ID: "order", Version: n}})
	}
	return events, err
}

func (l *eventLog) Written() <-chan struct{} { return l.written }

func run(t *testing.T, test func(t *testing.T, log *eventLog, f *feed.Feed)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		log := &eventLog{size: 5, written: make(chan struct{}, 1)}
		f := feed.New(log, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- f.Run(ctx) }()
		synctest.Wait()
		test(t, log, f)
		stop()
		require.NoError(t, <-ended)
	})
}

func TestLogIsReadOnlyWhileThereAreFollowers(t *testing.T) {
	run(t, func(t *testing.T, log *eventLog, f *feed.Feed) {
		log.append()
		<-time.After(time.Hour)
		assert.Zero(t, log.takeReads(), "nobody follows")

		for range 2 {
			stop, stopOther := f.Follow(), f.Follow()
			synctest.Wait()
			stopOther()
			<-time.After(time.Hour)
			log.append()
			<-time.After(time.Second)
			assert.NotZero(t, log.takeReads(), "one follows")
			stop()
			<-time.After(time.Minute)
			log.takeReads()
			log.append()
			<-time.After(time.Hour)
			assert.Zero(t, log.takeReads(), "the last one has left")
		}
	})
}

// A reader takes its position and reads the order before it follows: it must receive each change in between.
func TestNoChangeIsMissedWhileTheFeedStarts(t *testing.T) {
	for name, change := range map[string]func(log *eventLog){
		"change before the first read": func(log *eventLog) { log.append() },
		"no change":                    func(*eventLog) {},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, log *eventLog, f *feed.Feed) {
				position := f.Position()
				_, waiting, ok := f.Since(orderdb.EventQuery{After: "5", Limit: 10})
				assert.False(t, ok, "read from the database")
				change(log)
				defer f.Follow()()
				synctest.Wait()
				touched, _, _ := f.Touched("order", position)
				assert.True(t, touched, "the reader reads the order again")
				select {
				case <-waiting:
				default:
					assert.Fail(t, "the reader still waits")
				}
			})
		})
	}
}

func TestFollowersGetEachEventFromMemory(t *testing.T) {
	run(t, func(t *testing.T, log *eventLog, f *feed.Feed) {
		defer f.Follow()()
		synctest.Wait()
		log.append()
		log.append()
		<-time.After(time.Second)
		log.takeReads()
		events, _, ok := f.Since(orderdb.EventQuery{After: "5", Limit: 10})
		require.True(t, ok)
		assert.Len(t, events.Events, 2)
		assert.Equal(t, "7", events.Next)
		assert.Zero(t, log.takeReads())
	})
}
