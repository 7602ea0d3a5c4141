//go:build !unix

package clientconn

import "net"

// Closed is not implemented here: a long poll keeps its slot until its wait ends.
func Closed(net.Conn) bool { return false }
