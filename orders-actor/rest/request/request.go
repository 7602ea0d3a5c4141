// Package request reads and validates the parts of an HTTP request: the JSON body, query parameters, Accept, conditional
// headers and Prefer. It knows no order.
//
// All errors are problems that may be sent to the client. They name the bad fields, and quote at most 64 bytes of what the
// client sent.
package request

import (
	"fmt"
	"strings"

	"orders/kit/httpapi/problem"
)

// BadField returns the problem of a request with one invalid field.
func BadField(field, format string, args ...any) error {
	return problem.Fields(problem.FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
}

// Shorten cuts s to 64 bytes, for error messages that quote the client.
func Shorten(s string) string {
	const limit = 64
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
