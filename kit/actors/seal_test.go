package actors

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	noon   = time.Date(2026, 11, 24, 12, 0, 0, 123_000_000, time.UTC)
	oldKey = bytes.Repeat([]byte{7}, 32)
	newKey = bytes.Repeat([]byte{8}, 32)
)

func sealAt(at time.Time, keys ...[]byte) Seal {
	if keys == nil {
		keys = [][]byte{oldKey}
	}
	return Seal{Keys: keys, Now: func() time.Time { return at }}
}

type order struct{ Name, Note string }

func TestSealedCommandAndReplyOpenForTheOtherSide(t *testing.T) {
	want := order{Name: "tea <green> & \u2028 \"black\"", Note: "ünïcode"}
	body, open, err := sealAt(noon).Close("create", "1", want)
	require.NoError(t, err)
	assert.NotContains(t, string(body), "tea", "a stranger reads nothing")
	for _, at := range []time.Time{noon, noon.Add(SealLifetime), noon.Add(-SealLifetime)} {
		command, answer, err := sealAt(at).Open("create", "1", body)
		require.NoError(t, err)
		var got order
		require.NoError(t, json.Unmarshal(command, &got))
		assert.Equal(t, want, got)

		reply := answer([]byte("created"))
		assert.NotContains(t, string(reply), "created")
		plain, err := open(reply)
		require.NoError(t, err)
		assert.Equal(t, "created", string(plain))
	}
}

func TestCommandsNotSealedForThisActorMethodAndTimeDoNotOpen(t *testing.T) {
	body, _, err := sealAt(noon).Close("create", "1", order{Name: "tea"})
	require.NoError(t, err)
	for name, try := range map[string]struct {
		seal       Seal
		method, id string
		body       []byte
	}{
		"another method": {sealAt(noon), "cancel", "1", body},
		"another order":  {sealAt(noon), "create", "2", body},
		"shifted parts":  {sealAt(noon), "create1", "", body},
		"another key":    {sealAt(noon, newKey), "create", "1", body},
		"too late":       {sealAt(noon.Add(SealLifetime + time.Second)), "create", "1", body},
		"too early":      {sealAt(noon.Add(-SealLifetime - time.Second)), "create", "1", body},
		"plain JSON":     {sealAt(noon), "create", "1", []byte(`{"Name":"tea"}`)},
		"cut short":      {sealAt(noon), "create", "1", body[:len(body)-1]},
		"header only":    {sealAt(noon), "create", "1", body[:headerSize]},
		"nothing":        {sealAt(noon), "create", "1", nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := try.seal.Open(try.method, try.id, try.body)
			require.ErrorIs(t, err, ErrSeal)
		})
	}
	for i := range body {
		changed := bytes.Clone(body)
		changed[i] ^= 1
		_, _, err := sealAt(noon).Open("create", "1", changed)
		require.ErrorIs(t, err, ErrSeal, "byte %d changed", i)
	}
}

func TestRepliesOpenOnlyForTheCallTheyAnswer(t *testing.T) {
	seal := sealAt(noon)
	first, openFirst, err := seal.Close("cancel", "1", order{})
	require.NoError(t, err)
	_, openSecond, err := seal.Close("cancel", "1", order{})
	require.NoError(t, err)
	_, answer, err := seal.Open("cancel", "1", first)
	require.NoError(t, err)
	reply := answer([]byte("cancelled"))
	_, err = openSecond(reply)
	require.ErrorIs(t, err, ErrSeal, "a reply to an earlier call")
	for name, forged := range map[string][]byte{
		"plain JSON":            []byte(`{"order":{}}`),
		"nothing":               nil,
		"the command sent back": first,
		"cut short":             reply[:len(reply)-1],
	} {
		_, err := openFirst(forged)
		require.ErrorIs(t, err, ErrSeal, name)
	}
	plain, err := openFirst(reply)
	require.NoError(t, err)
	assert.Equal(t, "cancelled", string(plain))
}

// During a rotation replicas hold the keys in either order.
func TestKeysOfARotationAreAcceptedSideBySide(t *testing.T) {
	for name, side := range map[string][2]Seal{
		"the caller has rotated":      {sealAt(noon, newKey, oldKey), sealAt(noon, oldKey, newKey)},
		"the host has rotated":        {sealAt(noon, oldKey, newKey), sealAt(noon, newKey, oldKey)},
		"the caller has the old only": {sealAt(noon, oldKey), sealAt(noon, newKey, oldKey)},
	} {
		t.Run(name, func(t *testing.T) {
			body, open, err := side[0].Close("create", "1", order{Name: "tea"})
			require.NoError(t, err)
			_, answer, err := side[1].Open("create", "1", body)
			require.NoError(t, err)
			plain, err := open(answer([]byte("created")))
			require.NoError(t, err)
			assert.Equal(t, "created", string(plain))
		})
	}
}

// FuzzSeal looks for a body that opens though it was not sealed, and for a command that does not survive its seal.
func FuzzSeal(f *testing.F) {
	genuine, _, err := sealAt(noon).Close("create", "1", order{Name: "tea"})
	require.NoError(f, err)
	f.Add(genuine, "create", "1")
	f.Add([]byte(`{"command":null,"issuedAt":"2026-11-24T12:00:00Z","mac":""}`), "", "")
	f.Fuzz(func(t *testing.T, data []byte, method, id string) {
		if command, _, err := sealAt(noon).Open(method, id, data); err == nil {
			assert.JSONEq(t, `{"Name":"tea","Note":""}`, string(command))
			assert.Equal(t, []string{"create", "1"}, []string{method, id})
		}
		body, open, err := sealAt(noon).Close(method, id, string(data))
		require.NoError(t, err)
		command, answer, err := sealAt(noon).Open(method, id, body)
		require.NoError(t, err)
		want, err := json.Marshal(string(data))
		require.NoError(t, err)
		assert.Equal(t, want, []byte(command))
		plain, err := open(answer(data))
		require.NoError(t, err)
		assert.True(t, bytes.Equal(data, plain))
	})
}
