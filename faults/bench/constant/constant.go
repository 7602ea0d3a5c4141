// Package constant answers requests with constant bytes, which is the least that a read can cost with the same web framework.
package constant

import (
	"context"
	"net"
	"os"
	"time"

	"github.com/gofiber/fiber/v2"
)

// Run serves the content of a file until ctx ends.
func Run(ctx context.Context, address, file string) error {
	body, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/", func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		return c.Send(body)
	})
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = app.ShutdownWithTimeout(time.Second) })()
	return app.Listener(listener)
}
