package stack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
)

// Rebuild puts orders that the order database has lost back into it, from the actors' states, with the databases that Start
// would use with the same options. The stack may be running.
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
	address := s.setting(a, servesAt[a.ID].setting)
	if address == "" {
		address = servesAt[a.ID].address
	}
	cmd := exec.CommandContext(ctx, a.Command[0], "rebuild")
	cmd.Dir, cmd.Env = s.o.Home, pairs(s.environment(instance{app: a, address: address}))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}
