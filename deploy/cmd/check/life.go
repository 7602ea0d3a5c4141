package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"orders/deploy/client"
)

// life runs one order to its delivery and cancels another one. Payments are declined at random: then it takes another.
func life(ctx context.Context, url string) error {
	user, err := login(ctx, url)
	if errors.Is(err, client.ErrNoDevTokens) {
		return protected(ctx, url)
	}
	if err != nil {
		return err
	}
	for {
		o, err := user.Create(ctx, "")
		if err != nil {
			return err
		}
		if o, err = user.Final(ctx, o.ID); err != nil {
			return err
		}
		log.Printf("order %s is %s (version %d, payment %s)", o.ID, o.Status, o.Version, o.Payment.Status)
		if o.Status == "delivered" {
			break
		}
		if o.Payment.Status != "declined" {
			return fmt.Errorf("order %s was %s without a reason", o.ID, o.Status)
		}
	}
	o, err := user.Create(ctx, "")
	if err != nil {
		return err
	}
	if o, err = user.Cancel(ctx, o.ID); err != nil {
		return err
	}
	log.Printf("order %s is %s", o.ID, o.Status)
	if o.Status != "cancelled" {
		return fmt.Errorf("order %s was cancelled and is %s", o.ID, o.Status)
	}
	return nil
}

// login asks until the Service answers: endpoints are told of new pods later than we are.
func login(ctx context.Context, url string) (*client.Client, error) {
	for {
		c, err := client.Login(ctx, url, "check", "customer")
		if err == nil || errors.Is(err, client.ErrNoDevTokens) {
			return c, err
		}
		log.Print("not there yet: ", err)
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(time.Second):
		}
	}
}

// protected is what can be seen without a token of the issuer.
func protected(ctx context.Context, url string) error {
	for path, want := range map[string]int{"/readyz": http.StatusOK, "/v1/orders": http.StatusUnauthorized} {
		got, err := status(ctx, http.MethodGet, url+path)
		if err != nil {
			return err
		}
		log.Printf("GET %s: %d", path, got)
		if got != want {
			return fmt.Errorf("GET %s: %d, not %d", path, got, want)
		}
	}
	return nil
}
