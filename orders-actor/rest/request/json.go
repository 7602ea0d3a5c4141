package request

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

// JSON decodes the body into a T. It rejects unknown, duplicate and missing fields, null, and data after the JSON value.
// Fields of T without omitempty are required, as in the models that are generated from the contract.
func JSON[T any](c *fiber.Ctx) (T, error) {
	var v T
	body, err := httpapi.JSONBody(c)
	if err != nil {
		return v, err
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return v, problem.New(problem.InvalidJSON, "the body is empty; send JSON")
	}
	return decode[T](body)
}

func decode[T any](body []byte) (T, error) {
	var v T
	if err := json.Unmarshal(body, &v, json.RejectUnknownMembers(true)); err != nil {
		return v, jsonProblem(err)
	}
	var untyped any
	if err := json.Unmarshal(body, &untyped); err != nil {
		return v, jsonProblem(err)
	}
	if bad := appendMissing(nil, "", untyped, reflect.TypeFor[T]()); bad != nil {
		return v, problem.Fields(bad...)
	}
	return v, nil
}

// jsonProblem returns invalid-json for text that is not JSON, and a bad field for JSON that is not a T.
func jsonProblem(err error) error {
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.Is(err, json.ErrUnknownName) && errors.As(err, &semantic):
		return BadField(fieldPath(semantic.JSONPointer), "is not known")
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntactic):
		return BadField(fieldPath(syntactic.JSONPointer), "is there twice")
	case errors.As(err, &semantic):
		return BadField(fieldPath(semantic.JSONPointer), "must be %s", kindName(semantic.GoType))
	default:
		return problem.New(problem.InvalidJSON, "the body is not valid JSON")
	}
}

// fieldPath turns /items/0/sku into items[0].sku. Names are shortened, since the client chose them.
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
		path.WriteString(Shorten(token))
	}
	if path.Len() == 0 {
		return "body"
	}
	return path.String()
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

// appendMissing appends the required fields of type t that the JSON value v lacks, and the fields of v that are null.
func appendMissing(bad []problem.FieldError, path string, v any, t reflect.Type) []problem.FieldError {
	if v == nil {
		return append(bad, problem.FieldError{Field: cmp.Or(path, "body"), Message: "must not be null"})
	}
	switch t.Kind() {
	case reflect.Struct:
		members, _ := v.(map[string]any)
		for i := range t.NumField() {
			name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			field := name
			if path != "" {
				field = path + "." + name
			}
			member, exists := members[name]
			switch {
			case exists:
				bad = appendMissing(bad, field, member, t.Field(i).Type)
			case !strings.Contains(options, "omitempty"):
				bad = append(bad, problem.FieldError{Field: field, Message: "is missing"})
			}
		}
	case reflect.Slice:
		elements, _ := v.([]any)
		for i, e := range elements {
			bad = appendMissing(bad, fmt.Sprintf("%s[%d]", path, i), e, t.Elem())
		}
	}
	return bad
}
