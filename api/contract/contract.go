// Package contract checks in tests that a running orders-actor and its clients conform to api/openapi.yaml.
//
// A Transport checks each request and response of an HTTP client. It reports invalid requests that the server accepts;
// responses whose status, header or body the contract does not describe; and, for unknown paths and methods, responses that
// are not a problem document. Fuzz sends random requests, and CheckBounds requests at and beyond each bound of the schemas.
package contract

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"orders/api"
)

// Transport sends requests with Base, and calls OnViolation for each violation of the contract. The client gets the response
// in any case. Of an event stream only the header is checked.
type Transport struct {
	Base        http.RoundTripper
	OnViolation func(error)
}

// RoundTrip implements http.RoundTripper.
func (t Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	var sent []byte
	if req.Body != nil && req.Body != http.NoBody {
		var err error
		if sent, err = readAll(req.Body); err != nil {
			return nil, err
		}
		req = withBody(req, sent)
	}
	res, err := t.Base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	var body []byte
	if !strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		if body, err = readAll(res.Body); err != nil {
			return nil, err
		}
		res.Body = io.NopCloser(bytes.NewReader(body))
	}
	sent = bytes.TrimPrefix(sent, []byte("\ufeff")) // allowed by the contract, but not expressible in a schema
	if err := check(withBody(req, sent), res, body); err != nil {
		t.OnViolation(fmt.Errorf("%s %s: %s: %w\n%.1000s", req.Method, req.URL, res.Status, err, body))
	}
	return res, nil
}

func readAll(body io.ReadCloser) ([]byte, error) {
	defer func() { _ = body.Close() }()
	return io.ReadAll(body)
}

// withBody returns a copy of the request, because a RoundTripper must not modify it.
func withBody(req *http.Request, body []byte) *http.Request {
	req = req.WithContext(req.Context())
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	req.Body, _ = req.GetBody() // never fails
	return req
}

// parsed is the parsed contract.
type parsed struct {
	doc    *openapi3.T
	router routers.Router
}

var load = sync.OnceValues(func() (parsed, error) { return parse(api.Contract) })

var defineFormats = sync.OnceFunc(func() {
	for _, text := range []string{"text/event-stream", "text/html", "application/yaml"} {
		openapi3filter.RegisterBodyDecoder(text, openapi3filter.FileBodyDecoder)
	}
	openapi3.DefineStringFormatValidator("uuid", openapi3.NewRegexpFormatValidator(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`))
	openapi3.DefineStringFormatValidator("date-time", openapi3.NewRegexpFormatValidator(`(?i)^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]\d\d:\d\d)$`))
})

func parse(spec []byte) (parsed, error) {
	defineFormats()
	doc, err := openapi3.NewLoader().LoadFromData(spec)
	if err != nil {
		return parsed{}, err
	}
	if err := doc.Validate(context.Background(), openapi3.EnableExamplesValidation()); err != nil {
		return parsed{}, err
	}
	router, err := gorillamux.NewRouter(doc)
	return parsed{doc, router}, err
}

var options = &openapi3filter.Options{
	AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, SkipSettingDefaults: true,
}

// input finds the operation of a request.
func (p parsed) input(req *http.Request) (*openapi3filter.RequestValidationInput, error) {
	route, params, err := p.router.FindRoute(req)
	return &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route, Options: options}, err
}

// validate returns an error if the request is not valid by the contract.
func (p parsed) validate(req *http.Request) error {
	in, err := p.input(req)
	if err != nil {
		return err
	}
	return openapi3filter.ValidateRequest(req.Context(), in)
}

// check returns a violation of the contract, or nil. A request that was rejected may be invalid.
func check(req *http.Request, res *http.Response, body []byte) error {
	spec, err := load()
	if err != nil {
		return err
	}
	if res.StatusCode == http.StatusRequestTimeout { // the server sends it for a slow connection, before routing
		return nil
	}
	in, err := spec.input(req)
	if err != nil {
		if res.StatusCode < 400 || res.StatusCode >= 500 || res.Header.Get("Content-Type") != "application/problem+json" {
			return fmt.Errorf("call is not in the contract: %w", err)
		}
		return nil
	}
	if res.StatusCode < 300 {
		if err := openapi3filter.ValidateRequest(req.Context(), in); err != nil {
			return fmt.Errorf("invalid request was accepted: %w", err)
		}
	}
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: res.StatusCode, Header: res.Header, Options: options,
	}
	out.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(req.Context(), out); err != nil {
		return fmt.Errorf("invalid response: %w", err)
	}
	return nil
}
