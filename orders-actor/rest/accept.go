package rest

import (
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"orders/kit/httpapi/problem"
)

// offer picks the media type that the caller prefers among those that this call can answer with.
func offer(c *fiber.Ctx, types ...string) (string, error) {
	if t := negotiate(c.Get(fiber.HeaderAccept), types); t != "" {
		return t, nil
	}
	return "", problem.New(problem.NotAcceptable, "this call answers with %s", strings.Join(types, " or "))
}

// negotiate implements Accept as in RFC 9110, section 12.5.1: the most specific range that matches a type gives its
// weight, 0 excludes it, and the highest weight wins. At equal weights the more specific range wins, then the one that
// comes first in the header, then the first of types. Names are case-insensitive. Parameters other than q are ignored
// because no two of our representations differ by one. It returns "" when nothing is acceptable.
func negotiate(header string, types []string) string {
	ranges := mediaRanges(header)
	if len(ranges) == 0 {
		return types[0]
	}
	best, bestType := mediaRange{}, ""
	for _, t := range types {
		match := mediaRange{}
		for _, r := range ranges {
			if s := r.specificity(t); s > match.specific || (s > 0 && s == match.specific && r.weight > match.weight) {
				match = r
				match.specific = s
			}
		}
		if match.specific > 0 && match.weight > 0 && match.better(best) {
			best, bestType = match, t
		}
	}
	return bestType
}

type mediaRange struct {
	name     string // in lower case
	weight   float64
	position int
	specific int // set by negotiate; 0 means no match
}

// specificity is 0 when the range does not contain the media type t.
func (r mediaRange) specificity(t string) int {
	prefix, isWildcard := strings.CutSuffix(r.name, "*")
	switch {
	case r.name == t:
		return 3
	case r.name == "*/*" || r.name == "*": // some old clients send a bare *
		return 1
	case isWildcard && strings.HasSuffix(prefix, "/") && strings.HasPrefix(t, prefix):
		return 2
	}
	return 0
}

func (r mediaRange) better(than mediaRange) bool {
	if r.weight != than.weight {
		return r.weight > than.weight
	}
	if r.specific != than.specific {
		return r.specific > than.specific
	}
	return r.position < than.position
}

func mediaRanges(header string) []mediaRange {
	var ranges []mediaRange
	for element := range splitUnquoted(header, ',') {
		r := mediaRange{weight: 1, position: len(ranges)}
		first := true
		for part := range splitUnquoted(element, ';') {
			if first {
				r.name, first = strings.ToLower(strings.TrimSpace(part)), false
				continue
			}
			name, value, _ := strings.Cut(part, "=")
			if !strings.EqualFold(strings.TrimSpace(name), "q") {
				continue
			}
			if q, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil && q >= 0 && q <= 1 {
				r.weight = q
			}
			break // what follows the weight belongs to no range (RFC 7231's accept-ext)
		}
		if r.name != "" {
			ranges = append(ranges, r)
		}
	}
	return ranges
}

// splitUnquoted splits s at separators outside of quoted strings.
func splitUnquoted(s string, separator byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		start, quoted := 0, false
		for i := 0; i < len(s); i++ {
			switch {
			case s[i] == '"':
				quoted = !quoted
			case quoted && s[i] == '\\':
				i++
			case !quoted && s[i] == separator:
				if !yield(s[start:i]) {
					return
				}
				start = i + 1
			}
		}
		yield(s[start:])
	}
}
