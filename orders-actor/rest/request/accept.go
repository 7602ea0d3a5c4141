package request

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"orders/kit/httpapi/problem"
)

// Accepted returns the media type of types that the client prefers, or a not-acceptable problem.
func Accepted(c *fiber.Ctx, types ...string) (string, error) {
	if t := Negotiate(c.Get(fiber.HeaderAccept), types); t != "" {
		return t, nil
	}
	return "", problem.New(problem.NotAcceptable, "this call answers with %s", strings.Join(types, " or "))
}

// Negotiate implements Accept as in RFC 9110, section 12.5.1: the most specific range that matches a type gives its
// weight, 0 excludes it, and the highest weight wins. At equal weights the more specific range wins, then the one that
// comes first in the header, then the first of types. Names are case-insensitive. Parameters other than q are ignored
// because no two of our representations differ by one. It returns "" when no type is acceptable.
func Negotiate(header string, types []string) string {
	ranges := mediaRanges(header)
	if len(ranges) == 0 {
		return types[0]
	}
	best, bestType := mediaRange{}, ""
	for _, t := range types {
		match := mediaRange{}
		for _, r := range ranges {
			if s := r.matchSpecificity(t); s > match.specificity || (s > 0 && s == match.specificity && r.weight > match.weight) {
				match = r
				match.specificity = s
			}
		}
		if match.specificity > 0 && match.weight > 0 && match.preferredTo(best) {
			best, bestType = match, t
		}
	}
	return bestType
}

type mediaRange struct {
	name        string // in lower case
	weight      float64
	position    int
	specificity int // set by Negotiate; 0 means no match
}

// matchSpecificity returns how specifically the range matches the media type t, or 0 when it does not match.
func (r mediaRange) matchSpecificity(t string) int {
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

func (r mediaRange) preferredTo(other mediaRange) bool {
	return cmp.Or(cmp.Compare(r.weight, other.weight), cmp.Compare(r.specificity, other.specificity), other.position-r.position) > 0
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
			break // parameters after q are not part of the range (accept-ext of RFC 7231)
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
