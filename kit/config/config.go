// Package config reads a service's settings from environment variables.
//
// A Reader collects the errors of all settings, and Err returns them as one error, so that a user can fix them at once. An
// empty value counts as not set. Errors do not contain the values of plain strings, which may be secret.
package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Reader reads settings and collects errors. It is not safe for concurrent use.
type Reader struct {
	lookup func(string) string
	bad    []error
}

// Env returns a Reader of the process's environment.
func Env() *Reader { return &Reader{lookup: os.Getenv} }

// Map returns a Reader of a map, for tests.
func Map(m map[string]string) *Reader {
	return &Reader{lookup: func(name string) string { return m[name] }}
}

// Err returns an error that lists all bad settings, or nil.
func (r *Reader) Err() error {
	if len(r.bad) == 0 {
		return nil
	}
	return fmt.Errorf("bad settings:\n%w", errors.Join(r.bad...))
}

// Reject adds an error for a setting that the caller has checked. Err's text has the name before the message.
func (r *Reader) Reject(name, format string, args ...any) {
	r.bad = append(r.bad, fmt.Errorf("%s %s", name, fmt.Sprintf(format, args...)))
}

// String returns a setting, or its default.
func (r *Reader) String(name, defaultValue string) string {
	if value := r.lookup(name); value != "" {
		return value
	}
	return defaultValue
}

// Required returns a setting without a default.
func (r *Reader) Required(name string) string {
	value := r.lookup(name)
	if value == "" {
		r.Reject(name, "must be set")
	}
	return value
}

// Int returns a whole number from minimum to maximum.
func (r *Reader) Int(name string, defaultValue, minimum, maximum int) int {
	return read(r, name, defaultValue, fmt.Sprintf("must be a whole number from %d to %d", minimum, maximum), func(s string) (int, bool) {
		n, err := strconv.Atoi(s)
		return n, err == nil && n >= minimum && n <= maximum
	})
}

// Duration returns a duration such as 500ms or 1m30s, from minimum to maximum.
func (r *Reader) Duration(name string, defaultValue, minimum, maximum time.Duration) time.Duration {
	want := fmt.Sprintf("must be a duration from %s to %s, such as 10s", minimum, maximum)
	return read(r, name, defaultValue, want, func(s string) (time.Duration, bool) {
		d, err := time.ParseDuration(s)
		return d, err == nil && d >= minimum && d <= maximum
	})
}

// Rate returns a number from 0 to 1.
func (r *Reader) Rate(name string, defaultValue float64) float64 {
	return read(r, name, defaultValue, "must be a number from 0 to 1", func(s string) (float64, bool) {
		f, err := strconv.ParseFloat(s, 64)
		return f, err == nil && !math.IsNaN(f) && f >= 0 && f <= 1
	})
}

// Enum returns one of the allowed values.
func (r *Reader) Enum(name, defaultValue string, allowed ...string) string {
	return read(r, name, defaultValue, "must be one of "+strings.Join(allowed, ", "), func(s string) (string, bool) {
		return s, slices.Contains(allowed, s)
	})
}

// URL returns an absolute http or https URL. The default is not checked.
func (r *Reader) URL(name, defaultValue string) string {
	return read(r, name, defaultValue, "must be an http or https URL", func(s string) (string, bool) {
		u, err := url.Parse(s)
		return s, err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
	})
}

// Address returns a host:port to listen on. The host may be empty.
func (r *Reader) Address(name, defaultValue string) string {
	return read(r, name, defaultValue, "must be host:port, such as 127.0.0.1:8080", func(s string) (string, bool) {
		_, port, err := net.SplitHostPort(s)
		if err != nil {
			return s, false
		}
		n, err := strconv.ParseUint(port, 10, 16)
		return s, err == nil && n <= math.MaxUint16
	})
}

// Loopback returns an address with an IP address of loopback, or "" if it is not set.
func (r *Reader) Loopback(name string) string {
	return read(r, name, "", "must be an address on loopback, such as 127.0.0.1:6060", func(s string) (string, bool) {
		at, err := netip.ParseAddrPort(s)
		return s, err == nil && at.Addr().IsLoopback()
	})
}

// List returns the items of a comma-separated list, without empty ones.
func (r *Reader) List(name string) []string {
	var list []string
	for item := range strings.SplitSeq(r.lookup(name), ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}

func read[T any](r *Reader, name string, defaultValue T, want string, parse func(string) (T, bool)) T {
	text := r.lookup(name)
	if text == "" {
		return defaultValue
	}
	value, ok := parse(text)
	if !ok {
		r.Reject(name, "%s, not %q", want, text)
		return defaultValue
	}
	return value
}
