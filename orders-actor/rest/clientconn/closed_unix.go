//go:build unix

package clientconn

import (
	"errors"
	"net"
	"syscall"
)

// Closed reports whether the client has closed its end of conn. fasthttp does not read from a connection while a
// handler runs, so handlers that wait must check. It peeks without blocking and consumes nothing. It cannot see a close
// behind a pipelined request.
func Closed(conn net.Conn) bool {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return true
	}
	closed := false
	// Control, not Read: Read fails when the read deadline has passed.
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case err == nil:
			closed = n == 0
		case !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR):
			closed = true
		}
	})
	return closed || err != nil
}
