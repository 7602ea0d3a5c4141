package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"time"
)

// An order id that matches the pattern of the access rules, which allow it to orders-actor.
const order = "01936f2e-5b1c-7c3a-9d54-0f2b6a1c8e77"

// refused checks that every call of payments-svc is rejected, through our own sidecar and directly at the host.
func refused(ctx context.Context, host string) error {
	port := os.Getenv("DAPR_HTTP_PORT")
	if port == "" {
		port = "3500"
	}
	if err := sidecar(ctx, "http://127.0.0.1:"+port+"/v1.0/healthz"); err != nil {
		return err
	}
	calls := []struct{ method, path string }{
		{http.MethodGet, "/payments/" + order},
		{http.MethodPut, "/payments/" + order},
		{http.MethodPost, "/payments/" + order + "/void"},
	}
	for _, call := range calls {
		for url, want := range map[string]int{
			"http://127.0.0.1:" + port + "/v1.0/invoke/payments-svc/method": http.StatusForbidden,
			"http://" + host + ":8081":                                      http.StatusUnauthorized,
		} {
			got, err := status(ctx, call.method, url+call.path)
			if err != nil {
				return err
			}
			log.Printf("%s %s%s: %d", call.method, url, call.path, got)
			if got != want {
				return fmt.Errorf("%s %s%s: got %d, want %d", call.method, url, call.path, got, want)
			}
		}
	}
	return nil
}

// sidecar waits until our own sidecar is ready.
func sidecar(ctx context.Context, url string) error {
	for {
		got, err := status(ctx, http.MethodGet, url)
		if err == nil && got < 300 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the sidecar: %w (last status %d, last error %w)", ctx.Err(), got, err)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func status(ctx context.Context, method, url string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(""))
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20))
	return response.StatusCode, nil
}
