package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
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
		if err := errors.Join(
			expect(ctx, call.method, "http://127.0.0.1:"+port+"/v1.0/invoke/payments-svc/method"+call.path, http.StatusForbidden),
			expect(ctx, call.method, "http://"+host+":8081"+call.path, http.StatusUnauthorized),
		); err != nil {
			return err
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

// expect sends a request, logs the status of the response, and returns an error if it is another one.
func expect(ctx context.Context, method, url string, want int) error {
	got, err := status(ctx, method, url)
	if err != nil {
		return err
	}
	log.Printf("%s %s: %d", method, url, got) //nolint:gosec // the user's own argument
	if got != want {
		return fmt.Errorf("%s %s: got %d, want %d", method, url, got, want)
	}
	return nil
}

func status(ctx context.Context, method, url string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	_ = response.Body.Close()
	return response.StatusCode, nil
}
