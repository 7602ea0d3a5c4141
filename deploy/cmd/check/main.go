// Command check is what the chart's tests run inside of a cluster, from an image of its own.
//
//	check life [-timeout 2m] URL       an order is delivered, another one is cancelled
//	check refused [-timeout 2m] HOST   payments-svc refuses whoever isn't orders-actor: through Dapr, and at its own port
//	                                   (HOST:8081)
//
// It exits with 0 when all is as it must be, and says what it saw.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(log.Ltime)
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(args []string) error {
	checks := map[string]func(context.Context, string) error{"life": life, "refused": refused}
	if len(args) == 0 || checks[args[0]] == nil {
		return fmt.Errorf("usage: check life|refused [-timeout 2m] ADDRESS")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	timeout := flags.Duration("timeout", 2*time.Minute, "for all of it")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	return checks[args[0]](ctx, flags.Arg(0))
}
