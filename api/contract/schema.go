package contract

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

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
