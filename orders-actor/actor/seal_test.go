package actor

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 123_456_789, time.UTC)

func sealAt(at time.Time) Seal {
	return Seal{Key: bytes.Repeat([]byte{7}, 32), Now: func() time.Time { return at }}
}

type order struct{ Name, Note string }

func TestASealedCommandOpens(t *testing.T) {
	want := order{Name: "tea <green> & \u2028 \"black\"", Note: "ünïcode"}
	body, err := sealAt(noon).Close("create", "1", want)
	require.NoError(t, err)
	for _, at := range []time.Time{noon, noon.Add(SealLifetime), noon.Add(-SealLifetime)} {
		command, err := sealAt(at).Open("create", "1", body)
		require.NoError(t, err)
		var got order
		require.NoError(t, json.Unmarshal(command, &got))
		assert.Equal(t, want, got)
	}
}

func TestWhatIsNotSealedByUsForThisDoesNotOpen(t *testing.T) {
	body, err := sealAt(noon).Close("create", "1", order{Name: "tea"})
	require.NoError(t, err)
	other := sealAt(noon)
	other.Key = bytes.Repeat([]byte{8}, 32)
	changed := bytes.Replace(body, []byte("tea"), []byte("rum"), 1)
	require.NotEqual(t, body, changed)
	later := bytes.Replace(body, []byte("12:00:00"), []byte("12:00:01"), 1)
	require.NotEqual(t, body, later)

	for name, open := range map[string]func() (json.RawMessage, error){
		"another method":  func() (json.RawMessage, error) { return sealAt(noon).Open("cancel", "1", body) },
		"another order":   func() (json.RawMessage, error) { return sealAt(noon).Open("create", "2", body) },
		"shifted parts":   func() (json.RawMessage, error) { return sealAt(noon).Open("create1", "", body) },
		"another key":     func() (json.RawMessage, error) { return other.Open("create", "1", body) },
		"another command": func() (json.RawMessage, error) { return sealAt(noon).Open("create", "1", changed) },
		"another time":    func() (json.RawMessage, error) { return sealAt(noon).Open("create", "1", later) },
		"too late":        func() (json.RawMessage, error) { return sealAt(noon.Add(SealLifetime+1)).Open("create", "1", body) },
		"too early":       func() (json.RawMessage, error) { return sealAt(noon.Add(-SealLifetime-1)).Open("create", "1", body) },
		"no seal":         func() (json.RawMessage, error) { return sealAt(noon).Open("create", "1", []byte(`{"Name":"tea"}`)) },
		"no JSON":         func() (json.RawMessage, error) { return sealAt(noon).Open("create", "1", []byte(`create!`)) },
		"nothing":         func() (json.RawMessage, error) { return sealAt(noon).Open("create", "1", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open()
			require.ErrorIs(t, err, ErrSeal)
		})
	}
}

// FuzzSeal looks for a body that opens though nobody sealed it, and for a command that doesn't survive its seal.
func FuzzSeal(f *testing.F) {
	genuine, err := sealAt(noon).Close("create", "1", order{Name: "tea"})
	require.NoError(f, err)
	f.Add(genuine, "create", "1")
	f.Add([]byte(`{"command":null,"issuedAt":"2026-11-24T12:00:00Z","mac":""}`), "", "")
	f.Fuzz(func(t *testing.T, data []byte, method, id string) {
		if command, err := sealAt(noon).Open(method, id, data); err == nil {
			assert.JSONEq(t, `{"Name":"tea","Note":""}`, string(command))
			assert.Equal(t, []string{"create", "1"}, []string{method, id})
		}
		body, err := sealAt(noon).Close(method, id, string(data))
		require.NoError(t, err)
		command, err := sealAt(noon).Open(method, id, body)
		require.NoError(t, err)
		want, err := json.Marshal(string(data))
		require.NoError(t, err)
		assert.Equal(t, want, []byte(command))
	})
}
