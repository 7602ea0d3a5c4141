package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// CheckBounds sends requests for each keyword of each request schema in spec: one at the keyword's bound, which the server
// must accept or refuse by a business rule, and one just beyond it, which the server must reject with 400 and an error that
// names the field, if there is one. The first token must be an operator's. It returns the number of requests and the
// violations.
func CheckBounds(ctx context.Context, spec []byte, target Target) (sent int, violations []error) {
	bounds, err := boundsOf(spec)
	if err != nil {
		return 0, []error{err}
	}
	for _, b := range bounds {
		if err := b.check(ctx, target); err != nil {
			violations = append(violations, fmt.Errorf("%s: %w", b, err))
		}
	}
	return len(bounds), violations
}

// bound is a request at the bound of a keyword, or just beyond it.
type bound struct {
	draft
	field   string // name in errors; "" for the whole body
	keyword string
	beyond  bool
	opaque  bool // the server may reject values that match the schema, such as an unknown cursor
}

// draft has the parts of a request.
type draft struct {
	method, path string
	query        url.Values
	header       http.Header
	body         []byte
}

func (b bound) String() string {
	where := "at"
	if b.beyond {
		where = "beyond"
	}
	return fmt.Sprintf("%s %s: %s the %s of %q", b.method, b.path, where, b.keyword, b.field)
}

func (b bound) check(ctx context.Context, target Target) error {
	req, err := b.request(ctx, target.URL)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+target.Tokens[0])
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if !b.beyond {
		refusals := []int{http.StatusNotFound, http.StatusConflict, http.StatusGone, http.StatusPreconditionFailed, http.StatusUnprocessableEntity}
		if res.StatusCode >= 400 && !slices.Contains(refusals, res.StatusCode) && (!b.opaque || res.StatusCode != http.StatusBadRequest) {
			return fmt.Errorf("valid request was rejected: %s %.300s", res.Status, body)
		}
		return nil
	}
	var problem struct{ Errors []struct{ Field string } }
	if err := json.Unmarshal(body, &problem); err != nil || res.StatusCode != http.StatusBadRequest {
		return fmt.Errorf("invalid request was not rejected with 400: %s %.300s", res.Status, body)
	}
	for _, e := range problem.Errors {
		if e.Field == b.field {
			return nil
		}
	}
	if b.field == "" {
		return nil
	}
	return fmt.Errorf("error does not name the field: %.300s", body)
}

func (d draft) request(ctx context.Context, base string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, d.method, base+d.path+"?"+d.query.Encode(), bytes.NewReader(d.body))
	if err != nil {
		return nil, err
	}
	req.Header = d.header.Clone()
	return req, nil
}

// walker collects the bounds of one operation.
type walker struct {
	draft  func() draft // returns a new valid request
	bounds []bound
	err    error
}

func boundsOf(spec []byte) ([]bound, error) {
	doc, err := openapi3.NewLoader().LoadFromData(spec)
	if err != nil {
		return nil, err
	}
	var all []bound
	for _, path := range slices.Sorted(maps.Keys(doc.Paths.Map())) {
		operations := doc.Paths.Value(path).Operations()
		for _, method := range slices.Sorted(maps.Keys(operations)) {
			w, err := walk(method, path, operations[method])
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			all = append(all, w...)
		}
	}
	return all, nil
}

func walk(method, path string, operation *openapi3.Operation) ([]bound, error) {
	var body *openapi3.Schema
	if operation.RequestBody != nil {
		body = operation.RequestBody.Value.Content.Get("application/json").Schema.Value
	}
	valid := func() draft {
		d := draft{method: method, path: path, query: url.Values{}, header: http.Header{"Accept": {"application/json"}}}
		for _, ref := range operation.Parameters {
			if ref.Value.Required {
				d.put(ref.Value, path, sample(ref.Value.Schema.Value, 0))
			}
		}
		if body != nil {
			d.put(nil, path, sample(body, 0))
		}
		return d
	}
	w := &walker{draft: valid}
	for _, ref := range operation.Parameters {
		p := ref.Value
		if p.Name == "Accept" {
			continue
		}
		w.schema(p.Schema.Value, place{parameter: p, field: p.Name, template: path, put: func(v any) any { return v }})
	}
	if body != nil {
		in := place{template: path, put: func(v any) any { return v }}
		w.schema(body, in)
		if operation.RequestBody.Value.Required {
			d := valid()
			d.body = nil
			w.bounds = append(w.bounds, bound{draft: d, keyword: "required", beyond: true})
		}
	}
	return w.bounds, w.err
}

// put sets a parameter, or the body if p is nil.
func (d *draft) put(p *openapi3.Parameter, template string, v any) {
	if p == nil {
		d.header.Set("Content-Type", "application/json")
		d.body, _ = json.Marshal(v) // v has only JSON types
		return
	}
	var values []string
	if list, ok := v.([]any); ok {
		for _, e := range list {
			values = append(values, fmt.Sprint(e))
		}
	} else {
		values = []string{fmt.Sprint(v)}
	}
	switch p.In {
	case "path":
		d.path = strings.ReplaceAll(template, "{"+p.Name+"}", url.PathEscape(values[0]))
	case "query":
		d.query[p.Name] = values
	case "header":
		d.header.Set(p.Name, values[0])
	}
}
