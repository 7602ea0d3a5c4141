package stack

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// Exec runs a command with the environment that sidecars need to use this control plane, and returns when it has ended.
// When ctx is done or a part dies the command is asked to end in order. It dies with this process.
func (s *Stack) Exec(ctx context.Context, command []string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		if s.Wait(ctx) != nil {
			cancel()
		}
	}()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	env := inherited([]string{"DAPR_RUNTIME_PATH"}, Settings[OrdersActor], Settings[PaymentsSvc], outgoing)
	cmd.Env = append(append(pairs(env), s.env...), "APP_API_TOKEN="+s.token)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// No process group of its own: it may read from the terminal. The Dapr CLI makes one.
	cmd.SysProcAttr = commandAttributes()
	runtime.LockOSThread() // the death signal comes with this thread's end
	defer runtime.UnlockOSThread()
	err := cmd.Run()
	if ctx.Err() != nil {
		return nil // it was told to end; how it says so is of no interest
	}
	return err
}
