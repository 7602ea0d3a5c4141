package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
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

// place is the part of a request that a schema describes.
type place struct {
	parameter *openapi3.Parameter // nil for the body
	template  string              // of the path
	field     string              // name in errors
	put       func(v any) any     // returns a valid parameter or body with v at this place
}

// child returns a place within the value at p.
func (p place) child(name string, put func(v any) any) place {
	outer := p.put
	p.put = func(v any) any { return outer(put(v)) }
	switch {
	case p.parameter != nil: // errors name the parameter, not the element
	case strings.HasPrefix(name, "[") || p.field == "":
		p.field += name
	default:
		p.field += "." + name
	}
	return p
}

func (w *walker) add(p place, keyword string, beyond bool, v any) {
	d := w.draft()
	d.put(p.parameter, p.template, p.put(v))
	opaque := p.parameter != nil && slices.Contains([]string{"cursor", "after", "Last-Event-ID"}, p.parameter.Name)
	w.bounds = append(w.bounds, bound{draft: d, field: p.field, keyword: keyword, beyond: beyond, opaque: opaque})
}

// schema adds the bounds of all keywords of s and its subschemas. An unsupported keyword is an error, since it would not be
// checked.
func (w *walker) schema(s *openapi3.Schema, at place) {
	if s.AllOf != nil || s.AnyOf != nil || s.OneOf != nil || s.Not != nil || s.MultipleOf != nil || s.ExclusiveMin.IsSet() || s.ExclusiveMax.IsSet() ||
		s.MinProps > 0 || s.MaxProps != nil || s.Nullable {
		w.err = errors.Join(w.err, fmt.Errorf("schema of %q: unsupported keyword", at.field))
	}
	if at.parameter == nil {
		for _, v := range []any{nil, true, 1, "1", 0.5, []any{}, map[string]any{}} {
			if !hasType(s, v) {
				w.add(at, "type", true, v)
			}
		}
	}
	if s.Enum != nil {
		for _, v := range s.Enum {
			w.add(at, "enum", false, v)
		}
		w.add(at, "enum", true, "no-such-value")
		return
	}
	switch {
	case s.Type.Is("object"):
		w.object(s, at)
	case s.Type.Is("array"):
		w.array(s, at)
	case s.Type.Is("integer"):
		w.integer(s, at)
	case s.Type.Is("string"):
		w.text(s, at)
	}
}

func hasType(s *openapi3.Schema, v any) bool {
	switch v.(type) {
	case nil:
		return false
	case bool:
		return s.Type.Is("boolean")
	case int:
		return s.Type.Is("integer")
	case string:
		return s.Type.Is("string")
	case []any:
		return s.Type.Is("array")
	case map[string]any:
		return s.Type.Is("object")
	}
	return false
}

func (w *walker) object(s *openapi3.Schema, at place) {
	with := func(change func(map[string]any)) map[string]any {
		o := sample(s, 0).(map[string]any)
		change(o)
		return o
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		property := at.child(name, func(v any) any { return with(func(o map[string]any) { o[name] = v }) })
		w.schema(s.Properties[name].Value, property)
		missing := property
		missing.put = func(any) any { return at.put(with(func(o map[string]any) { delete(o, name) })) }
		w.add(missing, "required", slices.Contains(s.Required, name), nil)
	}
	if has := s.AdditionalProperties.Has; has != nil && !*has {
		additional := at.child("additional", func(v any) any { return with(func(o map[string]any) { o["additional"] = v }) })
		w.add(additional, "additionalProperties", true, 1)
	}
}

func (w *walker) array(s *openapi3.Schema, at place) {
	list := func(n int) []any {
		v := make([]any, n)
		for i := range v {
			v[i] = sample(s.Items.Value, i)
		}
		return v
	}
	if n := int(s.MinItems); n > 0 {
		w.add(at, "minItems", false, list(n))
		w.add(at, "minItems", true, list(n-1))
	}
	if s.MaxItems != nil {
		w.add(at, "maxItems", false, list(int(*s.MaxItems)))
		w.add(at, "maxItems", true, list(int(*s.MaxItems)+1))
	}
	if s.UniqueItems {
		twice := at
		if at.parameter == nil {
			twice.field += "[1]"
		}
		w.add(twice, "uniqueItems", true, []any{sample(s.Items.Value, 0), sample(s.Items.Value, 0)})
	}
	w.schema(s.Items.Value, at.child("[0]", func(v any) any {
		l := list(max(1, int(s.MinItems)))
		l[0] = v
		return l
	}))
}

func (w *walker) integer(s *openapi3.Schema, at place) {
	if at.parameter != nil {
		for _, v := range []string{"x", "0.5", ""} {
			w.add(at, "type", true, v)
		}
	}
	if s.Min != nil {
		w.add(at, "minimum", false, int64(*s.Min))
		w.add(at, "minimum", true, int64(*s.Min)-1)
	}
	if s.Max != nil {
		w.add(at, "maximum", false, int64(*s.Max))
		w.add(at, "maximum", true, int64(*s.Max)+1)
	}
}

// patternTexts are texts that some patterns reject. Those after the fourth cannot be sent in a header.
var patternTexts = []string{"a b", "~", "-a", "ß", "漢", "𝄞", "a\tb", "a\nb", "a\x00b", "a\x1fb", "a\x7fb", "a\u0085b"}

func (w *walker) text(s *openapi3.Schema, at place) {
	header := at.parameter != nil && at.parameter.In == "header"
	long := func(n int) (texts []string) {
		for _, letter := range []string{"a", "ß", "𐐀"} { // lengths count characters; letters, because a search must contain one
			if matches(s, letter) && (!header || letter == "a") {
				texts = append(texts, strings.Repeat(letter, n))
			}
		}
		return texts
	}
	if n := int(s.MinLength); n > 0 {
		w.add(at, "minLength", false, long(n)[0])
		w.add(at, "minLength", true, strings.Repeat("a", n-1))
	}
	if s.MaxLength != nil {
		for _, text := range long(int(*s.MaxLength)) {
			w.add(at, "maxLength", false, text)
			w.add(at, "maxLength", true, text+string([]rune(text)[:1]))
		}
	}
	if s.Pattern != "" {
		for _, text := range patternTexts {
			if !header || text < "\x7f" && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
				w.add(at, "pattern", !matches(s, text), text)
			}
		}
	}
	switch s.Format {
	case "":
	case "uuid":
		w.add(at, "format", false, sample(s, 0))
		for _, text := range []string{"no-uuid", sample(s, 0).(string) + "0", strings.ReplaceAll(sample(s, 0).(string), "-", "")} {
			w.add(at, "format", true, text)
		}
	case "date-time":
		for _, text := range []string{"2026-11-24T09:30:00Z", "2026-11-24T09:30:00.123456789+05:30"} {
			w.add(at, "format", false, text)
		}
		for _, text := range []string{"2026-11-24", "2026-11-24T09:30:00", "2026-13-24T09:30:00Z", "1"} {
			w.add(at, "format", true, text)
		}
	default:
		w.err = errors.Join(w.err, fmt.Errorf("schema of %q: unsupported format %s", at.field, s.Format))
	}
}

func matches(s *openapi3.Schema, text string) bool {
	return s.Pattern == "" || regexp.MustCompile(s.Pattern).MatchString(text)
}

// sample returns a valid value with all fields. Values of different numbers differ if the schema allows it.
func sample(s *openapi3.Schema, number int) any {
	switch {
	case s.Enum != nil:
		return s.Enum[number%len(s.Enum)]
	case s.Type.Is("object"):
		v := map[string]any{}
		for name, property := range s.Properties {
			v[name] = sample(property.Value, number)
		}
		return v
	case s.Type.Is("array"):
		v := make([]any, max(1, s.MinItems))
		for i := range v {
			v[i] = sample(s.Items.Value, i)
		}
		return v
	case s.Type.Is("integer"):
		if s.Min != nil {
			return int64(*s.Min)
		}
		return int64(1)
	case s.Format == "uuid":
		return fmt.Sprintf("01936f2e-5b1c-7c3a-9d54-%012d", number)
	case s.Format == "date-time":
		return "2026-11-24T09:30:00Z"
	default:
		return strings.Repeat("a", max(1, int(s.MinLength)))
	}
}
