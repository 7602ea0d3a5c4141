package contract

import (
	"cmp"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"pgregory.net/rapid"
)

// Target is the server under test.
type Target struct {
	URL    string
	Tokens []string // of its users
	Orders []string // ids of existing orders
}

// Fuzz sends a random request, which is valid or has an error somewhere. It fails t if the server fails, if the response
// violates the contract, or if the server rejects a valid request.
func Fuzz(t *rapid.T, target Target) {
	g := &generator{T: t, Target: target, invalid: rapid.Bool().Draw(t, "invalid")}
	req := g.request()
	client := http.Client{Transport: Transport{Base: http.DefaultTransport, OnViolation: func(err error) { t.Error(err) }}}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	rejections := []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotAcceptable, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType}
	if res.StatusCode >= 500 || !g.invalid && !g.rejectable && slices.Contains(rejections, res.StatusCode) {
		body, _ := io.ReadAll(res.Body)
		t.Fatalf("%s %s %v: %s %s", req.Method, req.URL, req.Header, res.Status, body)
	}
}

// generator generates requests from the contract.
type generator struct {
	*rapid.T
	Target
	invalid    bool // may have errors
	rejectable bool // may be rejected although it matches the schema
}

func (g *generator) request() *http.Request {
	spec, err := load()
	if err != nil {
		g.Fatal(err)
	}
	d := rapid.SampledFrom(spec.operations()).Draw(g.T, "operation")
	for _, ref := range d.operation.Parameters {
		if ref.Value.In == "path" || rapid.Bool().Draw(g.T, "with "+ref.Value.Name) {
			d.put(ref.Value, g.parameter(ref.Value))
		}
	}
	if body := d.operation.RequestBody; body != nil && (body.Value.Required || rapid.Bool().Draw(g.T, "with body")) {
		d.putBody(nil)
		d.body = g.body(d.bodySchema())
	}
	token := rapid.SampledFrom(g.Tokens).Draw(g.T, "token")
	if !g.invalid || rapid.IntRange(0, 9).Draw(g.T, "without token") > 0 {
		d.header.Set("Authorization", "Bearer "+token)
	}
	success := cmp.Or(d.operation.Responses.Value("200"), d.operation.Responses.Value("201"), d.operation.Responses.Value("204"))
	if types := slices.Sorted(maps.Keys(success.Value.Content)); len(types) > 0 && rapid.Bool().Draw(g.T, "with Accept") {
		d.header.Set("Accept", rapid.SampledFrom(types).Draw(g.T, "Accept"))
	}
	req, err := d.request(g.Context(), g.URL)
	if err != nil {
		g.Fatal(err)
	}
	return req
}

// parameter returns a value or a list of values.
func (g *generator) parameter(p *openapi3.Parameter) any {
	g.rejectable = g.rejectable || slices.Contains(opaque, p.Name)
	if p.Name == "Prefer" { // a wait would last
		return rapid.SampledFrom([]string{"wait=0", "respond-async", "wait=never", "return=minimal, wait=0"}).Draw(g.T, "Prefer")
	}
	if g.invalid && rapid.Bool().Draw(g.T, "invalidate "+p.Name) {
		return rapid.SampledFrom([]string{"x", "-1", "0", "999999", "1e3", "~", strings.Repeat("y", 600), "null", "%00"}).Draw(g.T, "invalid "+p.Name)
	}
	return g.valid(p.Schema.Value, p.Name)
}

func (g *generator) body(schema *openapi3.Schema) []byte {
	v := g.valid(schema, "body")
	if g.invalid {
		v = g.mutate(v)
	}
	text, err := json.Marshal(v)
	if err != nil {
		g.Fatal(err)
	}
	if g.invalid && rapid.IntRange(0, 4).Draw(g.T, "truncate") == 0 {
		text = text[:rapid.IntRange(0, len(text)).Draw(g.T, "length")]
	}
	return text
}

var plain = rapid.RuneFrom([]rune("abcXYZ0189"))

// valid draws a value that matches the schema.
func (g *generator) valid(s *openapi3.Schema, name string) any {
	switch {
	case s.Enum != nil:
		return rapid.SampledFrom(s.Enum).Draw(g.T, name)
	case s.Type.Is("object"):
		v := map[string]any{}
		for _, property := range slices.Sorted(maps.Keys(s.Properties)) {
			if slices.Contains(s.Required, property) || rapid.Bool().Draw(g.T, "with "+property) {
				v[property] = g.valid(s.Properties[property].Value, property)
			}
		}
		return v
	case s.Type.Is("array"):
		limit := 4
		if s.MaxItems != nil {
			limit = min(limit, int(*s.MaxItems))
		}
		v := []any{}
		for range rapid.IntRange(int(s.MinItems), limit).Draw(g.T, name+" items") {
			e := g.valid(s.Items.Value, name)
			if !s.UniqueItems || !slices.Contains(v, e) {
				v = append(v, e)
			}
		}
		return v
	case s.Type.Is("integer"):
		minimum, maximum := int64(0), int64(1_000_000)
		if s.Min != nil {
			minimum = int64(*s.Min)
		}
		if s.Max != nil {
			maximum = int64(*s.Max)
		}
		if name == "unitPrice" {
			maximum = 10_000 // keeps the total within its limit
		}
		return rapid.Int64Range(minimum, maximum).Draw(g.T, name)
	case s.Type.Is("boolean"):
		return rapid.Bool().Draw(g.T, name)
	case s.Format == "uuid":
		unknown := rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)
		return rapid.OneOf(rapid.SampledFrom(g.Orders), unknown).Draw(g.T, name)
	case s.Format == "date-time":
		year0, year9999 := time.Date(0, 1, 2, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 30, 0, 0, 0, 0, time.UTC)
		at := time.Unix(rapid.Int64Range(year0.Unix(), year9999.Unix()).Draw(g.T, name), 0)
		text := at.In(time.FixedZone("", 60*rapid.IntRange(-23*60, 23*60).Draw(g.T, name+" zone"))).Format(time.RFC3339Nano)
		if rapid.Bool().Draw(g.T, name+" in lower case") {
			return strings.ToLower(text)
		}
		return text
	default:
		limit := 40
		if s.MaxLength != nil {
			limit = int(*s.MaxLength)
		}
		v := rapid.StringOfN(plain, max(1, int(s.MinLength)), limit, -1).Draw(g.T, name)
		special := v[1:] + rapid.SampledFrom([]string{"", "ß", "漢", "\"", "<", "=", " a", "𝄞"}).Draw(g.T, name+" special")
		n := len([]rune(special))
		if s.Pattern != "" && regexp.MustCompile(s.Pattern).MatchString(special) && n >= int(s.MinLength) && n <= limit {
			return special
		}
		return v
	}
}

// mutate changes a random part of a value.
func (g *generator) mutate(v any) any {
	unusual := func() any {
		return rapid.SampledFrom([]any{
			nil, true, "", " ", "\u0000", strings.Repeat("z", 700), -1, 0, 0.5, 1e15, []any{}, []any{nil}, map[string]any{}, map[string]any{"a": 1},
		}).Draw(g.T, "unusual")
	}
	switch v := v.(type) {
	case map[string]any:
		keys := slices.Sorted(maps.Keys(v))
		switch {
		case len(keys) == 0 || rapid.IntRange(0, 5).Draw(g.T, "add") == 0:
			v["unusual"] = unusual()
		case rapid.IntRange(0, 5).Draw(g.T, "delete") == 0:
			delete(v, rapid.SampledFrom(keys).Draw(g.T, "deleted"))
		default:
			key := rapid.SampledFrom(keys).Draw(g.T, "mutated")
			v[key] = g.mutate(v[key])
		}
		return v
	case []any:
		if len(v) == 0 || rapid.IntRange(0, 3).Draw(g.T, "append") == 0 {
			return append(v, unusual())
		}
		i := rapid.IntRange(0, len(v)-1).Draw(g.T, "element")
		v[i] = g.mutate(v[i])
		return v
	default:
		return unusual()
	}
}
