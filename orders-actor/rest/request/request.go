// Package request reads and validates the query parameters and headers of an HTTP request: Accept, Prefer, If-Match and
// If-None-Match. It knows no order. All errors are problems that may be sent to the client.
package request

import (
	"fmt"

	"orders/kit/httpapi/problem"
)

// BadField returns the problem of a request with one invalid field.
func BadField(field, format string, args ...any) error {
	return problem.Fields(problem.FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
}
