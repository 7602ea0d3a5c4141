package stack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
)

// Rebuild restores missing orders in the order database from the actors' states. It uses the databases that Start would use
// with the same options. The stack may be running.
func Rebuild(ctx context.Context, o Options) error {
	s, err := resolve(o)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(s.file.Apps, func(a app) bool { return a.ID == OrdersActor })
	if at < 0 {
		return fmt.Errorf("dapr.yaml has no app %q", OrdersActor)
	}
	a := s.file.Apps[at]
	address := s.setting(a, addresses[a.ID].setting)
	if address == "" {
		address = addresses[a.ID].address
	}
	cmd := exec.CommandContext(ctx, a.Command[0], "rebuild")
	cmd.Dir, cmd.Env = s.o.Home, environ(s.environment(instance{app: a, address: address}))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}
