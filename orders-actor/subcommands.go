package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"orders/kit/actors"
	"orders/kit/dapr"
	"orders/kit/doctor"
	"orders/orders-actor/actorstore"
	databases "orders/orders-actor/doctor"
	"orders/orders-actor/orderactor"
	"orders/orders-actor/orderdb"
	"orders/orders-actor/orderdb/sqldb"
	"orders/orders-actor/payer"
	"orders/orders-actor/repair"
	"orders/orders-actor/retention"
)

// commands are the commands of an operator, by name. "" serves.
var commands = map[string]func(context.Context, Config, *slog.Logger, *slog.LevelVar) error{
	"": serve, "rebuild": withDatabases(actorstore.Rebuild), "accept": withDatabases(actorstore.Accept), "rearm": withSidecar(rearm),
	"payments": writePayments, "doctor": checkDatabases,
}

// withDatabases returns a command that works on the state store and the order database without a sidecar.
func withDatabases(command func(context.Context, *actorstore.Store, *orderdb.DB, *slog.Logger) error) func(context.Context, Config, *slog.Logger, *slog.LevelVar) error {
	return func(ctx context.Context, c Config, logger *slog.Logger, _ *slog.LevelVar) (err error) {
		store, err := actorstore.Open(c.StateDSN)
		if err != nil {
			return fmt.Errorf("STATE_DSN: %w", err)
		}
		defer func() { err = errors.Join(err, store.Close()) }()
		db, err := orderdb.OpenPool(ctx, c.ViewDSN, sqldb.MinMaxConns)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		return command(ctx, store, db, logger)
	}
}

// withSidecar returns a command that sends commands to orders through the sidecar of the running service. keyNames are those that it
// needs besides the key of commands.
func withSidecar(command func(ctx context.Context, c Config, t tools) error, keyNames ...string) func(context.Context, Config, *slog.Logger, *slog.LevelVar) error {
	return func(ctx context.Context, c Config, logger *slog.Logger, _ *slog.LevelVar) (err error) {
		sidecar, err := actors.Dial(dapr.Address(), c.DaprToken)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, sidecar.Close()) }()
		keysCtx, cancel := context.WithTimeout(ctx, commandTimeout)
		keys, err := dapr.Keys(keysCtx, sidecar.Client(), logger, c.SecretName, append(keyNames, sealKey)...)
		cancel()
		if err != nil {
			return err
		}
		db, err := orderdb.OpenPool(ctx, c.ViewDSN, sqldb.MinMaxConns)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		orders := &orderactor.Client{Invoker: actors.Invoker{
			Sidecar: sidecar, Type: orderactor.Type, Seal: actors.Seal{Keys: dapr.Accepted(keys, sealKey), Now: time.Now}, Timeout: commandTimeout,
		}}
		return command(ctx, c, tools{db, orders, sidecar, keys, logger})
	}
}

// tools are what commands with a sidecar use.
type tools struct {
	db      *orderdb.DB
	orders  *orderactor.Client
	sidecar *actors.Sidecar
	keys    map[string][]byte
	log     *slog.Logger
}

func rearm(ctx context.Context, _ Config, t tools) error {
	return repair.Rearm(ctx, t.db, t.orders, t.log)
}

// erase returns the command that removes all final orders of a customer.
func erase(customer string) func(context.Context, Config, *slog.Logger, *slog.LevelVar) error {
	return withSidecar(func(ctx context.Context, c Config, t tools) error {
		payments := payer.NewClient(payer.ClientConfig{
			Sidecar: c.DaprHTTP, Token: c.DaprToken, Key: t.keys[onBehalfKey], Now: time.Now, Parallel: 8,
			Ledger: &actorstore.Ledger{States: t.sidecar.Client()},
		})
		report, err := retention.Erase(ctx, t.db.Removal, retention.Remover{Orders: t.orders, Payments: payments}, customer, t.log)
		report.Print(os.Stdout)
		return err
	}, onBehalfKey)
}

// writePayments reads the state store without a sidecar.
func writePayments(ctx context.Context, c Config, logger *slog.Logger, _ *slog.LevelVar) (err error) {
	store, err := actorstore.Open(c.StateDSN)
	if err != nil {
		return fmt.Errorf("STATE_DSN: %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return repair.WritePayments(ctx, store, os.Stdout, logger)
}

// checkDatabases checks them without changing them.
func checkDatabases(ctx context.Context, c Config, _ *slog.Logger, _ *slog.LevelVar) error {
	return doctor.Run(ctx, os.Stdout, databases.Databases(c.ViewDSN, c.StateDSN, time.Now))
}
