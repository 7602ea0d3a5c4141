//go:build unix

package rest

import (
	"errors"
	"net"
	"syscall"
)

// hungUp reports whether the client has closed its end of conn. fasthttp does not read from a connection while a handler
// runs, so a call that waits has to look. It peeks without blocking: a request that the client has sent ahead stays in
// place, and hides a close behind it until the answer is written.
func hungUp(conn net.Conn) bool {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return true
	}
	gone := false
	// Control, not Read: a read deadline that has passed must not keep us from looking.
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case err == nil:
			gone = n == 0
		case !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR):
			gone = true
		}
	})
	return gone || err != nil
}
