package httpapi

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"orders/kit/httpapi/problem"
)

type testBody struct {
	Name  string `json:"name"`
	Note  string `json:"note,omitempty"`
	Limit *int64 `json:"limit,omitempty"`
	Lines []struct {
		Count int `json:"count"`
	} `json:"lines,omitempty"`
}

func TestParseJSON(t *testing.T) {
	limit := int64(0)
	for text, want := range map[string]testBody{
		`{"name":"a"}`: {Name: "a"},
		"\n{\"name\":\"a\",\"note\":\"b\",\"limit\":0}\n": {Name: "a", Note: "b", Limit: &limit},
		`{"name":"a","limit":null}`:                       {Name: "a"},
	} {
		got, err := ParseJSON[testBody]([]byte(text))
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

func TestParseJSONRejects(t *testing.T) {
	for text, field := range map[string]string{ // "": not JSON
		``: "", ` `: "", `{`: "", `{"name":"a"} {}`: "", "{\"name\":\"\xff\"}": "",
		`null`:                                  "body",
		`[]`:                                    "body",
		`{}`:                                    "name",
		`{"Name":"a"}`:                          "Name",
		`{"name":null}`:                         "name",
		`{"name":1}`:                            "name",
		`{"name":"a","name":"b"}`:               "name",
		`{"name":"a","more":1}`:                 "more",
		`{"name":"a","note":null}`:              "note",
		`{"name":"a","limit":0.5}`:              "limit",
		`{"name":"a","lines":[{}]}`:             "lines[0].count",
		`{"name":"a","lines":[{"x":1}]}`:        "lines[0].x",
		`{"name":"a","lines":{}}`:               "lines",
		`{"` + strings.Repeat("x", 65) + `":1}`: strings.Repeat("x", 64) + "…",
	} {
		_, err := ParseJSON[testBody]([]byte(text))
		p, ok := errors.AsType[*problem.Problem](err)
		require.True(t, ok, text)
		if field == "" {
			require.Equal(t, problem.InvalidJSON, p.Code, text)
			continue
		}
		require.Equal(t, problem.InvalidRequest, p.Code, text)
		require.Equal(t, field, p.Errors[0].Field, text)
	}
}
