//go:build k8s

package deploy_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/deploy/retryclient"
)

// load is a set of customers who create orders and cancel some of them, until they are stopped.
type load struct {
	user   *retryclient.Client
	stop   context.CancelFunc
	work   sync.WaitGroup
	mu     sync.Mutex
	orders []created
	failed []error
}

// created is an order with an acknowledged create.
type created struct {
	id, key   string
	cancelled bool // its cancel was acknowledged
}

const customers = 4

func newLoad(t *testing.T, c *cluster) *load {
	ctx, stop := context.WithCancel(context.Background())
	l := &load{stop: stop}
	c.eventually("a token", func() (err error) {
		l.user, err = retryclient.Login(ctx, c.url, "load-"+strconv.FormatInt(time.Now().Unix(), 36))
		return err
	})
	for i := range customers {
		l.work.Go(func() { l.customer(ctx, i) })
	}
	t.Cleanup(func() {
		stop()
		l.work.Wait()
	})
	return l
}

// customer starts no new order after the load was stopped, but finishes the current one, so that every request is acknowledged.
func (l *load) customer(ctx context.Context, number int) {
	for i := 0; ctx.Err() == nil; i++ {
		if err := l.order(fmt.Sprintf("%d-%d", number, i), i%5 == 0); err != nil {
			l.mu.Lock()
			l.failed = append(l.failed, err)
			l.mu.Unlock()
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (l *load) order(key string, cancel bool) error {
	ctx, end := context.WithTimeout(context.Background(), waitTimeout)
	defer end()
	o, err := l.user.Create(ctx, key)
	if err != nil {
		return fmt.Errorf("create %s: %w", key, err)
	}
	if cancel {
		if _, err := l.user.Cancel(ctx, o.ID); err != nil {
			return fmt.Errorf("cancel %s: %w", o.ID, err)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.orders = append(l.orders, created{id: o.ID, key: key, cancelled: cancel})
	return nil
}

func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.orders)
}

func (l *load) atLeast(n int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.failed) > 0 {
		return fmt.Errorf("a customer gave up: %w", l.failed[0])
	}
	if len(l.orders) < n {
		return fmt.Errorf("%d orders of %d", len(l.orders), n)
	}
	return nil
}

// check stops the load and compares the acknowledged requests with the stored orders.
func (l *load) check(t *testing.T) {
	l.stop()
	l.work.Wait()
	require.Empty(t, l.failed)
	ctx, end := context.WithTimeout(context.Background(), waitTimeout)
	defer end()
	statuses := map[api.Status]int{}
	for _, m := range l.orders {
		o, err := l.user.Final(ctx, m.id)
		require.NoError(t, err)
		statuses[o.Status]++
		if m.cancelled {
			require.Equal(t, api.StatusCancelled, o.Status, "%s: its cancel was acknowledged", m.id)
		} else if o.Status == api.StatusCancelled {
			require.Equal(t, api.Declined, o.Payment.Status, "%s: it was not cancelled by a customer", m.id)
		}
		require.Len(t, o.History, o.Version, m.id)
		for i, entry := range o.History {
			require.Equal(t, i+1, entry.Version, "%s: a gap in the versions", m.id)
		}
		again, err := l.user.Create(ctx, m.key)
		require.NoError(t, err)
		require.Equal(t, m.id, again.ID, "one key must create one order")
	}
	counted, err := l.user.Count(ctx)
	require.NoError(t, err)
	require.Equal(t, len(l.orders), counted, "the list must show every acknowledged order once")
	t.Logf("%d orders, all as acknowledged: %v", len(l.orders), statuses)
}
