package rest

import "github.com/valyala/fasthttp"

// Handler returns the server's handler, for tests without a network.
func (s *Server) Handler() fasthttp.RequestHandler { return s.app.Handler() }

// EndWaits ends all long polls from now on.
func (s *Server) EndWaits() { close(s.stopping) }
