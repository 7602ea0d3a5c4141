// Package e2e tests the whole product through its REST API: both services on the real Dapr, started by the launcher. All tests
// share one stack, except those that need other options.
package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"

	"orders/stack"
)

var shared *stack.Stack

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		fmt.Println("skipped: starts Dapr")
		return
	}
	code, err := withStack(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}

func withStack(m *testing.M) (code int, err error) {
	home, err := os.MkdirTemp("", "orders-e2e-")
	if err != nil {
		return 0, err
	}
	defer func() {
		if code == 0 && err == nil { // otherwise the logs are kept
			err = os.RemoveAll(home)
		}
	}()
	shared, err = stack.Start(context.Background(), stack.Options{
		Home: home, FreePorts: true, Stdout: os.Stdout,
		Env: map[string]map[string]string{
			stack.OrdersActor: {"DELIVER_AFTER": "3s", "RATE_LIMIT": "0", "WEBHOOK_ALLOW_PRIVATE": "true"},
			stack.PaymentsSvc: {"PAYMENT_CONFIRM_RATE": "0.5", "PAYMENT_LATENCY": "20ms"},
		},
	})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, shared.Close()) }()
	return m.Run(), nil
}
