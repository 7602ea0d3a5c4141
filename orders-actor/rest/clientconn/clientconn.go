// Package clientconn reads the connection of a client directly: whether it is closed, and what is left of a request.
package clientconn

import (
	"net"
	"time"
)

// Drain reads the rest of an oversized request, at most 1 MiB and for at most 2 s. Closing a connection while the client
// sends resets it, and the client would lose the response (RFC 9112, section 9.6).
func Drain(conn net.Conn) {
	deadline := time.Now().Add(2 * time.Second)
	buffer := make([]byte, 16<<10)
	for left := 1 << 20; left > 0 && time.Now().Before(deadline); {
		if err := conn.SetReadDeadline(time.Now().Add(250 * time.Millisecond)); err != nil {
			return
		}
		n, err := conn.Read(buffer)
		if err != nil { // the client pauses or has disconnected
			return
		}
		left -= n
	}
}
