package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReaderReturnsDefaultsAndValues(t *testing.T) {
	for _, empty := range []map[string]string{nil, {"S": "", "I": "", "D": "", "R": "", "E": "", "U": "", "A": "", "L": ""}} {
		r := Map(empty)
		require.Equal(t, "s", r.String("S", "s"))
		require.Equal(t, 7, r.Int("I", 7, 0, 9))
		require.Equal(t, time.Second, r.Duration("D", time.Second, 0, time.Minute))
		require.InDelta(t, 0.8, r.Rate("R", 0.8), 0)
		require.Equal(t, "a", r.Enum("E", "a", "a", "b"))
		require.Empty(t, r.URL("U", ""))
		require.Equal(t, ":1", r.Address("A", ":1"))
		require.Empty(t, r.Loopback("B"))
		require.Empty(t, r.List("L"))
		require.NoError(t, r.Err())
	}

	r := Map(map[string]string{
		"S": "x", "I": "9", "D": "1m", "R": "1", "E": "b", "U": "https://id.example/a", "A": "[::1]:80", "B": "127.0.0.1:0", "L": " a,,b ", "Q": "q",
	})
	require.Equal(t, "x", r.String("S", "s"))
	require.Equal(t, 9, r.Int("I", 7, 0, 9))
	require.Equal(t, time.Minute, r.Duration("D", time.Second, 0, time.Minute))
	require.InDelta(t, 1, r.Rate("R", 0.8), 0)
	require.Equal(t, "b", r.Enum("E", "a", "a", "b"))
	require.Equal(t, "https://id.example/a", r.URL("U", ""))
	require.Equal(t, "[::1]:80", r.Address("A", ":1"))
	require.Equal(t, "127.0.0.1:0", r.Loopback("B"))
	require.Equal(t, []string{"a", "b"}, r.List("L"))
	require.Equal(t, "q", r.Required("Q"))
	require.NoError(t, r.Err())
}

func TestErrListsAllBadSettings(t *testing.T) {
	values := map[string]string{
		"INT": "1.5", "SMALL": "-1", "BIG": "10", "DURATION": "10", "SHORT": "1ms", "RATE": "1.01", "NAN": "NaN", "ENUM": "c",
		"URL": "id.example", "SCHEME": "ftp://id.example", "ADDRESS": "8080", "PORT": "host:65536",
		"PUBLIC": "0.0.0.0:6060", "HOST": "localhost:6060",
	}
	r := Map(values)
	r.Int("INT", 1, 0, 9)
	r.Int("SMALL", 1, 0, 9)
	r.Int("BIG", 1, 0, 9)
	r.Duration("DURATION", time.Second, time.Second, time.Minute)
	r.Duration("SHORT", time.Second, time.Second, time.Minute)
	r.Rate("RATE", 0)
	r.Rate("NAN", 0)
	r.Enum("ENUM", "a", "a", "b")
	r.URL("URL", "")
	r.URL("SCHEME", "")
	r.Address("ADDRESS", "")
	r.Address("PORT", "")
	r.Loopback("PUBLIC")
	r.Loopback("HOST")
	r.Required("REQUIRED")
	r.Reject("OWN", "must be even")

	message := r.Err().Error()
	for name, value := range values {
		require.Contains(t, message, "\n"+name+" must be ")
		require.Contains(t, message, `not "`+value+`"`)
	}
	require.Contains(t, message, "\nREQUIRED must be set")
	require.Contains(t, message, "\nOWN must be even")
}
