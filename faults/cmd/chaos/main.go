// Command chaos runs the real product under load and faults, and prints a report in Markdown. Its exit status is 1 if an invariant
// or the contract was violated. Its settings are environment variables: SETUP (sqlite or postgres), ORDERS, FAULTS, SEED.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"orders/faults/chaos"
	"orders/kit/config"
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
	env := config.Env()
	o := chaos.Options{
		Setup:  chaos.Setup(env.Enum("SETUP", string(chaos.SQLite), string(chaos.SQLite), string(chaos.Postgres))),
		Orders: env.Int("ORDERS", 5_000, 0, 1e9), Faults: env.Int("FAULTS", 30, 0, 1e9), Seed: uint64(env.Int("SEED", 1, 0, 1e9)),
		Out: os.Stderr,
	}
	if err := env.Err(); err != nil {
		return err
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
