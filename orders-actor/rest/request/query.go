package request

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"orders/kit/httpapi"
	"orders/kit/httpapi/problem"
)

// Query holds the query parameters of a URL and collects what is wrong with them. Read all parameters, then check Err.
type Query struct {
	values map[string][]string
	bad    []problem.FieldError
}

// ReadQuery reads the known parameters and rejects all others.
func ReadQuery(c *fiber.Ctx, known ...string) *Query {
	q := &Query{values: map[string][]string{}}
	for key, value := range c.Context().QueryArgs().All() {
		name := string(key)
		if !slices.Contains(known, name) {
			q.Reject(httpapi.Shorten(strings.ToValidUTF8(name, "?")), "is not known")
			continue
		}
		q.values[name] = append(q.values[name], string(value))
	}
	return q
}

// Reject records that a parameter is invalid. Err reports the first 20 only, which limits the size of the response.
func (q *Query) Reject(name, format string, args ...any) {
	if len(q.bad) < 20 {
		q.bad = append(q.bad, problem.FieldError{Field: name, Message: fmt.Sprintf(format, args...)})
	}
}

// Err returns the problem with all rejected parameters, or nil.
func (q *Query) Err() error {
	if q.bad == nil {
		return nil
	}
	return problem.Fields(q.bad...)
}

// Values returns all values of a parameter that may be repeated, without validating them.
func (q *Query) Values(name string) []string { return q.values[name] }

// Text returns a parameter of at most limit characters, or "" when it is absent or invalid.
func (q *Query) Text(name string, limit int) string {
	v, _ := q.Value(name, limit)
	return v
}

// Value is Text for callers that distinguish an empty parameter from an absent one.
func (q *Query) Value(name string, limit int) (v string, exists bool) {
	values := q.values[name]
	if len(values) == 0 {
		return "", false
	}
	v = values[0]
	switch {
	case len(values) > 1:
		q.Reject(name, "is there more than once")
	case !utf8.ValidString(v):
		q.Reject(name, "must be valid UTF-8")
	case utf8.RuneCountInString(v) > limit:
		q.Reject(name, "must have at most %d characters", limit)
	case strings.ContainsFunc(v, unicode.IsControl):
		q.Reject(name, "must not hold control characters")
	default:
		return v, true
	}
	return "", false
}

// Number returns an integer parameter from low to high, or fallback when it is absent or invalid.
func (q *Query) Number(name string, fallback, low, high int) int {
	v, exists := q.Value(name, 20)
	if !exists {
		return fallback
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < low || n > high {
		q.Reject(name, "must be a whole number from %d to %d", low, high)
		return fallback
	}
	return n
}

// OneOf returns a parameter with one of the values, or "" when it is absent or invalid.
func (q *Query) OneOf(name string, values ...string) string {
	v, exists := q.Value(name, 20)
	if exists && !slices.Contains(values, v) {
		q.Reject(name, "must be one of %s", strings.Join(values, ", "))
		return ""
	}
	return v
}

// Time returns an RFC 3339 parameter in UTC, or the zero time when it is absent or invalid. Times before 1970 become 1970:
// no order is that old, so both select the same orders, and the result is never the zero time.
func (q *Query) Time(name string) time.Time {
	v, exists := q.Value(name, 64)
	if !exists {
		return time.Time{}
	}
	t, err := parseTime(v)
	if err == nil {
		if epoch := time.Unix(0, 0); t.Before(epoch) {
			t = epoch
		}
		return t.UTC()
	}
	hint := ""
	if _, err := parseTime(strings.Replace(v, " ", "+", 1)); err == nil {
		hint = "; a plus sign in a URL means a space, send it as %2B"
	}
	q.Reject(name, "must be an RFC 3339 time with a time zone, such as 2026-11-24T09:30:00Z%s", hint)
	return time.Time{}
}

// timePattern is the syntax of RFC 3339. time.Parse accepts more, such as a comma before the fraction.
var timePattern = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// parseTime accepts exactly RFC 3339, with t and z in either case, and second 60, which is a leap second.
func parseTime(s string) (time.Time, error) {
	s = strings.ToUpper(s)
	if !timePattern.MatchString(s) {
		return time.Time{}, errors.New("not RFC 3339")
	}
	const seconds, end = len("2006-01-02T15:04:"), len("2006-01-02T15:04:05")
	if s[seconds:end] != "60" {
		return time.Parse(time.RFC3339, s)
	}
	t, err := time.Parse(time.RFC3339, s[:seconds]+"59"+s[end:])
	return t.Truncate(time.Second).Add(time.Second), err
}
