// Command orders-actor hosts the Order actors, maintains the order database, and serves the REST API and the SPA.
//
//	orders-actor            serve until SIGTERM or Ctrl-C
//	orders-actor rebuild    restore orders that the order database lacks from Dapr's state store
//	orders-actor payments   write the payments of all orders, for `payments-svc restore`
//	orders-actor rearm      register the reminders of all confirmed orders again, through the sidecar of the running service
//	orders-actor erase NAME remove all final orders of a customer, through the sidecar of the running service
//	orders-actor doctor     check the databases
//	orders-actor accept     let the order database and the state store belong together from now on
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"orders/api"
	"orders/kit/actors"
	"orders/kit/config"
	"orders/kit/dapr"
	"orders/kit/httpapi"
	"orders/kit/log"
	"orders/kit/retry"
	"orders/kit/run"
	"orders/kit/telemetry"
	"orders/orders-actor/actorstore"
	"orders/orders-actor/audit"
	"orders/orders-actor/auth"
	"orders/orders-actor/feed"
	"orders/orders-actor/inspect"
	"orders/orders-actor/orderactor"
	"orders/orders-actor/orderdb"
	"orders/orders-actor/orderdb/sqldb"
	"orders/orders-actor/orderdb/webhooks"
	"orders/orders-actor/payer"
	"orders/orders-actor/reconcile"
	"orders/orders-actor/relay"
	"orders/orders-actor/rest"
	"orders/orders-actor/rest/operator"
	restwebhooks "orders/orders-actor/rest/webhooks"
	"orders/orders-actor/retention"
	"orders/orders-actor/webhook"
	"orders/orders-actor/webui"
)

const (
	secretsTimeout = 2 * time.Minute // for a sidecar that starts late
	openTimeout    = time.Minute     // for a database that starts late, and its migrations
	commandTimeout = 15 * time.Second
	sqliteSaves    = 16 // concurrent saves of actor states
	pruneEvery     = 10 * time.Minute
	sealKey        = "command-seal-key"
	onBehalfKey    = "obo-key"
	reindexEvery   = time.Minute
	minutesEvery   = 5 * time.Second
	discoverEvery  = 10 * time.Second // until the issuer was reached
)

func main() {
	run.Main(func(ctx context.Context) error { return command(ctx, os.Args[1:]) })
}

func command(ctx context.Context, args []string) error {
	execute, known := commands[strings.Join(args, " ")]
	if len(args) > 1 && args[0] == "erase" {
		execute, known = erase(strings.Join(args[1:], " ")), true
	}
	if !known {
		return fmt.Errorf("unknown command %q: there are erase NAME, %s", args, strings.Join(slices.Sorted(maps.Keys(commands))[1:], ", "))
	}
	c, err := readConfig(config.Env())
	if err != nil {
		return err
	}
	logger, level, err := log.New(os.Stderr, c.LogLevel, c.LogFormat)
	if err != nil {
		return err
	}
	slog.SetDefault(logger)
	return execute(ctx, c, logger, level)
}

func serve(ctx context.Context, c Config, logger *slog.Logger, level *slog.LevelVar) error {
	traces, err := telemetry.StartTracing(ctx, c.Tracing, "orders-actor", logger)
	if err != nil {
		return err
	}
	sidecar, err := actors.Dial(dapr.Address(), c.DaprToken)
	if err != nil {
		return err
	}
	defer func() { _ = sidecar.Close() }()
	if !sqldb.IsPostgres(c.StateDSN) {
		sidecar.LimitSaves(sqliteSaves)
	}
	keys, err := readKeys(ctx, logger, sidecar, c)
	if err != nil {
		return err
	}
	openCtx, cancel := context.WithTimeout(ctx, openTimeout)
	db, err := orderdb.OpenPool(openCtx, c.ViewDSN, c.ViewMaxConns)
	cancel()
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	db.After = c.AttentionAfter
	if err := actorstore.CheckIdentity(ctx, sidecar.Client(), db, logger); err != nil {
		return err
	}
	actorstore.WarnOfLostOrders(ctx, c.StateDSN, db, logger)

	registry := telemetry.NewRegistry()
	seal := actors.Seal{Keys: dapr.Accepted(keys, sealKey), Now: time.Now}
	orders := &orderactor.Client{Invoker: actors.Invoker{
		Sidecar: sidecar, Type: orderactor.Type, Seal: seal, Timeout: commandTimeout, OnUnsealedReply: orderactor.ObserveUnsealedReplies(registry, logger),
	}}
	payments := payer.NewClient(payer.ClientConfig{
		Sidecar: c.DaprHTTP, Token: c.DaprToken, Key: keys[onBehalfKey], Now: time.Now, Parallel: 64,
		Ledger: &actorstore.Ledger{States: sidecar.Client()},
	})
	pay := payer.New(payer.Config{
		Payments:    payments,
		Results:     orders,
		Log:         logger,
		CallTimeout: c.PaymentTimeout,
	})
	pay.Register(registry)
	orderactor.Register(registry)
	reconcile.Register(registry)
	db.Register(registry)
	sqldb.Register(registry)
	state := orderactor.Dapr{Sidecar: sidecar, Clock: time.Now}
	host := actors.NewHost(sidecar, actors.Config{
		Type:             orderactor.Type,
		Log:              logger,
		Observe:          orderactor.ObserveTurns(registry),
		OnUnknownMessage: orderactor.ObserveUnknownMessages(registry),
		Activate: orderactor.Activator(&orderactor.Options{
			Store: state, OrderDB: db, Reminders: state, Payer: pay, Clock: time.Now, DeliverAfter: c.DeliverAfter, Log: logger,
			Host: hostName(c.Addr), Jobs: pay.Jobs,
		}, seal, logger),
	})
	reconciler := reconcile.New(reconcile.Config{OrderDB: db, Orders: orders, Log: logger})
	events := feed.New(db, logger)
	events.Register(registry)
	inspector := &inspect.Inspector{
		Orders: orders, OrderDB: db, Ledger: payments, Reminders: state, Log: logger, After: c.AttentionAfter, Clock: time.Now, Sleep: retry.Sleep,
	}
	auditor := audit.New(audit.Config{
		Inspector: inspector, Claims: db.Audits, Log: logger, PerMinute: c.AuditPerMinute, Clock: time.Now, Registry: registry,
	})
	retainer := retention.New(retention.Config{
		Remover: retention.Remover{Orders: orders, Payments: payments}, Store: db.Removal, Log: logger, Days: c.RetainDays, Clock: time.Now,
		Registry: registry,
	})
	hooks, err := webhook.New(webhook.Config{
		Store: db.Webhooks, Keys: dapr.Accepted(keys, sealKey), Data: restwebhooks.EventData, AllowPrivate: c.WebhookPrivate, Clock: time.Now,
	})
	if err != nil {
		return err
	}
	relayer := relay.New(relay.Config{
		Store: db.Destinations, Events: db, Feed: events, Targets: map[string]relay.Target{webhooks.Kind: hooks}, Holder: hostName(c.Addr),
		Log: logger, Clock: time.Now, Registry: registry,
	})
	hooks.Changed = relayer.Wake
	if err := hooks.Reseal(ctx); err != nil {
		logger.WarnContext(ctx, "cannot read the secrets of all webhooks", "error", err)
	}
	issuer := auth.NewOIDC(c.OIDC)
	server, err := newServer(c, keys, logger, issuer, rest.Options{
		Commands: orders, Reads: db, Feed: events, Checks: checks(host, db), Registry: registry,
		CursorKeys: dapr.Accepted(keys, sealKey),
		Operator: operator.Handlers{
			Inspector: inspector, Commands: orders, Store: db, Minutes: db.Minutes, Audits: db.Audits,
			After: c.AttentionAfter, AuditPerMinute: c.AuditPerMinute,
		},
		Webhooks: restwebhooks.Handlers{Service: hooks, Store: db.Webhooks},
	})
	if err != nil {
		return err
	}
	listener, err := httpapi.Listen(ctx, logger, "ORDERS_ADDR", c.Addr)
	if err != nil {
		return err
	}

	reindex := run.Every(reindexEvery, logger, "search words", func(ctx context.Context) error { return db.Reindex(ctx, logger) })
	prune := run.Every(pruneEvery, logger, "prune", func(ctx context.Context) error { return db.Prune(ctx, time.Now()) })
	minutes := run.Every(minutesEvery, logger, "minutes", func(ctx context.Context) error { return db.Minutes.Advance(ctx, time.Now()) })
	discover := run.Every(discoverEvery, logger, "issuer", func(ctx context.Context) error {
		if c.AuthMode == "dev" {
			return nil
		}
		return issuer.Discover(ctx)
	})
	// The parts stop in this sequence, because each needs later ones: requests and payments need turns, turns the order database.
	// The sum of the timeouts is below that of the launcher, and of the chart (terminationGracePeriodSeconds).
	return run.Parts(ctx, logger,
		run.Part{Name: "rest", Run: func(ctx context.Context) error { return server.Serve(ctx, listener) }, StopTimeout: 12 * time.Second},
		run.Part{Name: "reconciler", Run: reconciler.Run, StopTimeout: 5 * time.Second},
		run.Part{Name: "audit", Run: auditor.Run, StopTimeout: 2 * time.Second},
		run.Part{Name: "retention", Run: retainer.Run, StopTimeout: 2 * time.Second},
		run.Part{Name: "payments", Run: pay.Run, StopTimeout: 12 * time.Second},
		run.Part{Name: "actors", Run: host.Run, StopTimeout: 18 * time.Second},
		run.Part{Name: "relay", Run: relayer.Run, StopTimeout: 4 * time.Second},
		run.Part{Name: "feed", Run: events.Run, StopTimeout: 2 * time.Second},
		run.Part{Name: "prune", Run: prune, StopTimeout: 2 * time.Second},
		run.Part{Name: "minutes", Run: minutes, StopTimeout: 2 * time.Second},
		run.Part{Name: "search words", Run: reindex, StopTimeout: 2 * time.Second},
		run.Part{Name: "issuer", Run: discover, StopTimeout: 2 * time.Second},
		run.Part{Name: "metrics", Run: telemetry.Serve(registry, logger, "ORDERS_METRICS_ADDR", c.MetricsAddr), StopTimeout: 2 * time.Second},
		run.Part{Name: "profiles", Run: telemetry.ServeProfiles(logger, level, "ORDERS_PROFILE_ADDR", c.ProfileAddr), StopTimeout: 2 * time.Second},
		run.Part{Name: "traces", Run: traces, StopTimeout: 2 * time.Second},
	)
}

func readKeys(ctx context.Context, logger *slog.Logger, sidecar *actors.Sidecar, c Config) (map[string][]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, secretsTimeout)
	defer cancel()
	names := []string{onBehalfKey, sealKey}
	if c.AuthMode == "dev" {
		names = append(names, "dev-token-key")
	}
	return dapr.Keys(ctx, sidecar.Client(), logger, c.SecretName, names...)
}

// hostName names this replica: the host and the port that it listens on, since replicas may share a host.
func hostName(addr string) string {
	name, err := os.Hostname()
	if err != nil {
		name = "unknown"
	}
	_, port, _ := net.SplitHostPort(addr)
	return net.JoinHostPort(name, port)
}

func newServer(c Config, keys map[string][]byte, logger *slog.Logger, issuer *auth.OIDC, o rest.Options) (*rest.Server, error) {
	site, err := webui.New()
	if err != nil {
		return nil, err
	}
	if c.AuthMode == "dev" {
		if o.Dev, err = auth.NewDev(dapr.Accepted(keys, "dev-token-key"), time.Now); err != nil {
			return nil, err
		}
		o.Verifier, o.DevHosts = o.Dev, c.DevHosts
	} else {
		o.Verifier, o.TokenEndpoint = issuer, issuer.TokenEndpoint
		o.OIDC = api.OidcConfig{Issuer: c.OIDC.Issuer, Audience: c.OIDC.Audience, ClientID: c.OIDCClientID, Scope: c.OIDCScope}
	}
	o.Log, o.SPA = logger, site.Serve
	o.RateLimit, o.MaxInFlight, o.CORSOrigins = c.RateLimit, c.MaxInFlight, c.CORSOrigins
	o.MaxWaiting, o.MaxPerUser = c.MaxWaiting, c.MaxPerUser
	o.Catalogue, o.EnforceCatalogue = c.Catalogue, c.Enforce
	return rest.New(o)
}

// checks returns the readiness checks.
func checks(host *actors.Host, db *orderdb.DB) []httpapi.Check {
	hosted := func(context.Context) error {
		if !host.Ready() {
			return errors.New("the sidecar does not host our actors")
		}
		return nil
	}
	return []httpapi.Check{{Name: "actors", Run: hosted}, {Name: "order-db", Run: db.Ready}}
}
