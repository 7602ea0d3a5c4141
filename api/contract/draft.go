package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// draft is a request of an operation.
type draft struct {
	method, template string
	operation        *openapi3.Operation
	path             map[string]string // values of the parameters in the template
	query            url.Values
	header           http.Header
	body             []byte
	changed          string // the parameter that was put last
}

// operations returns an empty request for each operation.
func (p parsed) operations() (all []draft) {
	for _, path := range slices.Sorted(maps.Keys(p.doc.Paths.Map())) {
		operations := p.doc.Paths.Value(path).Operations()
		for _, method := range slices.Sorted(maps.Keys(operations)) {
			all = append(all, draft{method: method, template: path, operation: operations[method]}.clone())
		}
	}
	return all
}

func (d draft) clone() draft {
	d.path, d.query, d.header = map[string]string{}, url.Values{}, http.Header{}
	return d
}

func (d draft) bodySchema() *openapi3.Schema {
	if d.operation.RequestBody == nil {
		return nil
	}
	return d.operation.RequestBody.Value.Content.Get("application/json").Schema.Value
}

// put sets a parameter to a value or to a list of values. It reports false if the value cannot be sent there.
func (d *draft) put(p *openapi3.Parameter, v any) bool {
	d.changed = p.Name
	values, isList := v.([]any)
	if !isList {
		values = []any{v}
	}
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprint(v)
	}
	if p.In == "query" {
		d.query[p.Name] = texts
		return true
	}
	if len(texts) != 1 || texts[0] == "" {
		return false
	}
	if p.In == "path" {
		d.path[p.Name] = texts[0]
		return true
	}
	d.header.Set(p.Name, texts[0])
	return !strings.ContainsFunc(texts[0], func(r rune) bool { return r < ' ' || r > '~' })
}

func (d *draft) putBody(v any) {
	d.header.Set("Content-Type", "application/json")
	d.body, _ = json.Marshal(v) // v has only JSON types
}

func (d draft) request(ctx context.Context, base string) (*http.Request, error) {
	path := d.template
	for name, value := range d.path {
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value))
	}
	req, err := http.NewRequestWithContext(ctx, d.method, base+path+"?"+d.query.Encode(), bytes.NewReader(d.body))
	if err != nil {
		return nil, err
	}
	req.Header = d.header
	return req, nil
}
