// Command stack runs the whole product on this machine: see package stack. Without arguments it runs the product until Ctrl-C, or
// until a part dies; usage lists its commands.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"orders/stack"
	"orders/stack/backup"
	"orders/stack/doctor"
)

const usage = `usage: stack [flags] [command]

commands:
  (none)          run the product until Ctrl-C, or until a part dies
  control         run it on free ports and read requests from stdin, one JSON object per line
  dapr-run        run the control plane here, and the apps and their sidecars with the Dapr CLI
  rebuild         restore missing orders in the order database; the product may be running
  rearm           register the reminders of all confirmed orders again; the product must be running
  erase CUSTOMER  remove all final orders of a customer; the product must be running
  doctor          check the set-up, running or stopped; the exit status is 1 if there is a problem
  backup DIR      copy the SQLite databases and keys to a new folder; the product may be running
  restore DIR     replace them by those of a backup; the product must be stopped
  restore-ledger  restore a lost ledger from the actors' states; the product must be running

flags:
`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "stack:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	o := stack.Options{Stdout: os.Stdout}
	flags := flag.NewFlagSet("stack", flag.ContinueOnError)
	flags.StringVar(&o.Home, "home", os.Getenv("DATA_DIR"), "data folder (default .data in the repository, or DATA_DIR)")
	flags.StringVar(&o.RunFile, "f", "", "run file with other apps (default dapr/dapr.yaml)")
	flags.BoolVar(&o.FreePorts, "free-ports", false, "let the services listen on free ports")
	flags.IntVar(&o.Replicas, "replicas", 1, "number of orders-actor processes; more than one needs -postgres")
	flags.StringVar(&o.Postgres, "postgres", os.Getenv("STATE_DSN"), "keep all state in this database instead of SQLite files (default STATE_DSN)")
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	syscall.Umask(0o077) // new files, also those of the parts, are readable by their owner only
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch flags.Arg(0) {
	case "":
		return serve(ctx, stop, o)
	case "control":
		return control(ctx, o, os.Stdin, os.Stdout)
	case "dapr-run":
		return daprRun(ctx, o)
	case "rebuild":
		return tool(ctx, o, "rebuild")
	case "rearm":
		return tool(ctx, o, "rearm")
	case "erase":
		if flags.NArg() != 2 || flags.Arg(1) == "" { // make without CUSTOMER passes an empty one
			return errors.New("usage: make erase CUSTOMER=…, or stack erase CUSTOMER")
		}
		return tool(ctx, o, "erase", flags.Arg(1))
	case "doctor":
		return doctor.Run(ctx, o, os.Stdout)
	case "backup", "restore":
		if flags.NArg() != 2 || flags.Arg(1) == "" { // make without DIR passes an empty one
			return fmt.Errorf("usage: make %[1]s DIR=…, or stack %[1]s DIR", flags.Arg(0))
		}
		if flags.Arg(0) == "backup" {
			return backup.Backup(ctx, o, flags.Arg(1))
		}
		if err := backup.Restore(ctx, o, flags.Arg(1)); err != nil {
			return err
		}
		if err := tool(ctx, o, "rebuild"); err != nil { // the order database in the backup is a little older than the states
			return err
		}
		fmt.Fprintln(o.Stdout, "next: make run, and in another terminal make rearm")
		return nil
	case "restore-ledger":
		return restoreLedger(ctx, o)
	default:
		return fmt.Errorf("unknown command %q; stack -h lists the commands", flags.Arg(0))
	}
}

// serve runs the product until a signal comes or a part dies.
func serve(ctx context.Context, stopSignals func(), o stack.Options) (err error) {
	s, err := stack.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for _, url := range s.URLs() {
		fmt.Fprintf(o.Stdout, "\n    %s\n", url)
	}
	fmt.Fprint(o.Stdout, "\nPress Ctrl-C to stop.\n")
	if s.Wait(ctx) == nil {
		stopSignals() // a second Ctrl-C kills the launcher, and the parts with it
		fmt.Fprintln(o.Stdout, "stopping")
	}
	return nil // Close returns the error of a part that died
}

// daprRun runs the apps with the Dapr CLI.
func daprRun(ctx context.Context, o stack.Options) (err error) {
	o.WithoutApps = true
	o.Stdout = os.Stderr // stdout belongs to the CLI
	s, err := stack.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return s.DaprRun(ctx)
}

// tool executes a command of orders-actor.
func tool(ctx context.Context, o stack.Options, command ...string) error {
	cmd, err := stack.Tool(ctx, o, stack.OrdersActor, command...)
	if err != nil {
		return err
	}
	cmd.Stdout = os.Stdout
	return cmd.Run()
}

// restoreLedger pipes the payments that the orders know to payments-svc.
func restoreLedger(ctx context.Context, o stack.Options) error {
	from, err := stack.Tool(ctx, o, stack.OrdersActor, "payments")
	if err != nil {
		return err
	}
	to, err := stack.Tool(ctx, o, stack.PaymentsSvc, "restore")
	if err != nil {
		return err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	from.Stdout, to.Stdin = write, read
	if err := errors.Join(from.Start(), to.Start(), write.Close(), read.Close()); err != nil {
		return err
	}
	return errors.Join(from.Wait(), to.Wait())
}
