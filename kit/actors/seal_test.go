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

type note struct{ Title, Text string }

func TestSealedCommandAndReplyOpen(t *testing.T) {
	want := note{Title: "tea <green> & \u2028 \"black\"", Text: "ünïcode"}
	body, open, err := sealAt(noon).Close("write", "1", want)
	require.NoError(t, err)
	assert.NotContains(t, string(body), "tea")
	for _, at := range []time.Time{noon, noon.Add(SealLifetime), noon.Add(-SealLifetime)} {
		command, sealReply, err := sealAt(at).Open("write", "1", body)
		require.NoError(t, err)
		var got note
		require.NoError(t, json.Unmarshal(command, &got))
		assert.Equal(t, want, got)

		reply := sealReply([]byte("written"))
		assert.NotContains(t, string(reply), "written")
		plain, err := open(reply)
		require.NoError(t, err)
		assert.Equal(t, "written", string(plain))
	}
}

func TestOpenReturnsErrSeal(t *testing.T) {
	body, _, err := sealAt(noon).Close("write", "1", note{Title: "tea"})
	require.NoError(t, err)
	for name, test := range map[string]struct {
		seal       Seal
		method, id string
		body       []byte
	}{
		"another method":                       {sealAt(noon), "delete", "1", body},
		"another actor":                        {sealAt(noon), "write", "2", body},
		"boundary between method and id moved": {sealAt(noon), "write1", "", body},
		"another key":                          {sealAt(noon, newKey), "write", "1", body},
		"too late":                             {sealAt(noon.Add(SealLifetime + time.Second)), "write", "1", body},
		"too early":                            {sealAt(noon.Add(-SealLifetime - time.Second)), "write", "1", body},
		"plain JSON":                           {sealAt(noon), "write", "1", []byte(`{"Title":"tea"}`)},
		"truncated":                            {sealAt(noon), "write", "1", body[:len(body)-1]},
		"header only":                          {sealAt(noon), "write", "1", body[:headerSize]},
		"empty":                                {sealAt(noon), "write", "1", nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := test.seal.Open(test.method, test.id, test.body)
			require.ErrorIs(t, err, ErrSeal)
		})
	}
	for i := range body {
		changed := bytes.Clone(body)
		changed[i] ^= 1
		_, _, err := sealAt(noon).Open("write", "1", changed)
		require.ErrorIs(t, err, ErrSeal, "byte %d changed", i)
	}
}

func TestReplyOpensOnlyForItsCall(t *testing.T) {
	seal := sealAt(noon)
	first, openFirst, err := seal.Close("delete", "1", note{})
	require.NoError(t, err)
	_, openSecond, err := seal.Close("delete", "1", note{})
	require.NoError(t, err)
	_, sealReply, err := seal.Open("delete", "1", first)
	require.NoError(t, err)
	reply := sealReply([]byte("deleted"))
	_, err = openSecond(reply)
	require.ErrorIs(t, err, ErrSeal, "reply to another call")
	for name, forged := range map[string][]byte{
		"plain JSON":         []byte(`{"Title":"tea"}`),
		"empty":              nil,
		"the command itself": first,
		"truncated":          reply[:len(reply)-1],
	} {
		_, err := openFirst(forged)
		require.ErrorIs(t, err, ErrSeal, name)
	}
	plain, err := openFirst(reply)
	require.NoError(t, err)
	assert.Equal(t, "deleted", string(plain))
}

// During a key rotation some replicas have the keys in the old order and some in the new one.
func TestReplicasWithDifferentKeyOrderUnderstandEachOther(t *testing.T) {
	for name, side := range map[string][2]Seal{
		"the caller has rotated":          {sealAt(noon, newKey, oldKey), sealAt(noon, oldKey, newKey)},
		"the host has rotated":            {sealAt(noon, oldKey, newKey), sealAt(noon, newKey, oldKey)},
		"the caller has only the old key": {sealAt(noon, oldKey), sealAt(noon, newKey, oldKey)},
	} {
		t.Run(name, func(t *testing.T) {
			body, open, err := side[0].Close("write", "1", note{Title: "tea"})
			require.NoError(t, err)
			_, sealReply, err := side[1].Open("write", "1", body)
			require.NoError(t, err)
			plain, err := open(sealReply([]byte("written")))
			require.NoError(t, err)
			assert.Equal(t, "written", string(plain))
		})
	}
}

// FuzzSeal checks that no other body opens, and that each command opens unchanged.
func FuzzSeal(f *testing.F) {
	sealed, _, err := sealAt(noon).Close("write", "1", note{Title: "tea"})
	require.NoError(f, err)
	f.Add(sealed, "write", "1")
	f.Add([]byte(`{"command":null,"issuedAt":"2026-11-24T12:00:00Z","mac":""}`), "", "")
	f.Fuzz(func(t *testing.T, data []byte, method, id string) {
		if command, _, err := sealAt(noon).Open(method, id, data); err == nil {
			assert.JSONEq(t, `{"Title":"tea","Text":""}`, string(command))
			assert.Equal(t, []string{"write", "1"}, []string{method, id})
		}
		body, open, err := sealAt(noon).Close(method, id, string(data))
		require.NoError(t, err)
		command, sealReply, err := sealAt(noon).Open(method, id, body)
		require.NoError(t, err)
		want, err := json.Marshal(string(data))
		require.NoError(t, err)
		assert.Equal(t, want, []byte(command))
		plain, err := open(sealReply(data))
		require.NoError(t, err)
		assert.True(t, bytes.Equal(data, plain))
	})
}
