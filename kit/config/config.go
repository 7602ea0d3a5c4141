// Package config reads a service's settings from its environment.
//
// A start with bad settings fails with one error that names every bad setting and what is wrong with it, so that they can
// all be fixed at once. An empty value counts as not set. Plain strings may be secret: their values are
// never in an error.
package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Reader reads settings and remembers the bad ones. Not for concurrent use.
type Reader struct {
	lookup func(string) string
	bad    []error
}

// Env reads the process's environment.
func Env() *Reader { return &Reader{lookup: os.Getenv} }

// Map reads from a map, for tests.
func Map(m map[string]string) *Reader {
	return &Reader{lookup: func(name string) string { return m[name] }}
}

// Err is nil, or one error that names all bad settings.
func (r *Reader) Err() error {
	if len(r.bad) == 0 {
		return nil
	}
	return fmt.Errorf("bad settings:\n%w", errors.Join(r.bad...))
}

// Reject adds a bad setting that only the caller can tell.
func (r *Reader) Reject(name, format string, args ...any) {
	r.bad = append(r.bad, fmt.Errorf("%s %s", name, fmt.Sprintf(format, args...)))
}

// String returns the setting, or otherwise when it isn't set.
func (r *Reader) String(name, otherwise string) string {
	if value := r.lookup(name); value != "" {
		return value
	}
	return otherwise
}

// Required returns a setting that must be set.
func (r *Reader) Required(name string) string {
	value := r.lookup(name)
	if value == "" {
		r.Reject(name, "must be set")
	}
	return value
}

// Int returns a whole number from least to most.
func (r *Reader) Int(name string, otherwise, least, most int) int {
	return read(r, name, otherwise, fmt.Sprintf("must be a whole number from %d to %d", least, most), func(s string) (int, bool) {
		n, err := strconv.Atoi(s)
		return n, err == nil && n >= least && n <= most
	})
}

// Duration returns a duration such as 500ms or 1m30s, from least to most.
func (r *Reader) Duration(name string, otherwise, least, most time.Duration) time.Duration {
	want := fmt.Sprintf("must be a duration from %s to %s, such as 10s", least, most)
	return read(r, name, otherwise, want, func(s string) (time.Duration, bool) {
		d, err := time.ParseDuration(s)
		return d, err == nil && d >= least && d <= most
	})
}

// Rate returns a share from 0 to 1.
func (r *Reader) Rate(name string, otherwise float64) float64 {
	return read(r, name, otherwise, "must be a number from 0 to 1", func(s string) (float64, bool) {
		f, err := strconv.ParseFloat(s, 64)
		return f, err == nil && !math.IsNaN(f) && f >= 0 && f <= 1
	})
}

// Enum returns one of the allowed values.
func (r *Reader) Enum(name, otherwise string, allowed ...string) string {
	return read(r, name, otherwise, "must be one of "+strings.Join(allowed, ", "), func(s string) (string, bool) {
		return s, slices.Contains(allowed, s)
	})
}

// URL returns an absolute http or https URL, or otherwise as it is.
func (r *Reader) URL(name, otherwise string) string {
	return read(r, name, otherwise, "must be an http or https URL", func(s string) (string, bool) {
		u, err := url.Parse(s)
		return s, err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
	})
}

// Address returns a host:port to listen on; the host may be empty.
func (r *Reader) Address(name, otherwise string) string {
	return read(r, name, otherwise, "must be host:port, such as 127.0.0.1:8080", func(s string) (string, bool) {
		_, port, err := net.SplitHostPort(s)
		if err != nil {
			return s, false
		}
		n, err := strconv.ParseUint(port, 10, 16)
		return s, err == nil && n <= math.MaxUint16
	})
}

// List returns a comma-separated list without its empty items; none when it isn't set.
func (r *Reader) List(name string) []string {
	var list []string
	for item := range strings.SplitSeq(r.lookup(name), ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}

func read[T any](r *Reader, name string, otherwise T, want string, parse func(string) (T, bool)) T {
	text := r.lookup(name)
	if text == "" {
		return otherwise
	}
	value, ok := parse(text)
	if !ok {
		r.Reject(name, "%s, not %q", want, text)
		return otherwise
	}
	return value
}
