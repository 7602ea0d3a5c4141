// Package chaos runs the real product under load while it kills, stops and slows down its parts. Then it checks the invariants
// (package history), and each reply against the contract (package contract).
//
// A seed determines the plan of faults and the script of each customer, but not how the machine interleaves them. Each wait has a
// timeout, and no process is left running.
package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"orders/faults/history"
	"orders/faults/stores"
	"orders/kit/pgtest"
	"orders/stack"
)

// Setup is how the product is run.
type Setup string

// The setups.
const (
	SQLite   Setup = "sqlite"   // one replica, embedded databases
	Postgres Setup = "postgres" // two replicas of orders-actor on one PostgreSQL
)

// Options are the settings of a run.
type Options struct {
	Setup  Setup
	Orders int
	Faults int
	Seed   uint64
	Short  bool      // long faults are shorter
	Out    io.Writer // progress messages
}

// deliverAfter is short, so that many orders are due during the faults.
const deliverAfter = 5 * time.Second

// maxLateness is how late a delivery may be: faults follow one another, Dapr's scheduler needs 20 s and more after a restart,
// and the reconciler waits up to 30 s between two attempts to resume an order.
const maxLateness = 2 * time.Minute

// settleTimeout limits the wait for work that is still in progress after the load.
const settleTimeout = 5 * time.Minute

// run is one run.
type run struct {
	Options
	stack    *stack.Stack
	postgres *pgtest.Server // nil with SQLite
	stores   stores.Reader
	service  *service
	recorder history.Recorder
	report   Report
	began    time.Time
}

// Run executes a run. An error means that it could not be completed; violations are in the report.
func Run(ctx context.Context, o Options) (_ Report, err error) {
	r := &run{Options: o, began: time.Now()}
	plan := makePlan(o.Seed, o.Faults, o.Setup, o.Short)
	duration := max(length(plan), 5*time.Second)
	r.report = Report{Options: o, Plan: plan, Began: r.began}

	home, err := os.MkdirTemp("", "chaos-")
	if err != nil {
		return r.report, err
	}
	defer func() {
		if err == nil && r.report.Err() == nil {
			err = os.RemoveAll(home)
		} else {
			r.log("logs and data are kept in %s", home)
		}
	}()
	if err := r.start(ctx, home); err != nil {
		return r.report, err
	}
	defer func() { err = errors.Join(err, r.close()) }()

	first, err := r.stores.List(ctx, nil)
	if err != nil {
		return r.report, err
	}
	r.log("%d orders and %d faults in %s, seed %d", o.Orders, o.Faults, duration.Round(time.Second), o.Seed)
	readers := make([]*reader, numReaders)
	var reading, working sync.WaitGroup
	readersCtx, stopReaders := context.WithCancel(ctx)
	defer stopReaders()
	for i := range readers {
		readers[i] = newReader(r.service, o.Seed, i, first.Feed)
		reading.Go(func() { readers[i].run(readersCtx) })
	}
	l := &load{service: r.service, recorder: &r.recorder, seed: o.Seed, deliverAfter: deliverAfter}
	working.Go(func() { l.run(ctx, o.Orders, duration) })
	err = r.injectAll(ctx, plan)
	working.Wait()
	if err == nil {
		r.log("faults and load have ended: waiting for the remaining work")
		err = r.settle(ctx)
	}
	stopReaders()
	reading.Wait()
	if err == nil {
		err = r.check(ctx, readers, first.Feed) // completes the report
	}
	return r.report, err
}

func (r *run) start(ctx context.Context, home string) (err error) {
	options := stack.Options{
		Home: home, FreePorts: true, Replicas: 1, Stdout: r.Out,
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
	if r.stack, err = stack.Start(ctx, options); err != nil {
		return errors.Join(err, r.close())
	}
	r.service = newService(r.stack.URLs())
	r.stores = stores.Reader{Home: home, DSN: options.Postgres, Send: r.service.as(operator)}
	return nil
}

func (r *run) close() (err error) {
	if r.service != nil {
		r.service.close()
	}
	if r.stack != nil {
		err = r.stack.Close()
	}
	if r.postgres != nil {
		err = errors.Join(err, r.postgres.Close())
	}
	return err
}

// injectAll injects the faults of the plan, one after another.
func (r *run) injectAll(ctx context.Context, plan []fault) error {
	for i, f := range plan {
		r.log("fault %d of %d: %s", i+1, len(plan), f)
		r.report.Injected = append(r.report.Injected, time.Since(r.began))
		if err := r.inject(ctx, f); err != nil {
			return fmt.Errorf("fault %d, %s: %w", i+1, f, err)
		}
		if !sleep(ctx, f.pause) {
			return ctx.Err()
		}
	}
	return nil
}

func (r *run) inject(ctx context.Context, f fault) (err error) {
	switch f.kind {
	case database:
		if err = r.postgres.Kill(); err != nil {
			return err
		}
		sleep(ctx, f.duration)
		err = r.postgres.Start()
	case slow:
		err = r.payments(ctx, f, "PAYMENT_LATENCY", "3s", "200ms")
	case failing:
		err = r.payments(ctx, f, "PAYMENT_FAILURE_RATE", "0.5", "0")
	default:
		end := r.stack.Kill
		if f.kind == stopped {
			end = r.stack.Stop
		}
		for _, part := range f.parts {
			if err := end(part); err != nil {
				return err
			}
		}
		sleep(ctx, f.duration)
		for _, part := range f.parts {
			if err := r.stack.Start(part); err != nil {
				return err
			}
		}
	}
	return errors.Join(err, r.stack.WaitReady(ctx))
}

// payments runs payments-svc with another setting for the duration of the fault. It is restarted for each change.
func (r *run) payments(ctx context.Context, f fault, setting, during, after string) error {
	restart := func(value string) error {
		return errors.Join(r.stack.Set(stack.PaymentsSvc, map[string]string{setting: value}),
			r.stack.Stop(stack.PaymentsSvc), r.stack.Start(stack.PaymentsSvc))
	}
	if err := restart(during); err != nil {
		return err
	}
	sleep(ctx, f.duration)
	return restart(after)
}

// settle waits until all orders are final and no void is pending. After settleTimeout the checker reports what is missing.
func (r *run) settle(ctx context.Context) error {
	var last error
	for deadline := time.Now().Add(settleTimeout); time.Now().Before(deadline); {
		if err := r.stack.Err(); err != nil {
			return err
		}
		settled, err := r.stores.Settled(ctx)
		if err == nil && settled {
			return nil
		}
		last = err
		if !sleep(ctx, time.Second) {
			return ctx.Err()
		}
	}
	return last
}

// check reads the stores and compares them with the history.
func (r *run) check(ctx context.Context, readers []*reader, begin string) error {
	for _, reader := range readers {
		reading, err := reader.finish(ctx)
		if err != nil {
			return err
		}
		r.report.Events += len(reading.Events)
		r.recorder.Reading(reading)
	}
	s, err := r.stores.Load(ctx, begin)
	if err != nil {
		return err
	}
	s.MaxLateness = maxLateness
	h := r.recorder.History()
	r.report.Violations = history.Check(h, s)
	r.report.summarize(r.service, h, s)
	r.report.Conflicts, err = conflicts(r.stack.Home())
	return err
}

// conflictText is in the error of a turn that failed because of a conflict.
const conflictText = "conflict: the order database holds"

// conflicts returns the log lines of turns that failed because of a conflict.
func conflicts(home string) (lines []string, err error) {
	logs, err := filepath.Glob(filepath.Join(home, "logs", "orders-actor*.log"))
	for _, log := range logs {
		data, readErr := os.ReadFile(log)
		err = errors.Join(err, readErr)
		for line := range bytes.Lines(data) {
			if bytes.Contains(line, []byte("turn failed")) && bytes.Contains(line, []byte(conflictText)) {
				lines = append(lines, filepath.Base(log)+": "+string(bytes.TrimSpace(line)))
			}
		}
	}
	return lines, err
}

func (r *run) log(format string, args ...any) {
	if r.Out != nil {
		fmt.Fprintf(r.Out, "%7.1f s  %s\n", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
	}
}
