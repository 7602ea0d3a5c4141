// Command bench measures what an order costs on this machine, for the product and for other systems beside it. It prints tables in
// Markdown and writes the figures as JSON. Its settings are environment variables; docs/performance.md lists them.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"orders/faults/bench"
	"orders/kit/config"
)

const timeout = 3 * time.Hour

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	is, err := bench.Role(ctx, os.Args[1:])
	if !is {
		err = run(ctx)
	}
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	env := config.Env()
	o := bench.Options{
		Setup:   bench.Setup(env.Enum("SETUP", string(bench.SQLite), string(bench.SQLite), string(bench.Postgres))),
		Systems: list(env, "SYSTEMS", "product", "floor"),
		Orders:  env.Int("ORDERS", 3000, 1, 1_000_000),
		Rounds:  env.Int("ROUNDS", 1, 1, 100),
		Out:     os.Stderr,
	}
	for _, text := range list(env, "CALLERS", "8", "32", "128") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			env.Reject("CALLERS", "must be numbers such as 8,32,128, not %q", text)
		}
		o.Callers = append(o.Callers, n)
	}
	file := env.String("JSON", "bin/bench/"+string(o.Setup)+".json")
	if err := env.Err(); err != nil {
		return err
	}
	lives, err := bench.Lives(ctx, o)
	bench.WriteLives(os.Stdout, lives) // also after an error
	if err != nil {
		return err
	}
	return bench.WriteJSON(file, lives)
}

func list(env *config.Reader, name string, fallback ...string) []string {
	if set := env.List(name); len(set) > 0 {
		return set
	}
	return fallback
}
