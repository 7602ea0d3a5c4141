package httpapi

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"mime"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/gofiber/fiber/v2"

	"orders/kit/httpapi/problem"
)

// ReadJSON decodes the body of a request into a T. It rejects unknown, duplicate and missing fields, null, and data after the
// JSON value. Fields of T without omitempty are required, as in the models that are generated from the contract. In a pointer
// field null counts as absent.
//
// Errors are problems: unsupported-media-type, invalid-json, and invalid-request with the bad fields.
func ReadJSON[T any](c *fiber.Ctx) (T, error) {
	body, err := jsonBody(c)
	if err != nil {
		var zero T
		return zero, err
	}
	return ParseJSON[T](body)
}

var byteOrderMark = []byte("\ufeff")

// jsonBody returns the body of a request that must be JSON, without a byte order mark (RFC 8259, section 8.1, allows to
// ignore it). The slice is valid until the handler returns. The only Content-Encoding is identity, because fiber's Ctx.Body
// decompresses without a size limit.
func jsonBody(c *fiber.Ctx) ([]byte, error) {
	media, _, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	if err != nil || media != fiber.MIMEApplicationJSON {
		return nil, problem.New(problem.UnsupportedMediaType, "send Content-Type: application/json")
	}
	for _, line := range c.Request().Header.PeekAll(fiber.HeaderContentEncoding) {
		for coding := range strings.SplitSeq(string(line), ",") {
			if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "identity") {
				return nil, problem.New(problem.UnsupportedMediaType, "send the body without Content-Encoding")
			}
		}
	}
	return bytes.TrimPrefix(c.Request().Body(), byteOrderMark), nil
}

// ParseJSON is ReadJSON for JSON that is not the body of a request, such as a file.
func ParseJSON[T any](body []byte) (T, error) {
	var v T
	if len(bytes.TrimSpace(body)) == 0 {
		return v, problem.New(problem.InvalidJSON, "the body is empty; send JSON")
	}
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
	badField := func(at jsontext.Pointer, message string) error {
		return problem.Fields(problem.FieldError{Field: fieldPath(at), Message: message})
	}
	switch {
	case errors.Is(err, json.ErrUnknownName) && errors.As(err, &semantic):
		return badField(semantic.JSONPointer, "is not known")
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntactic):
		return badField(syntactic.JSONPointer, "is there twice")
	case errors.As(err, &semantic):
		return badField(semantic.JSONPointer, "must be "+kindName(semantic.GoType))
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

// Shorten shortens a client's text to 64 bytes, for an error that quotes it.
func Shorten(s string) string {
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
	case reflect.Bool:
		return "true or false"
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
		if t.Kind() == reflect.Pointer {
			return bad
		}
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
