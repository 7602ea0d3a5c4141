package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/api/client"
	"orders/faults/history"
	"orders/faults/stores"
	"orders/kit/pgtest"
	"orders/orders-actor/order"
	"orders/stack"
)

func TestRollingRestartLosesNothing(t *testing.T) {
	skipIfShort(t)
	replaceUnderLoad(t, []replacement{{part: "orders-actor"}, {part: "orders-actor-2"}})
}

// PREVIOUS_RELEASE is a commit, tag or branch. Its replicas replace those of this release, and then the other way round.
func TestRollingUpdateLosesNothing(t *testing.T) {
	skipIfShort(t)
	revision := os.Getenv("PREVIOUS_RELEASE")
	if revision == "" {
		t.Skip("PREVIOUS_RELEASE names no revision")
	}
	root, err := stack.Root()
	require.NoError(t, err)
	previous, current := build(t, root, revision), filepath.Join(root, "bin", "orders-actor")
	replaceUnderLoad(t, []replacement{
		{"orders-actor-2", previous}, {"orders-actor", previous}, {"orders-actor", current}, {"orders-actor-2", current},
	})
}

// build returns the executable of orders-actor of a revision.
func build(t *testing.T, root, revision string) string {
	t.Helper()
	source, binary := filepath.Join(t.TempDir(), "source"), filepath.Join(t.TempDir(), "orders-actor")
	run := func(dir, name string, args ...string) {
		cmd := exec.CommandContext(context.WithoutCancel(t.Context()), name, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s %v: %s", name, args, out)
	}
	run(root, "git", "worktree", "add", "--detach", source, revision)
	t.Cleanup(func() { run(root, "git", "worktree", "remove", "--force", source) })
	run(source, "go", "build", "-o", binary, "./orders-actor")
	return binary
}

// replacement restarts a part with another executable, unless it is empty.
type replacement struct{ part, executable string }

// replaceUnderLoad restarts one replica after the other under load. Each rejected request succeeds with one retry at the other
// replica.
func replaceUnderLoad(t *testing.T, replacements []replacement) {
	t.Helper()
	postgres := pgtest.Start(t)
	s, svc := start(t, stack.Options{Replicas: 2, Postgres: postgres.DSN()}, nil)
	recorder := &history.Recorder{}
	read := stores.Reader{DSN: postgres.DSN(), Send: svc.as(operator)}
	before, err := read.List(t.Context(), nil)
	require.NoError(t, err)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var clients sync.WaitGroup
	var failed atomic.Int32
	for i := range 4 {
		clients.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				failed.Add(createAndCancel(t, svc, recorder, i, n))
			}
		})
	}
	for _, r := range replacements {
		sleep(ctx, 2*time.Second)
		require.NoError(t, s.Stop(r.part))
		sleep(ctx, 2*time.Second)
		if r.executable != "" {
			s.Part(r.part).Command = []string{r.executable}
		}
		require.NoError(t, s.Start(r.part))
		require.NoError(t, s.WaitReady(ctx))
	}
	stop()
	clients.Wait()
	assert.Zero(t, failed.Load(), "requests that failed twice")

	r := &run{Options: Options{Out: progress{t}}, stack: s, service: svc, stores: read}
	require.NoError(t, r.settle(t.Context()))
	stored, err := r.stores.Load(t.Context(), before.Feed)
	require.NoError(t, err)
	stored.MaxLateness = maxLateness
	assert.Greater(t, len(stored.Orders), 8, "there was load")
	assert.Empty(t, history.Check(recorder.History(), stored))
	found, err := conflicts(s.Home())
	require.NoError(t, err)
	t.Logf("%d orders, %d conflicts %s", len(stored.Orders), len(found), found)
}

// createAndCancel creates an order, reads it, and cancels every third one. It returns how many of these requests failed at one replica
// and once more at the other.
func createAndCancel(t *testing.T, svc *service, recorder *history.Recorder, number, n int) (failed int32) {
	t.Helper()
	call := func(c history.Call, build func(history.Call) request) history.Call {
		var last client.Reply
		first := rand.IntN(len(svc.urls))
		for attempt := range 2 {
			c.Sent = time.Now()
			last = svc.sendTo(context.WithoutCancel(t.Context()), svc.urls[(first+attempt)%len(svc.urls)], build(c))
			done := record(c, last, time.Now())
			recorder.Call(done)
			if !unknown(last) {
				return done
			}
		}
		failed++
		t.Logf("%s %s%s: status %d %s", c.Op, c.Key, c.Order, last.Status, last.Body)
		return c
	}
	created := call(history.Call{
		Op: history.Create, Client: fmt.Sprintf("customer-%d", number), Key: fmt.Sprintf("key-%d-%d", number, n), Currency: "EUR",
		Items: []order.Item{{SKU: fmt.Sprintf("sku-%d-%d", number, n), Name: "Tea", Quantity: 1, UnitPrice: 100}},
	}, create)
	if created.Order == "" {
		return failed
	}
	about := history.Call{Client: created.Client, Order: created.Order, Op: history.Read}
	call(about, get)
	if n%3 == 0 {
		about.Op = history.Cancel
		call(about, cancel)
	}
	return failed
}
