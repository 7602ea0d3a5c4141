// Package e2e holds the tests of the whole product: both services on the real Dapr, started by the launcher, seen through
// REST as a user sees them. All but those of the launcher itself share one stack.
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
		if code == 0 && err == nil { // else its logs say why
			err = os.RemoveAll(home)
		}
	}()
	shared, err = stack.Start(context.Background(), stack.Options{
		Home: home, FreePorts: true, Stdout: os.Stdout,
		Env: map[string]map[string]string{
			stack.OrdersActor: {"DELIVER_AFTER": "3s", "RATE_LIMIT": "0"},
			stack.PaymentsSvc: {"PAYMENT_CONFIRM_RATE": "0.5", "PAYMENT_LATENCY": "20ms"},
		},
	})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, shared.Close()) }()
	return m.Run(), nil
}
