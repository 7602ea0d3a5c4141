package rest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/gofiber/fiber/v2"

	"orders/kit/httpapi"
	"orders/kit/httpapi/problem"
)

// decode reads a JSON body strictly: nothing unknown, nothing twice, nothing after it, every required field there, and
// no null. Fields of T without omitempty are the required ones; that is how the contract's models are generated.
func decode[T any](c *fiber.Ctx) (T, error) {
	var v T
	body, err := httpapi.JSONBody(c)
	if err != nil {
		return v, err
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return v, problem.New(problem.InvalidJSON, "the body is empty; send JSON")
	}
	return parse[T](body)
}

func parse[T any](body []byte) (T, error) {
	var v T
	if err := json.Unmarshal(body, &v, json.RejectUnknownMembers(true)); err != nil {
		return v, fromJSON(err)
	}
	var given any
	if err := json.Unmarshal(body, &given); err != nil {
		return v, fromJSON(err)
	}
	if bad := missing(nil, "", given, reflect.TypeFor[T]()); bad != nil {
		return v, problem.Fields(bad...)
	}
	return v, nil
}

// fromJSON tells text that isn't JSON from JSON that isn't what was asked for.
func fromJSON(err error) error {
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.Is(err, json.ErrUnknownName) && errors.As(err, &semantic):
		return badField(fieldPath(semantic.JSONPointer), "is not known")
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntactic):
		return badField(fieldPath(syntactic.JSONPointer), "is there twice")
	case errors.As(err, &semantic):
		return badField(fieldPath(semantic.JSONPointer), "must be %s", kindName(semantic.GoType))
	default:
		return problem.New(problem.InvalidJSON, "the body is not valid JSON")
	}
}

// fieldPath turns /items/0/sku into items[0].sku. What a caller sent as a name is cut short.
func fieldPath(p jsontext.Pointer) string {
	var path strings.Builder
	for token := range p.Tokens() {
		if _, err := strconv.Atoi(token); err == nil {
			fmt.Fprintf(&path, "[%s]", token)
			continue
		}
		if path.Len() > 0 {
			path.WriteByte('.')
		}
		path.WriteString(short(token))
	}
	if path.Len() == 0 {
		return "body"
	}
	return path.String()
}

func short(s string) string {
	const limit = 64
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

func kindName(t reflect.Type) string {
	if t == nil {
		return "something else"
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Slice:
		return "an array"
	default:
		return "an object"
	}
}

// missing appends what given lacks to be a T.
func missing(bad []problem.FieldError, path string, given any, t reflect.Type) []problem.FieldError {
	if given == nil {
		return append(bad, problem.FieldError{Field: cmp.Or(path, "body"), Message: "must not be null"})
	}
	switch t.Kind() {
	case reflect.Struct:
		members, _ := given.(map[string]any)
		for i := range t.NumField() {
			name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			field := name
			if path != "" {
				field = path + "." + name
			}
			member, there := members[name]
			switch {
			case there:
				bad = missing(bad, field, member, t.Field(i).Type)
			case !strings.Contains(options, "omitempty"):
				bad = append(bad, problem.FieldError{Field: field, Message: "is missing"})
			}
		}
	case reflect.Slice:
		elements, _ := given.([]any)
		for i, e := range elements {
			bad = missing(bad, fmt.Sprintf("%s[%d]", path, i), e, t.Elem())
		}
	}
	return bad
}
