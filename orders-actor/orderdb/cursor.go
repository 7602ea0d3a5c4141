package orderdb

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// position is the position in the event log after the event with these numbers.
type position struct{ tx, seq int64 }

func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(p.tx, q.tx), cmp.Compare(p.seq, q.seq))
}

// feedCursor is a position in one event log, written as LOG.TX.SEQ. The id of the log rejects cursors of other databases.
type feedCursor struct {
	log string
	position
}

func (c feedCursor) String() string { return fmt.Sprintf("%s.%d.%d", c.log, c.tx, c.seq) }

// parseFeedCursor accepts exactly what String writes, or returns ErrBadCursor.
func parseFeedCursor(s string) (c feedCursor, _ error) {
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return c, ErrBadCursor
	}
	var txErr, seqErr error
	c.log = parts[0]
	c.tx, txErr = strconv.ParseInt(parts[1], 10, 64)
	c.seq, seqErr = strconv.ParseInt(parts[2], 10, 64)
	if len(c.log) != 8 || txErr != nil || seqErr != nil || c.tx < 0 || c.seq < 0 || c.String() != s {
		return feedCursor{}, ErrBadCursor
	}
	return c, nil
}

// pageCursor is the sort key and id of the last order of a page. List identifies the list to which it belongs.
type pageCursor struct {
	List string `json:"l"`
	Key  int64  `json:"k"`
	ID   string `json:"i"`
}

const pageCursorVersion = "1"

func (c pageCursor) String() string {
	data, _ := json.Marshal(c) // never fails for strings and a number
	return pageCursorVersion + base64.RawURLEncoding.EncodeToString(data)
}

// parsePageCursor returns what String wrote for the same list, or ErrBadCursor.
func parsePageCursor(s, list string) (c pageCursor, _ error) {
	encoded, ok := strings.CutPrefix(s, pageCursorVersion)
	if !ok {
		return c, ErrBadCursor
	}
	data, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return c, ErrBadCursor
	}
	if err := json.Unmarshal(data, &c); err != nil || c.List != list || c.String() != s {
		return pageCursor{}, ErrBadCursor
	}
	return c, nil
}

// list identifies the selection and its order, without the page.
func (q Query) list() string {
	statuses := slices.Sorted(slices.Values(q.Statuses))
	data, _ := json.Marshal([]any{q.Customer, statuses, q.Text, q.From.UnixMilli(), q.To.UnixMilli(), q.Sort, q.Descending}) // never fails
	sum := sha256.Sum256(data)
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}
