package orderdb_test

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
)

// Two hosts put the same versions of each order while callers give up and, on PostgreSQL, connections break. A version that was
// acknowledged has exactly one event, the events of an order ascend, and a reader that follows the log gets what is in it.
func TestEventsStayCompleteWhileCallsFail(t *testing.T) {
	eachDatabase(t, func(t *testing.T, dsn string) {
		const orders, newest = 20, 4
		isPostgres := strings.HasPrefix(dsn, "postgres")
		replicas := []*orderdb.DB{open(t, dsn)}
		if isPostgres {
			replicas = append(replicas, open(t, dsn))
		}
		after := head(t, replicas[0])
		ended := make(chan struct{})
		var followed []order.Order
		var background, writers sync.WaitGroup
		background.Go(func() {
			cursor := after
			for last := false; ; {
				events, err := replicas[0].Events(context.Background(), orderdb.EventQuery{After: cursor, Limit: 7})
				if errors.Is(err, orderdb.ErrUnavailable) {
					continue // its connection was ended
				}
				if err != nil {
					t.Error(err)
					return
				}
				for _, e := range events.Events {
					followed = append(followed, e.Order)
				}
				cursor = events.Next
				if len(events.Events) == 0 && last {
					return
				}
				select {
				case <-ended:
					last = true
				default:
				}
			}
		})
		if isPostgres {
			background.Go(func() { assert.NoError(t, breakConnections(dsn, ended)) })
		}
		for range orders {
			states := history(t, newest)
			for _, db := range replicas {
				for range 2 {
					writers.Go(func() { putAll(t, db, states) })
				}
			}
		}
		writers.Wait()
		close(ended)
		background.Wait()

		all, err := readEvents(replicas[0], after)
		for range 10 {
			if !errors.Is(err, orderdb.ErrUnavailable) {
				break
			}
			all, err = readEvents(replicas[0], after) // on another connection: this one was ended while it was idle
		}
		require.NoError(t, err)
		assert.Equal(t, all, followed, "a reader that follows the log misses nothing")
		seen := map[string]int{}
		for _, o := range all {
			assert.Greater(t, o.Version, seen[o.ID], "events of an order ascend")
			seen[o.ID] = o.Version
		}
		assert.Len(t, seen, orders)
		for id, version := range seen {
			assert.Equal(t, newest, version, id)
		}
	})
}

// history returns the versions of an order. Only their number and their status differ.
func history(t *testing.T, newest int) []order.State {
	t.Helper()
	states := []order.State{newOrder(t, "alice", start)}
	for v := 2; v <= newest; v++ {
		s := settled(t, states[0], true, start)
		s.Version = v
		states = append(states, s)
	}
	return states
}

// putAll puts all versions, and repeats a put whose outcome is unknown. Other errors than those of a caller that gave up, of a
// database that did not answer, and of a newer stored version fail the test.
func putAll(t *testing.T, db *orderdb.DB, states []order.State) {
	for _, s := range states {
		for {
			timeout := time.Minute
			if rand.N(4) == 0 {
				timeout = rand.N(50 * time.Millisecond)
			}
			ctx, cancel := context.WithTimeout(context.Background(), timeout)
			err := db.Put(ctx, s)
			cancel()
			var conflict *order.Conflict
			if err == nil || errors.As(err, &conflict) && conflict.Held.Version > s.Version {
				break
			}
			if !assert.ErrorIs(t, err, orderdb.ErrUnavailable) {
				return
			}
		}
	}
}

// breakConnections ends a connection of the database from time to time.
func breakConnections(dsn string, ended <-chan struct{}) error {
	db, err := sql.Open("pgx", dsn)
	for err == nil {
		select {
		case <-ended:
			return db.Close()
		default:
		}
		_, err = db.ExecContext(context.Background(), `SELECT pg_sleep(0.1), pg_terminate_backend(pid) FROM (
			SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
			ORDER BY random() LIMIT 1) AS connection`)
	}
	return err
}

// A group is one transaction in every mode in which a DSN may make pgx send statements. What PostgreSQL refuses at the end of a
// transaction is an error, too, and the connection remains usable.
func TestGroupsInEachModeOfTheDriver(t *testing.T) {
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			dsn := postgres.Database(t)
			separator := "?"
			if strings.Contains(dsn, "?") {
				separator = "&"
			}
			db := open(t, dsn+separator+"default_query_exec_mode="+mode)
			after := head(t, db)
			execute(t, dsn, `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
				IF NEW.customer = 'late' THEN RAISE EXCEPTION 'refused at the commit'; END IF; RETURN NULL; END $$`)
			execute(t, dsn, `CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED
				FOR EACH ROW EXECUTE FUNCTION refuse()`)
			var all sync.WaitGroup
			for range 20 {
				for _, customer := range []string{"late", "alice"} {
					s := newOrder(t, customer, start, order.Item{SKU: `it's "{\n},\é`, Name: "日本 NULL", Quantity: 1, UnitPrice: 1})
					all.Go(func() {
						err := db.Put(context.Background(), s)
						if customer == "late" {
							assert.ErrorContains(t, err, "refused at the commit")
							return
						}
						err = errors.Join(err, db.Put(context.Background(), settled(t, s, true, start)))
						got, found, findErr := db.Find(context.Background(), s.ID)
						assert.True(t, found)
						assert.Equal(t, settled(t, s, true, start), got)
						assert.NoError(t, errors.Join(err, findErr))
					})
				}
			}
			all.Wait()
			assert.Len(t, eventsAfter(t, db, after), 40)
			page, err := db.List(t.Context(), orderdb.Query{Filter: orderdb.Filter{Text: "日本"}, Limit: 100})
			require.NoError(t, err)
			assert.Len(t, page.Orders, 20)
		})
	}
}
