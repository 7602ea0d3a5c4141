// Package client is the Go client of the REST API. The contract generates its requests (client.gen.go). This file adds what its
// users have in common: tokens, reading replies, and retries.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"orders/api"
)

// ErrNoDevTokens means that the service issues no tokens: its AUTH_MODE isn't dev.
var ErrNoDevTokens = errors.New("the service issues no dev tokens")

// New returns a client of the service at url. It sends the token, unless that is empty.
func New(url, token string, via HttpRequestDoer) *Client {
	return &Client{
		Server: strings.TrimSuffix(url, "/") + "/", Client: via,
		RequestEditors: []RequestEditorFn{func(_ context.Context, req *http.Request) error {
			if token != "" {
				req.Header.Set("Authorization", "Bearer "+token)
			}
			if req.Body == nil {
				req.Header.Del("Content-Type") // generated calls set it even if they are called without a body
			}
			return nil
		}},
	}
}

// Token gets a dev token for a user. It returns ErrNoDevTokens if the service issues none.
func Token(ctx context.Context, url, user string, role api.Role, via HttpRequestDoer) (string, error) {
	got, err := Decode[api.DevToken](Read(New(url, "", via).CreateDevToken(ctx, api.DevTokenRequest{User: user, Role: role})))
	if failed := (*Error)(nil); errors.As(err, &failed) && failed.Status == http.StatusNotFound {
		return "", ErrNoDevTokens
	}
	return got.Token, err
}

// Reply is a response that was read to its end. Its zero value means that there was none.
type Reply struct {
	Request string // method and path
	Status  int
	Header  http.Header
	Body    []byte
}

// Read reads the response of a generated call.
func Read(resp *http.Response, err error) (Reply, error) {
	if err != nil {
		return Reply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return Reply{}, err
	}
	request := resp.Request.Method + " " + resp.Request.URL.Path
	return Reply{Request: request, Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

// OK reports whether the status is a success.
func (r Reply) OK() bool { return r.Status >= 200 && r.Status < 300 }

// Code returns the code of a problem. It is empty for other replies.
func (r Reply) Code() api.ProblemCode {
	var p api.Problem
	if r.Status < 400 || json.Unmarshal(r.Body, &p) != nil {
		return ""
	}
	return p.Code
}

// Error is a reply that isn't a success.
type Error struct{ Reply }

func (e *Error) Error() string {
	return fmt.Sprintf("%s: status %d: %.300s", e.Request, e.Status, e.Body)
}

// Decode decodes the body of a successful reply. It returns an *Error for any other reply.
func Decode[T any](r Reply, err error) (T, error) {
	var v T
	if err != nil {
		return v, err
	}
	if !r.OK() {
		return v, &Error{r}
	}
	if err := json.Unmarshal(r.Body, &v); err != nil {
		return v, fmt.Errorf("decode reply to %s: %w", r.Request, err)
	}
	return v, nil
}

// Retry sends a request, with pauses, until the service itself has answered it or ctx ends. While processes are replaced,
// connections break and requests are answered 429, 502, 503 or 504.
func Retry[T any](ctx context.Context, pause time.Duration, send func() (Reply, error)) (T, error) {
	for {
		v, err := Decode[T](send())
		if failed := (*Error)(nil); err == nil || errors.As(err, &failed) && !failed.transient() {
			return v, err
		}
		select {
		case <-ctx.Done():
			return v, fmt.Errorf("%w (last error: %w)", ctx.Err(), err)
		case <-time.After(pause):
		}
	}
}

func (r Reply) transient() bool {
	return r.Status == 0 || r.Status == http.StatusTooManyRequests || r.Status >= http.StatusBadGateway
}
