// Command lab runs the fault lab (package lab) until Ctrl-C. LAB_ADDR is the address on loopback at which it serves.
package main

import (
	"cmp"
	"context"
	"os"
	"syscall"

	"orders/faults/lab"
	"orders/kit/config"
	"orders/kit/run"
)

func main() {
	run.Main(func(ctx context.Context) error {
		syscall.Umask(0o077) // new files, also those of the parts, are readable by their owner only
		env := config.Env()
		o := lab.Options{Address: cmp.Or(env.Loopback("LAB_ADDR"), lab.DefaultAddress), Out: os.Stdout}
		if err := env.Err(); err != nil {
			return err
		}
		return lab.Run(ctx, o)
	})
}
