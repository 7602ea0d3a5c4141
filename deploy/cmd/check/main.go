// Command check is the one tool that goes along with an installation, in an image of its own.
//
//	check life [-timeout 2m] URL       an order is delivered, another one is cancelled
//	check refused [-timeout 2m] HOST   payments-svc refuses whoever isn't orders-actor: through Dapr, and at its own port
//	                                   (HOST:8081)
//
// It exits with 0 when all is as it must be, and says what it saw. docker-compose.yml needs three more, as the images of
// the services and of Dapr have neither a shell nor a way to read a setting from a file:
//
//	check prepare DIR                  makes keys and certificates unless they are there, and gives each volume, mounted
//	                                   in DIR, its share and a copy of this program
//	check with NAME=FILE… -- COMMAND   becomes COMMAND, with the files' contents in its environment
//	check healthy URL                  a GET of URL is answered 2xx
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
	timeout := flags.Duration("timeout", 2*time.Minute, "for all of it")
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
	if err == nil && (got < 200 || got > 299) {
		err = fmt.Errorf("GET %s: %d", url, got)
	}
	return err
}
