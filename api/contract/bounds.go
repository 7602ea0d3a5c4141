package contract

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
)

// CheckBounds sends requests for each keyword of each request schema in spec, with values at its bound and just beyond it. The
// server must accept a request that is valid by the spec, or refuse it by a business rule, and it must reject an invalid one
// with 400 and an error that names the field, if there is one. The first token must be an operator's. It returns the number of
// requests and the violations.
func CheckBounds(ctx context.Context, spec []byte, target Target) (sent int, violations []error) {
	p, err := parse(spec)
	if err != nil {
		return 0, []error{err}
	}
	drafts, err := p.drafts()
	if err != nil {
		return 0, []error{err}
	}
	for _, d := range drafts {
		if err := p.checkDraft(ctx, target, d); err != nil {
			violations = append(violations, err)
		}
	}
	return len(drafts), violations
}

// opaque are parameters of which the server may reject values that match the schema, such as an unknown cursor, or a total
// without a currency.
var opaque = []string{"cursor", "after", "Last-Event-ID", "If-Match", "sort", "minTotal", "maxTotal"}

func (p parsed) checkDraft(ctx context.Context, target Target, d draft) error {
	req, err := d.request(ctx, target.URL)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+target.Tokens[0])
	invalid := p.validate(req)
	req.Body, _ = req.GetBody() // never fails
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if invalid == nil {
		refusals := []int{http.StatusNotFound, http.StatusConflict, http.StatusGone, http.StatusPreconditionFailed, http.StatusUnprocessableEntity}
		rejectable := res.StatusCode == http.StatusBadRequest && slices.Contains(opaque, d.changed)
		if res.StatusCode >= 400 && !slices.Contains(refusals, res.StatusCode) && !rejectable {
			return fmt.Errorf("%s %.200s %.200s: valid request was rejected: %s %.300s", d.method, req.URL, d.body, res.Status, body)
		}
		return nil
	}
	keyword, field := violated(invalid)
	beyond := fmt.Sprintf("%s %s: beyond the %s of %q", d.method, d.template, keyword, field)
	var problem struct{ Errors []struct{ Field string } }
	if err := json.Unmarshal(body, &problem); err != nil || res.StatusCode != http.StatusBadRequest {
		return fmt.Errorf("%s: invalid request was not rejected with 400: %s %.300s", beyond, res.Status, body)
	}
	for _, e := range problem.Errors {
		if e.Field == field || keyword == "uniqueItems" && strings.HasPrefix(e.Field, field+"[") {
			return nil
		}
	}
	if field == "" {
		return nil
	}
	return fmt.Errorf("%s: error does not name the field: %.300s", beyond, body)
}

const unknownProperty = "additional"

// violated returns the keyword that an invalid request violates, and the field as the server names it.
func violated(invalid error) (keyword, field string) {
	keyword = "required"
	if e, ok := errors.AsType[*openapi3.SchemaError](invalid); ok {
		keyword = e.SchemaField
		path := e.JSONPointer()
		if keyword == "properties" { // the pointer is that of the object
			path = append(path, unknownProperty)
		}
		for _, name := range path {
			if _, err := strconv.Atoi(name); err == nil {
				name = "[" + name + "]"
			} else if field != "" {
				name = "." + name
			}
			field += name
		}
	}
	if e, ok := errors.AsType[*openapi3filter.RequestError](invalid); ok && e.Parameter != nil {
		field = e.Parameter.Name
		if _, ok := errors.AsType[*openapi3filter.ParseError](invalid); ok {
			keyword = "type"
		}
	}
	return keyword, field
}

// drafts returns requests for all bounds of all operations.
func (p parsed) drafts() (all []draft, err error) {
	for _, d := range p.operations() {
		body := d.bodySchema()
		valid := func() draft {
			d := d.clone()
			for _, ref := range d.operation.Parameters {
				if ref.Value.Required {
					d.put(ref.Value, sample(ref.Value.Schema.Value, 0))
				}
			}
			if body != nil {
				d.putBody(sample(body, 0))
			}
			return d
		}
		var b bounds
		for _, ref := range d.operation.Parameters {
			for _, v := range b.of(ref.Value.Schema.Value) {
				changed := valid()
				if changed.put(ref.Value, v) && ref.Value.Name != "Accept" {
					all = append(all, changed)
				}
			}
		}
		if body != nil {
			for _, v := range b.of(body) {
				changed := valid()
				changed.putBody(v)
				all = append(all, changed)
			}
			if without := valid(); d.operation.RequestBody.Value.Required {
				without.body = nil
				all = append(all, without)
			}
		}
		err = errors.Join(err, b.err)
	}
	return all, err
}

// bounds collects errors about schemas with an unsupported keyword, which would not be checked.
type bounds struct{ err error }

// of returns values at the bounds of a schema and beyond them: of the value itself, and of each part of it in a value that is
// otherwise valid.
func (b *bounds) of(s *openapi3.Schema) []any {
	if s.AllOf != nil || s.AnyOf != nil || s.OneOf != nil || s.Not != nil || s.MultipleOf != nil || s.ExclusiveMin.IsSet() || s.ExclusiveMax.IsSet() ||
		s.MinProps > 0 || s.MaxProps != nil || s.Nullable || !slices.Contains([]string{"", "uuid", "date-time", "int64"}, s.Format) {
		b.err = errors.Join(b.err, fmt.Errorf("unsupported keyword or format in a schema: %+v", s))
	}
	all := []any{nil, true, 1, "1", "x", 0.5, []any{}, map[string]any{}} // of every type
	switch {
	case s.Enum != nil:
		all = append(append(all, s.Enum...), "no-such-value")
	case s.Type.Is("object"):
		with := func(change func(map[string]any)) {
			o := sample(s, 0).(map[string]any)
			change(o)
			all = append(all, o)
		}
		for name, property := range s.Properties {
			for _, v := range b.of(property.Value) {
				with(func(o map[string]any) { o[name] = v })
			}
			with(func(o map[string]any) { delete(o, name) })
		}
		with(func(o map[string]any) { o[unknownProperty] = 1 })
	case s.Type.Is("array"):
		lengths := []int{max(1, int(s.MinItems)) - 1, max(1, int(s.MinItems))}
		if s.MaxItems != nil {
			lengths = append(lengths, int(*s.MaxItems), int(*s.MaxItems)+1)
		}
		for _, n := range lengths {
			all = append(all, list(s, n))
		}
		all = append(all, []any{sample(s.Items.Value, 0), sample(s.Items.Value, 0)})
		for _, v := range b.of(s.Items.Value) {
			l := list(s, lengths[1])
			l[0] = v
			all = append(all, l)
		}
	case s.Type.Is("integer"):
		all = append(all, "")
		if s.Min != nil {
			all = append(all, int64(*s.Min), int64(*s.Min)-1)
		}
		if s.Max != nil {
			all = append(all, int64(*s.Max), int64(*s.Max)+1)
		}
	case s.Type.Is("string"):
		for _, text := range texts(s) {
			all = append(all, text)
		}
	}
	return all
}

// texts returns texts of the shortest and the longest length, and texts that some patterns and formats reject.
func texts(s *openapi3.Schema) []string {
	var all []string
	if s.Pattern != "" {
		all = append(all, "a b", "~", "-a", "ß", "漢", "𝄞", "a\tb", "a\nb", "a\x00b", "a\x1fb", "a\x7fb", "a\u0085b")
	}
	for _, letter := range []string{"a", "ß", "𐐀"} { // lengths count characters; letters, because a search must contain one
		if s.Pattern != "" && !regexp.MustCompile(s.Pattern).MatchString(letter) {
			continue
		}
		if n := int(s.MinLength); n > 0 {
			all = append(all, strings.Repeat(letter, n), strings.Repeat(letter, n-1))
		}
		if s.MaxLength != nil {
			all = append(all, strings.Repeat(letter, int(*s.MaxLength)), strings.Repeat(letter, int(*s.MaxLength)+1))
		}
	}
	switch s.Format {
	case "uuid":
		id := sample(s, 0).(string)
		all = append(all, id, id+"0", strings.ReplaceAll(id, "-", ""))
	case "date-time":
		all = append(all, "2026-11-24T09:30:00Z", "2026-11-24T09:30:00.123456789+05:30", "2026-11-24", "2026-11-24T09:30:00", "2026-13-24T09:30:00Z")
	}
	return all
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
		return list(s, max(1, int(s.MinItems)))
	case s.Type.Is("integer"):
		if s.Min != nil {
			return int64(*s.Min)
		}
		return int64(1)
	case s.Type.Is("boolean"):
		return true
	case s.Format == "uuid":
		return fmt.Sprintf("01936f2e-5b1c-7c3a-9d54-%012d", number)
	case s.Format == "date-time":
		return "2026-11-24T09:30:00Z"
	default:
		return strings.Repeat("a", max(1, int(s.MinLength)))
	}
}

// list returns n valid elements of an array.
func list(s *openapi3.Schema, n int) []any {
	v := make([]any, n)
	for i := range v {
		v[i] = sample(s.Items.Value, i)
	}
	return v
}
