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
		Case:    env.Enum("CASE", "life", bench.Cases()...),
		Setup:   bench.Setup(env.Enum("SETUP", string(bench.SQLite), string(bench.SQLite), string(bench.Postgres))),
		Systems: list(env, "SYSTEMS", "product", "floor"),
		Callers: numbers(env, "CALLERS", 8, 32, 128),
		Orders:  env.Int("ORDERS", 0, 0, 1_000_000),
		Stored:  numbers(env, "STORED", 0, 100_000, 1_000_000),
		Readers: numbers(env, "READERS", 1, 1000),
		Rounds:  env.Int("ROUNDS", 1, 1, 100),
		Out:     os.Stderr,
	}
	file := env.String("JSON", "bin/bench/"+o.Case+"-"+string(o.Setup)+".json")
	if err := env.Err(); err != nil {
		return err
	}
	tables, err := bench.Run(ctx, o)
	for _, table := range tables { // also after an error
		table.Write(os.Stdout)
	}
	if err != nil {
		return err
	}
	return bench.WriteJSON(file, tables)
}

func numbers(env *config.Reader, name string, fallback ...int) (all []int) {
	for _, text := range env.List(name) {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			env.Reject(name, "must be numbers such as 8,32,128, not %q", text)
		}
		all = append(all, n)
	}
	if len(all) == 0 {
		return fallback
	}
	return all
}

func list(env *config.Reader, name string, fallback ...string) []string {
	if set := env.List(name); len(set) > 0 {
		return set
	}
	return fallback
}
