// Command chaos runs the real product under load and faults, and prints a report in Markdown. Its exit status is 1 if an invariant
// or the contract was violated. Its settings are environment variables: SETUP (sqlite or postgres), ORDERS, FAULTS, SEED.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"orders/faults/chaos"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	o := chaos.Options{Setup: chaos.Setup(os.Getenv("SETUP")), Out: os.Stderr}
	switch o.Setup {
	case "":
		o.Setup = chaos.SQLite
	case chaos.SQLite, chaos.Postgres:
	default:
		return fmt.Errorf("SETUP is %q: it must be sqlite or postgres", o.Setup)
	}
	for name, setting := range map[string]struct {
		set      func(uint64)
		fallback uint64
	}{
		"ORDERS": {func(n uint64) { o.Orders = int(n) }, 5_000},
		"FAULTS": {func(n uint64) { o.Faults = int(n) }, 30},
		"SEED":   {func(n uint64) { o.Seed = n }, 1},
	} {
		n := setting.fallback
		if text := os.Getenv(name); text != "" {
			var err error
			if n, err = strconv.ParseUint(text, 10, 30); err != nil {
				return fmt.Errorf("%s is %q: it must be a whole number up to 1e9", name, text)
			}
		}
		setting.set(n)
	}
	report, err := chaos.Run(ctx, o)
	if err != nil {
		return err
	}
	if err := report.Write(os.Stdout); err != nil {
		return err
	}
	return report.Err()
}
