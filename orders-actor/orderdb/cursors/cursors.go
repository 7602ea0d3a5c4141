// Package cursors encodes the cursors of the order database: positions in its event log and in its lists.
package cursors

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrBad means that a cursor is invalid or belongs to another list.
var ErrBad = errors.New("bad cursor")

// Position is the position in the event log after the event with these numbers.
type Position struct{ Tx, Seq int64 }

// Compare compares two positions of one log.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.Tx, q.Tx), cmp.Compare(p.Seq, q.Seq))
}

// Feed is a position in one event log, written as LOG.TX.SEQ. The id of the log rejects cursors of other databases.
type Feed struct {
	Log string
	Position
}

func (c Feed) String() string { return fmt.Sprintf("%s.%d.%d", c.Log, c.Tx, c.Seq) }

// ParseFeed accepts exactly what String writes, or returns ErrBad.
func ParseFeed(s string) (c Feed, _ error) {
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return c, ErrBad
	}
	var txErr, seqErr error
	c.Log = parts[0]
	c.Tx, txErr = strconv.ParseInt(parts[1], 10, 64)
	c.Seq, seqErr = strconv.ParseInt(parts[2], 10, 64)
	if len(c.Log) != 8 || txErr != nil || seqErr != nil || c.Tx < 0 || c.Seq < 0 || c.String() != s {
		return Feed{}, ErrBad
	}
	return c, nil
}

// Page is the sort key and id of the last order of a page. List identifies the list to which it belongs.
type Page struct {
	List string `json:"l"`
	Key  int64  `json:"k"`
	ID   string `json:"i"`
}

const pageVersion = "1"

func (c Page) String() string {
	data, _ := json.Marshal(c) // never fails for strings and a number
	return pageVersion + base64.RawURLEncoding.EncodeToString(data)
}

// ParsePage returns what String wrote for the same list, or ErrBad.
func ParsePage(s, list string) (c Page, _ error) {
	encoded, ok := strings.CutPrefix(s, pageVersion)
	if !ok {
		return c, ErrBad
	}
	data, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return c, ErrBad
	}
	if err := json.Unmarshal(data, &c); err != nil || c.List != list || c.String() != s {
		return Page{}, ErrBad
	}
	return c, nil
}
