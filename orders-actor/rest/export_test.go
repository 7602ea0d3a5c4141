package rest

import "github.com/valyala/fasthttp"

// Handler is the server without a network, for fuzzing.
func (s *Server) Handler() fasthttp.RequestHandler { return s.app.Handler() }

// EndWaits lets nothing wait from now on.
func (s *Server) EndWaits() { close(s.stopping) }
