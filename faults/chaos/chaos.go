// Package chaos runs the real product under load while its parts are killed, stopped, slowed and cut off, and then
// checks that it kept every promise (package history), and with every reply the contract (package contract).
//
// It guarantees that a seed decides the plan of faults and every customer's script (though not how the machine
// interleaves them), that every wait has a deadline, and that nothing is left running.
package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"orders/faults/history"
	"orders/kit/pgtest"
	"orders/orders-actor/order"
	"orders/stack"
)

// Setup is how the product is run.
type Setup string

// The set-ups.
const (
	SQLite   Setup = "sqlite"   // one replica, embedded databases
	Postgres Setup = "postgres" // two replicas of orders-actor on one PostgreSQL
)

// Options say what to try.
type Options struct {
	Setup  Setup
	Orders int
	Faults int
	Seed   uint64
	Short  bool      // long faults are shorter
	Root   string    // the repository; found from the working directory when empty
	Out    io.Writer // progress
}

// deliverAfter is short, so that many orders come due during the faults.
const deliverAfter = 5 * time.Second

// soon is how late a delivery may be: faults follow each other, Dapr's scheduler needs 20 s and more after a restart,
// and the reconciler pauses up to 30 s between two attempts to resume one order.
const soon = 2 * time.Minute

// patience bounds the wait for the end of what is still going on.
const patience = 5 * time.Minute

// run is one run.
type run struct {
	Options
	stack    *stack.Stack
	postgres *pgtest.Server // nil with SQLite
	stores   stores
	api      *api
	recorder history.Recorder
	report   Report
	began    time.Time
}

// Run tries it, and reports. An error means that it couldn't be tried to the end; broken promises are in the report.
func Run(ctx context.Context, o Options) (_ Report, err error) {
	r := &run{Options: o, began: time.Now()}
	plan := makePlan(o.Seed, o.Faults, o.Setup, o.Short)
	over := max(length(plan), 5*time.Second)
	r.report = Report{Options: o, Plan: plan, Began: r.began}

	home, err := os.MkdirTemp("", "chaos-")
	if err != nil {
		return r.report, err
	}
	defer func() {
		if err == nil && r.report.Err() == nil {
			err = os.RemoveAll(home)
		} else {
			r.say("logs and data are kept in %s", home)
		}
	}()
	if err := r.start(ctx, home); err != nil {
		return r.report, err
	}
	defer func() { err = errors.Join(err, r.close()) }()

	first, err := r.api.page(ctx, "")
	if err != nil {
		return r.report, err
	}
	r.say("%d orders and %d faults in %s, seed %d", o.Orders, o.Faults, over.Round(time.Second), o.Seed)
	readers := make([]*reader, 4)
	var reading, working sync.WaitGroup
	readersLive, stopReaders := context.WithCancel(ctx)
	defer stopReaders()
	for i := range readers {
		readers[i] = newReader(r.api, o.Seed, i, first.Feed)
		reading.Go(func() { readers[i].run(readersLive) })
	}
	l := &load{api: r.api, recorder: &r.recorder, seed: o.Seed, deliverAfter: deliverAfter}
	working.Go(func() { l.run(ctx, o.Orders, over) })
	err = r.strike(ctx, plan)
	working.Wait()
	if err == nil {
		r.say("all faults are over, all customers are gone: waiting for the rest")
		err = r.settle(ctx)
	}
	stopReaders()
	reading.Wait()
	if err != nil {
		return r.report, err
	}
	return r.report, r.judge(ctx, readers, first.Feed)
}

func (r *run) start(ctx context.Context, home string) (err error) {
	options := stack.Options{
		Root: r.Root, Home: home, FreePorts: true, Replicas: 1, Stdout: r.Out,
		Env: map[string]map[string]string{
			stack.OrdersActor: {"DELIVER_AFTER": deliverAfter.String(), "RATE_LIMIT": "0", "MAX_IN_FLIGHT": "1024", "PAYMENT_TIMEOUT": "10s"},
			stack.PaymentsSvc: {"PAYMENT_LATENCY": "200ms", "PAYMENT_CONFIRM_RATE": "0.8", "PAYMENT_FAILURE_RATE": "0"},
		},
	}
	if r.Setup == Postgres {
		if r.postgres, err = pgtest.Open(); err != nil {
			return err
		}
		options.Replicas, options.Postgres = 2, r.postgres.DSN()
	}
	r.stores = stores{home: home, dsn: options.Postgres}
	if r.stack, err = stack.Start(ctx, options); err != nil {
		return errors.Join(err, r.close())
	}
	r.api = newAPI(r.stack.URLs())
	return nil
}

func (r *run) close() (err error) {
	if r.api != nil {
		r.api.close()
	}
	if r.stack != nil {
		err = r.stack.Close()
	}
	if r.postgres != nil {
		err = errors.Join(err, r.postgres.Close())
	}
	return err
}

// strike carries out the plan.
func (r *run) strike(ctx context.Context, plan []fault) error {
	for i, f := range plan {
		r.say("fault %d of %d: %s", i+1, len(plan), f)
		r.report.Struck = append(r.report.Struck, time.Since(r.began))
		if err := r.carryOut(ctx, f); err != nil {
			return fmt.Errorf("fault %d, %s: %w", i+1, f, err)
		}
		if !sleep(ctx, f.then) {
			return ctx.Err()
		}
	}
	return nil
}

func (r *run) carryOut(ctx context.Context, f fault) (err error) {
	switch f.what {
	case database:
		if err := r.postgres.Kill(); err != nil {
			return err
		}
		sleep(ctx, f.lasts)
		if err := r.postgres.Start(); err != nil {
			return err
		}
	case slowly:
		err = r.payments(ctx, f, map[string]string{"PAYMENT_LATENCY": "3s"}, map[string]string{"PAYMENT_LATENCY": "200ms"})
	case failing:
		err = r.payments(ctx, f, map[string]string{"PAYMENT_FAILURE_RATE": "0.5"}, map[string]string{"PAYMENT_FAILURE_RATE": "0"})
	default:
		end := r.stack.Kill
		if f.what == stopped {
			end = r.stack.Stop
		}
		for _, part := range f.parts {
			if err := end(part); err != nil {
				return err
			}
		}
		sleep(ctx, f.lasts)
		for _, part := range f.parts {
			if err := r.stack.Start(part); err != nil {
				return err
			}
		}
	}
	return errors.Join(err, r.stack.WaitReady(ctx))
}

// payments changes payments-svc's settings for a while. It is restarted for each change.
func (r *run) payments(ctx context.Context, f fault, during, after map[string]string) error {
	for i, settings := range []map[string]string{during, after} {
		if err := errors.Join(r.stack.Set(stack.PaymentsSvc, settings), r.stack.Stop(stack.PaymentsSvc),
			r.stack.Start(stack.PaymentsSvc)); err != nil {
			return err
		}
		if i == 0 {
			sleep(ctx, f.lasts)
		}
	}
	return nil
}

// settle waits until nothing is left to do, or gives up: then the checker says what is missing.
func (r *run) settle(ctx context.Context) error {
	var last error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if err := r.stack.Err(); err != nil {
			return err
		}
		page, err := r.api.page(ctx, "")
		if err == nil && page.Counts[order.Created]+page.Counts[order.Confirmed] == 0 {
			var owed bool
			if owed, err = r.voidsOwed(ctx); err == nil && !owed {
				return nil
			}
		}
		last = err
		if !sleep(ctx, time.Second) {
			return ctx.Err()
		}
	}
	return last
}

func (r *run) voidsOwed(ctx context.Context) (bool, error) {
	states, err := r.stores.actors(ctx)
	for _, s := range states {
		if s.VoidPending {
			return true, err
		}
	}
	return false, err
}

// judge collects what the service holds and checks it.
func (r *run) judge(ctx context.Context, readers []*reader, begin string) error {
	for _, reader := range readers {
		reading, err := reader.finish(ctx)
		if err != nil {
			return err
		}
		r.report.Events += len(reading.Events)
		r.recorder.Reading(reading)
	}
	w, err := r.world(ctx, begin)
	if err != nil {
		return err
	}
	h := r.recorder.History()
	r.report.Breaks = history.Check(h, w)
	r.report.finish(r, h, w)
	r.report.Conflicts, err = conflicts(r.stack.Home())
	return err
}

func (r *run) world(ctx context.Context, begin string) (w history.World, err error) {
	w = history.World{At: time.Now(), Soon: soon, Orders: map[string]order.Order{}, Listed: map[string]order.Order{}}
	for cursor := ""; ; {
		page, err := r.api.page(ctx, cursor)
		if err != nil {
			return w, err
		}
		for _, o := range page.Orders {
			w.Listed[o.ID] = o
			full, err := get[order.Order](ctx, r.api, request{user: "boss", operator: true, method: http.MethodGet, path: "/v1/orders/" + o.ID})
			if err != nil {
				return w, err
			}
			w.Orders[o.ID] = full
		}
		if page.Next == nil {
			break
		}
		cursor = *page.Next
	}
	w.Feed = []history.FeedEvent{}
	for cursor := begin; ; {
		page, err := r.api.events(ctx, "boss", true, cursor, "")
		if err != nil {
			return w, err
		}
		if len(page.Events) == 0 {
			break
		}
		for _, e := range page.Events {
			w.Feed = append(w.Feed, history.FeedEvent{Cursor: e.Cursor, Order: e.Order, At: e.Order.UpdatedAt})
		}
		cursor = page.Next
	}
	if w.Actors, err = r.stores.actors(ctx); err != nil {
		return w, err
	}
	w.Payments, err = r.stores.ledger(ctx)
	return w, err
}

// conflicts returns the log lines of turns that failed with an order.Conflict.
func conflicts(home string) (lines []string, err error) {
	logs, err := filepath.Glob(filepath.Join(home, "logs", "orders-actor*.log"))
	for _, log := range logs {
		data, readErr := os.ReadFile(log)
		err = errors.Join(err, readErr)
		for line := range bytes.Lines(data) {
			if bytes.Contains(line, []byte("turn failed")) && bytes.Contains(line, []byte("conflict: the order database holds")) {
				lines = append(lines, filepath.Base(log)+": "+string(bytes.TrimSpace(line)))
			}
		}
	}
	return lines, err
}

func (r *run) say(format string, args ...any) {
	if r.Out != nil {
		fmt.Fprintf(r.Out, "%7.1f s  %s\n", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
	}
}

// get asks until there is an answer, and reads it.
func get[T any](ctx context.Context, a *api, req request) (answer T, err error) {
	for try := range 5 {
		got := a.send(ctx, req)
		if got.acknowledged() {
			return answer, json.Unmarshal(got.body, &answer)
		}
		err = fmt.Errorf("%s %s: status %d: %.300s", req.method, req.path, got.status, got.body)
		if !sleep(ctx, time.Duration(try)*500*time.Millisecond) {
			break
		}
	}
	return answer, err
}
