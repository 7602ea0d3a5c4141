package request

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
)

// JoinLines is middleware that joins the lines of list headers, such as two lines of Accept. Fiber's Get returns the first
// line only.
func JoinLines(c *fiber.Ctx) error {
	for _, name := range []string{fiber.HeaderAccept, fiber.HeaderIfNoneMatch, "Prefer"} {
		if lines := c.Request().Header.PeekAll(name); len(lines) > 1 {
			c.Request().Header.SetBytesV(name, bytes.Join(lines, []byte(", ")))
		}
	}
	return c.Next()
}

// ETag returns the entity tag of a version.
func ETag(version int) string { return strconv.Quote(strconv.Itoa(version)) }

// NoneMatch reports whether an If-None-Match header names the entity tag, that is, whether the client has what it stands for.
func NoneMatch(header, etag string) bool {
	for tag := range strings.SplitSeq(header, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
			return true
		}
	}
	return false
}

// IfMatch returns the version that If-Match requires, or 0 for any. Weak tags are accepted: proxies that compress weaken
// our strong ones. An empty header is an error, so that a client that lost its tag does not cancel without one.
func IfMatch(c *fiber.Ctx) (int, error) {
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
		return 0, BadField("If-Match", `must be one ETag of this order, such as "2", or *`)
	}
	return int(version), nil
}

// maxWait is the longest long poll.
const maxWait = 30 * time.Second

// PreferWait returns the wait of Prefer: wait=N, at most 30 s. Invalid preferences are ignored, as RFC 7240 requires.
func PreferWait(c *fiber.Ctx) (wait time.Duration, ok bool) {
	for preference := range strings.SplitSeq(c.Get("Prefer"), ",") {
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
		return min(time.Duration(seconds)*time.Second, maxWait), true // the first wait counts
	}
	return 0, false
}

// PreferenceApplied tells the client that its wait was applied.
func PreferenceApplied(c *fiber.Ctx, wait time.Duration) {
	c.Set("Preference-Applied", "wait="+strconv.Itoa(int(wait/time.Second)))
}
