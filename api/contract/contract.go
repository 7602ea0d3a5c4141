// Package contract holds a running orders-actor and its clients to api/openapi.yaml. It is support for tests, like
// kit/pgtest: the server's own, those of the whole product, and chaos.
//
// It guarantees that nothing outside of the contract passes a Transport unseen: a request that the contract refuses and
// the server accepts; an answer with a status, a header or a body that the contract doesn't describe; and where it
// describes nothing, other paths and methods, any answer but a problem. Throw asks what nobody would think of.
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

// Transport passes requests to Base, and tells Found what the contract has against a request or its answer. The client
// gets the answer either way. Of a stream, which need not end, it sees the head.
type Transport struct {
	Base  http.RoundTripper
	Found func(error)
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
	sent = bytes.TrimPrefix(sent, []byte("\ufeff")) // the contract allows it, which a schema cannot say
	if err := check(withBody(req, sent), res, body); err != nil {
		t.Found(fmt.Errorf("%s %s: %s: %w\n%.1000s", req.Method, req.URL, res.Status, err, body))
	}
	return res, nil
}

func readAll(body io.ReadCloser) ([]byte, error) {
	defer func() { _ = body.Close() }()
	return io.ReadAll(body)
}

// withBody is a copy: a RoundTripper must leave its request alone.
func withBody(req *http.Request, body []byte) *http.Request {
	req = req.WithContext(req.Context())
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	req.Body, _ = req.GetBody() // can't fail
	return req
}

// judge is the contract, ready to be asked.
type judge struct {
	doc    *openapi3.T
	router routers.Router
}

var load = sync.OnceValues(func() (judge, error) {
	for _, text := range []string{"text/event-stream", "text/html", "application/yaml"} {
		openapi3filter.RegisterBodyDecoder(text, openapi3filter.FileBodyDecoder)
	}
	openapi3.DefineStringFormatValidator("uuid", openapi3.NewRegexpFormatValidator(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`))
	openapi3.DefineStringFormatValidator("date-time", openapi3.NewRegexpFormatValidator(`(?i)^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]\d\d:\d\d)$`))
	doc, err := openapi3.NewLoader().LoadFromData(api.Contract)
	if err != nil {
		return judge{}, err
	}
	if err := doc.Validate(context.Background(), openapi3.EnableExamplesValidation()); err != nil {
		return judge{}, err
	}
	router, err := gorillamux.NewRouter(doc)
	return judge{doc, router}, err
})

// check returns what the contract has against a request or its answer. A request that was refused may be as bad as it
// likes.
func check(req *http.Request, res *http.Response, body []byte) error {
	j, err := load()
	if err != nil {
		return err
	}
	if res.StatusCode == http.StatusRequestTimeout { // is about the connection, and stands above all calls
		return nil
	}
	route, params, err := j.router.FindRoute(req)
	if err != nil {
		if res.StatusCode < 400 || res.StatusCode >= 500 || res.Header.Get("Content-Type") != "application/problem+json" {
			return fmt.Errorf("the contract doesn't know this call: %w", err)
		}
		return nil
	}
	in := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route, Options: &openapi3filter.Options{
		AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, SkipSettingDefaults: true,
	}}
	if res.StatusCode < 300 {
		if err := openapi3filter.ValidateRequest(req.Context(), in); err != nil {
			return fmt.Errorf("a request that the contract refuses was accepted: %w", err)
		}
	}
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: res.StatusCode, Header: res.Header, Options: in.Options,
	}
	out.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(req.Context(), out); err != nil {
		return fmt.Errorf("the answer isn't what the contract says: %w", err)
	}
	return nil
}
