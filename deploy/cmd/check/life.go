package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"

	"orders/api"
	rest "orders/api/client"
	"orders/deploy/retryclient"
)

// life creates orders until one is delivered, since payments are declined at random. Then it cancels another one.
func life(ctx context.Context, url string) error {
	user, err := retryclient.Login(ctx, url, "check")
	if errors.Is(err, rest.ErrNoDevTokens) {
		return checkWithoutToken(ctx, url)
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
		if o.Status == api.StatusDelivered {
			break
		}
		if o.Payment.Status != api.Declined {
			return fmt.Errorf("order %s is %s although its payment was not declined", o.ID, o.Status)
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
	if o.Status != api.StatusCancelled {
		return fmt.Errorf("order %s is %s after its cancel was acknowledged", o.ID, o.Status)
	}
	return nil
}

// checkWithoutToken checks what works without a token of the issuer: the service is ready and requires authentication.
func checkWithoutToken(ctx context.Context, url string) error {
	return errors.Join(
		expect(ctx, http.MethodGet, url+"/readyz", http.StatusOK),
		expect(ctx, http.MethodGet, url+"/v1/orders", http.StatusUnauthorized),
	)
}
