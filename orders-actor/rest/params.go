package rest

import (
	"bytes"
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
	"github.com/google/uuid"

	"orders/kit/httpapi/problem"
	"orders/orders-actor/order"
	"orders/orders-actor/orderdb"
)

const (
	maxCursor = 512
	maxQ      = 100
	maxUser   = 255
	maxWait   = 30 * time.Second
)

// query reads the parameters of a URL and collects what is wrong with them.
type query struct {
	values map[string][]string
	bad    []problem.FieldError
}

// readQuery takes the parameters that are known and complains about all others.
func readQuery(c *fiber.Ctx, known ...string) *query {
	q := &query{values: map[string][]string{}}
	for key, value := range c.Context().QueryArgs().All() {
		name := string(key)
		if !slices.Contains(known, name) {
			q.complain(short(strings.ToValidUTF8(name, "?")), "is not known")
			continue
		}
		q.values[name] = append(q.values[name], string(value))
	}
	return q
}

func (q *query) complain(field, format string, args ...any) {
	if len(q.bad) < 20 { // enough to mend it by, and a bound on the answer
		q.bad = append(q.bad, problem.FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
	}
}

func (q *query) err() error {
	if q.bad == nil {
		return nil
	}
	return problem.Fields(q.bad...)
}

// text returns a parameter that may be there once; "" when it isn't.
func (q *query) text(name string, limit int) string {
	v, _ := q.value(name, limit)
	return v
}

// value tells an empty parameter from none.
func (q *query) value(name string, limit int) (v string, there bool) {
	values := q.values[name]
	if len(values) == 0 {
		return "", false
	}
	v = values[0]
	switch {
	case len(values) > 1:
		q.complain(name, "is there more than once")
	case !utf8.ValidString(v):
		q.complain(name, "must be valid UTF-8")
	case utf8.RuneCountInString(v) > limit:
		q.complain(name, "must have at most %d characters", limit)
	case strings.ContainsFunc(v, unicode.IsControl):
		q.complain(name, "must not hold control characters")
	default:
		return v, true
	}
	return "", false
}

func (q *query) number(name string, fallback, low, high int) int {
	v, there := q.value(name, 20)
	if !there {
		return fallback
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < low || n > high {
		q.complain(name, "must be a whole number from %d to %d", low, high)
		return fallback
	}
	return n
}

// time reads a time of RFC 3339. One before 1970 selects the same orders as 1970 does, because there are none from before.
func (q *query) time(name string) time.Time {
	v, there := q.value(name, 64)
	if !there {
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
	q.complain(name, "must be an RFC 3339 time with a time zone, such as 2026-11-24T09:30:00Z%s", hint)
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

func (q *query) statuses() []order.Status {
	values := q.values["status"]
	if len(values) > len(order.Statuses) {
		q.complain("status", "must be there at most %d times", len(order.Statuses))
		return nil
	}
	var list []order.Status
	for _, v := range values {
		s := order.Status(v)
		if !s.Valid() {
			q.complain("status", "must be one of created, confirmed, delivered, cancelled")
			return nil
		}
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

func (q *query) sort() (by orderdb.Sort, descending bool) {
	sorts := map[string]orderdb.Sort{"created": orderdb.SortCreated, "updated": orderdb.SortUpdated, "total": orderdb.SortTotal}
	v, there := q.value("sort", 20)
	if !there {
		v = "-created"
	}
	name, descending := strings.CutPrefix(v, "-")
	by, ok := sorts[name]
	if !ok {
		q.complain("sort", "must be created, updated or total, or one of them with a minus before it")
	}
	return by, descending
}

// orderID reads the {id} of the path.
func orderID(c *fiber.Ctx) (string, error) {
	id, ok := canonicalID(c.Params("id"))
	if !ok {
		return "", badField("id", "must be a UUID")
	}
	return id, nil
}

// canonicalID takes a UUID in its usual form only, and returns it in lower case.
func canonicalID(s string) (string, bool) {
	if len(s) != 36 {
		return "", false
	}
	id, err := uuid.Parse(s)
	return id.String(), err == nil
}

// idempotencyKey reads the header; "" when there is none.
func idempotencyKey(c *fiber.Ctx) (string, error) {
	const name, limit = "Idempotency-Key", 200
	if len(c.Request().Header.Peek(name)) == 0 {
		if len(c.Request().Header.PeekAll(name)) > 0 {
			return "", badField(name, "must not be empty")
		}
		return "", nil
	}
	key := strings.Clone(c.Get(name))
	if len(key) > limit || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", badField(name, "must be 1 to %d visible ASCII characters", limit)
	}
	return key, nil
}

// ifNoneMatch says whether the caller has this version already.
func ifNoneMatch(header string, version int) bool {
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.TrimPrefix(tag, "W/") == etag(version) {
			return true
		}
	}
	return false
}

// ifMatch returns the version that must still hold, or 0 for any. A weak tag counts as a strong one: proxies that
// compress weaken ours, and it names the version all the same. A header that is there but empty is no leave to cancel.
func ifMatch(c *fiber.Ctx) (int, error) {
	lines := c.Request().Header.PeekAll(fiber.HeaderIfMatch)
	if len(lines) == 0 {
		return 0, nil
	}
	tag := strings.TrimSpace(string(bytes.Join(lines, []byte(","))))
	if tag == "*" {
		return 0, nil
	}
	digits, opened := strings.CutPrefix(strings.TrimPrefix(tag, "W/"), `"`)
	digits, closed := strings.CutSuffix(digits, `"`)
	version, err := strconv.ParseUint(digits, 10, 31)
	if !opened || !closed || err != nil || version == 0 {
		return 0, badField("If-Match", `must be one ETag of this order, such as "2", or *`)
	}
	return int(version), nil
}

// preferWait reads Prefer: wait=N. What can't be understood is ignored, as RFC 7240 wants it.
func preferWait(c *fiber.Ctx) (time.Duration, bool) {
	return parsePrefer(c.Get("Prefer"))
}

func parsePrefer(header string) (time.Duration, bool) {
	for preference := range strings.SplitSeq(header, ",") {
		preference, _, _ = strings.Cut(preference, ";")
		name, value, _ := strings.Cut(preference, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "wait") {
			continue
		}
		value = strings.Trim(strings.TrimSpace(value), `"`)
		seconds, err := strconv.ParseUint(value, 10, 31)
		if err != nil {
			return 0, false
		}
		return min(time.Duration(seconds)*time.Second, maxWait), true // the first one counts
	}
	return 0, false
}

func preferenceApplied(c *fiber.Ctx, wait time.Duration) {
	c.Set("Preference-Applied", "wait="+strconv.Itoa(int(wait/time.Second)))
}
