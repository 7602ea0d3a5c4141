// Command orders-actor hosts the Order actors, keeps the list view, and serves REST and the built SPA.
//
//	orders-actor            do so until SIGTERM or Ctrl-C
//	orders-actor rebuild    put orders that the list view has lost back into it, from Dapr's state store, and end
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"orders/kit/panics"
	"orders/kit/secrets"
	"orders/kit/service"
	"orders/kit/settings"
	"orders/kit/sidecar"
	"orders/orders-actor/actor"
	"orders/orders-actor/auth"
	"orders/orders-actor/payments"
	"orders/orders-actor/reconcile"
	"orders/orders-actor/rest"
	"orders/orders-actor/rest/api"
	"orders/orders-actor/spa"
	"orders/orders-actor/turn"
	"orders/orders-actor/view"
)

const (
	secretsTimeout = 2 * time.Minute // for a sidecar that starts late
	openTimeout    = time.Minute     // for a database that starts late, and its migrations
	commandTimeout = 15 * time.Second
	pruneEvery     = 10 * time.Minute
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "orders-actor:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string) error {
	commands := map[string]func(context.Context, config, *slog.Logger) error{"": run, "rebuild": rebuild, "accept": accept}
	do, known := commands[strings.Join(args, " ")]
	if !known {
		return fmt.Errorf("unknown command %q: there are only rebuild and accept", args)
	}
	c, err := readConfig(settings.Env())
	if err != nil {
		return err
	}
	log, err := service.Logger(os.Stderr, c.LogLevel, c.LogFormat)
	if err != nil {
		return err
	}
	slog.SetDefault(log)
	return do(ctx, c, log)
}

func run(ctx context.Context, c config, log *slog.Logger) error {
	dapr, err := actor.Dial(sidecar.Address(), c.DaprToken)
	if err != nil {
		return err
	}
	defer func() { _ = dapr.Close() }()
	keys, err := readKeys(ctx, log, dapr, c)
	if err != nil {
		return err
	}
	opening, cancel := context.WithTimeout(ctx, openTimeout)
	db, err := view.OpenPool(opening, c.ViewDSN, c.ViewMaxConns)
	cancel()
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if err := checkIdentity(ctx, dapr.Client(), db, log); err != nil {
		return err
	}
	warnOfLostOrders(ctx, c, db, log)

	registry := service.NewRegistry()
	seal := actor.Seal{Keys: secrets.Accepted(keys, "command-seal-key"), Now: time.Now}
	orders := &turn.Orders{Invoker: actor.Invoker{
		Sidecar: dapr, Type: turn.Type, Seal: seal, Timeout: commandTimeout, Unproven: observeUnproven(registry, log),
	}}
	payer := turn.NewWorker(turn.WorkerConfig{
		Payments: payments.New(payments.Config{
			Sidecar: c.DaprHTTP, Token: c.DaprToken, Key: keys["obo-key"], Now: time.Now, Parallel: 64,
		}),
		Results:     orders,
		Log:         log,
		CallTimeout: c.PaymentTimeout,
	})
	state := turn.Dapr{Sidecar: dapr, Clock: time.Now}
	host := actor.NewHost(dapr, actor.Config{
		Type:           turn.Type,
		Log:            log,
		Observe:        observe(registry, payer),
		UnknownMessage: observeUnknown(registry),
		Activate: turn.Activator(&turn.Options{
			Store: state, View: db, Reminders: state, Payer: payer, Clock: time.Now, DeliverAfter: c.DeliverAfter,
		}, seal, log),
	})
	reconciler := reconcile.New(reconcile.Config{View: db, Orders: orders, Log: log})
	watcher := view.NewWatcher(db, log)
	server, err := newServer(c, keys, log, rest.Options{
		Commands: orders, Reads: db, Watcher: watcher, Checks: checks(host, db), Registry: registry,
		CursorKeys: secrets.Accepted(keys, "command-seal-key"),
	})
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("listen on ORDERS_ADDR: %w", err)
	}
	log.Info("serving", "address", listener.Addr().String())

	// Each part needs those behind it to stop in peace: requests and payments end with turns, turns end in the view.
	return inOrder(ctx, log,
		part{"rest", func(ctx context.Context) error { return server.Serve(ctx, listener) }, 15 * time.Second},
		part{"reconciler", reconciler.Run, 15 * time.Second},
		part{"payments", payer.Run, 15 * time.Second},
		part{"actors", host.Run, 20 * time.Second},
		part{"feed", watcher.Run, 5 * time.Second},
		part{"prune", prune(db, log), 5 * time.Second},
		part{"search words", view.NewReindexer(db, log).Run, 5 * time.Second},
		part{"metrics", service.Metrics(registry, log, "ORDERS_METRICS_ADDR", c.MetricsAddr), 5 * time.Second},
	)
}

func readKeys(ctx context.Context, log *slog.Logger, dapr *actor.Sidecar, c config) (map[string][]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, secretsTimeout)
	defer cancel()
	names := []string{"obo-key", "command-seal-key"}
	if c.AuthMode == "dev" {
		names = append(names, "dev-token-key")
	}
	return secrets.Keys(ctx, dapr.Client(), log, c.SecretName, names...)
}

func newServer(c config, keys map[string][]byte, log *slog.Logger, o rest.Options) (*rest.Server, error) {
	site, err := spa.New()
	if err != nil {
		return nil, err
	}
	if c.AuthMode == "dev" {
		if o.Dev, err = auth.NewDev(keys["dev-token-key"], time.Now); err != nil {
			return nil, err
		}
		o.Verifier, o.DevHosts = o.Dev, c.DevHosts
	} else {
		o.Verifier = auth.NewOIDC(c.OIDC)
		o.OIDC = api.OidcConfig{Issuer: c.OIDC.Issuer, Audience: c.OIDC.Audience, ClientID: c.OIDCClientID}
	}
	o.Log, o.SPA = log, site.Serve
	o.RateLimit, o.MaxInFlight, o.CORSOrigins = c.RateLimit, c.MaxInFlight, c.CORSOrigins
	o.MaxWaiting, o.MaxPerUser = c.MaxWaiting, c.MaxPerUser
	return rest.New(o)
}

// checks say what is missing.
func checks(host *actor.Host, db *view.DB) []service.Check {
	hosted := func(context.Context) error {
		if !host.Ready() {
			return errors.New("the sidecar doesn't host our actors")
		}
		return nil
	}
	return []service.Check{{Name: "actors", Run: hosted}, {Name: "view", Run: db.Ready}}
}

// prune forgets events and idempotency keys that are old enough.
func prune(db *view.DB, log *slog.Logger) service.Runner {
	return func(ctx context.Context) error {
		for {
			select {
			case <-time.After(pruneEvery):
				err := panics.Catch(ctx, log, "prune", func() error { return db.Prune(ctx, time.Now()) })
				if err != nil && ctx.Err() == nil {
					log.Warn("can't prune the view", "error", err)
				}
			case <-ctx.Done():
				return nil
			}
		}
	}
}
