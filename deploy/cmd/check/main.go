// Command check tests an installation. It has an image of its own.
//
//	check life [-timeout 2m] URL       check that one order is delivered and another one can be cancelled
//	check refused [-timeout 2m] HOST   check that payments-svc rejects apps other than orders-actor, through Dapr and at its
//	                                   own port (HOST:8081)
//
// It logs each check and exits with 0 if all succeed. docker-compose.yml uses three more commands, because the images of the
// services and of Dapr have no shell and can't read settings from files:
//
//	check prepare DIR                  create missing keys and certificates, and copy to each volume mounted in DIR the keys
//	                                   of its service
//	check with NAME=FILE… -- COMMAND   execute COMMAND with the files' contents as environment variables
//	check healthy URL                  check that a GET of URL is answered 2xx
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

var errUsage = errors.New("usage: check life|refused|prepare|with|healthy ARGUMENTS")

func main() {
	log.SetFlags(log.Ltime)
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return errUsage
	}
	switch args[0] {
	case "life":
		return within(args[1:], life)
	case "refused":
		return within(args[1:], refused)
	case "healthy":
		return within(append([]string{"-timeout=4s"}, args[1:]...), healthy)
	case "prepare":
		return prepare(args[1], time.Now())
	case "with":
		return with(args[1:])
	}
	return errUsage
}

func within(args []string, check func(context.Context, string) error) error {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	timeout := flags.Duration("timeout", 2*time.Minute, "for the whole check")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	return check(ctx, flags.Arg(0))
}

func healthy(ctx context.Context, url string) error {
	got, err := status(ctx, http.MethodGet, url)
	if err == nil && got/100 != 2 {
		err = fmt.Errorf("GET %s: %d", url, got)
	}
	return err
}
