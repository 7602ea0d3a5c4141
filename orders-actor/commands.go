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
	"orders/orders-actor/repair"
)

// commands are the commands of an operator, by name. "" serves.
var commands = map[string]func(context.Context, Config, *slog.Logger, *slog.LevelVar) error{
	"": serve, "rebuild": withDatabases(actorstore.Rebuild), "accept": withDatabases(actorstore.Accept), "rearm": rearm,
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

// rearm sends commands to orders through the sidecar of the running service.
func rearm(ctx context.Context, c Config, logger *slog.Logger, _ *slog.LevelVar) (err error) {
	sidecar, err := actors.Dial(dapr.Address(), c.DaprToken)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sidecar.Close()) }()
	keysCtx, cancel := context.WithTimeout(ctx, commandTimeout)
	keys, err := dapr.Keys(keysCtx, sidecar.Client(), logger, c.SecretName, sealKey)
	cancel()
	if err != nil {
		return err
	}
	db, err := orderdb.OpenPool(ctx, c.ViewDSN, sqldb.MinMaxConns)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return repair.Rearm(ctx, db, &orderactor.Client{Invoker: actors.Invoker{
		Sidecar: sidecar, Type: orderactor.Type, Seal: actors.Seal{Keys: dapr.Accepted(keys, sealKey), Now: time.Now}, Timeout: commandTimeout,
	}}, logger)
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
