package ordercsv

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDecimal(t *testing.T) {
	for code, want := range map[string]string{"EUR": "9.00", "USD": "9.00", "JPY": "900", "KWD": "0.900"} {
		assert.Equal(t, want, decimal(900, code), code)
	}
	for minor, want := range map[int64]string{0: "0.00", 5: "0.05", 99: "0.99", 10_000_000_000: "100000000.00"} {
		assert.Equal(t, want, decimal(minor, "EUR"))
	}
}

func TestEscapeFormula(t *testing.T) {
	for cell, want := range map[string]string{
		"":                                     "",
		"tea":                                  "tea",
		"a-b=c+d@e":                            "a-b=c+d@e",
		"2026-11-24T09:30:00Z":                 "2026-11-24T09:30:00Z",
		"2 x tea-1 (Green tea); 1 x mug (Mug)": "2 x tea-1 (Green tea); 1 x mug (Mug)",
		"=1+1":                                 "'=1+1",
		"+1":                                   "'+1",
		"-1":                                   "'-1",
		"@SUM(A1)":                             "'@SUM(A1)",
		"\tx":                                  "'\tx",
		"\rx":                                  "'\rx",
		" =1":                                  " '=1",
		"\"=1":                                 "\"'=1",
		"' \"=1":                               "' \"'=1",
		"tea;=1+(1":                            "tea;'=1+(1",
		"tea; =1":                              "tea; '=1",
		"tea;\" =1":                            "tea;\" '=1",
		"tea,=1":                               "tea,'=1",
		"tea|=1":                               "tea|'=1",
		"tea\t=1":                              "tea\t'=1",
		"tea\n=1":                              "tea\n'=1",
		"tea\r\n@x":                            "tea\r\n'@x",
		"\t\t=1":                               "'\t'\t'=1",
		";;=1;=2":                              ";;'=1;'=2",
		"＝1":                                   "'＝1",
		"tea;\u00a0=1":                         "tea;\u00a0'=1",
	} {
		assert.Equal(t, want, escapeFormula(cell), "%q", cell)
	}
}

// In the parts of any split no formula starts, and the text without apostrophes is unchanged.
func FuzzEscapeFormula(f *testing.F) {
	f.Add("tea;=1+(1")
	f.Add("\t\"' =")
	f.Fuzz(func(t *testing.T, cell string) {
		if !utf8.ValidString(cell) {
			return
		}
		escaped := escapeFormula(cell)
		for _, part := range strings.FieldsFunc(escaped, func(r rune) bool { return strings.ContainsRune(";,|\t\r\n", r) }) {
			if part = strings.TrimLeft(part, "\" "); part != "" {
				require.NotContains(t, "=+-@", part[:1], escaped)
			}
		}
		require.Equal(t, strings.ReplaceAll(cell, "'", ""), strings.ReplaceAll(escaped, "'", ""))
	})
}
