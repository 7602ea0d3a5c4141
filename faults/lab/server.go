package lab

import (
	"encoding/json"
	"errors"
	"io"
	"log"
	"mime"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"

	"orders/kit/httpapi"
	"orders/kit/httpapi/problem"
)

// maxBody limits the body of a request to the lab, in bytes. A history of a thousand orders has 5 MB.
const maxBody = 32 << 20

// handler serves the lab's API, and the product at backend under all other paths.
func (l *lab) handler(backend *url.URL) http.Handler {
	api := http.NewServeMux()
	api.HandleFunc("GET /lab/api/parts", l.answer(func(*http.Request) (any, error) { return l.parts.Status(), nil }))
	api.HandleFunc("POST /lab/api/parts/{part}/kill", l.answer(func(r *http.Request) (any, error) {
		return l.status(l.parts.Kill(r.PathValue("part")))
	}))
	api.HandleFunc("POST /lab/api/parts/{part}/start", l.answer(func(r *http.Request) (any, error) {
		return l.status(l.parts.Start(r.Context(), r.PathValue("part")))
	}))
	api.HandleFunc("POST /lab/api/payments", l.answer(func(r *http.Request) (any, error) {
		body, err := readJSON[struct {
			Mode Mode `json:"mode"`
		}](r)
		if err != nil {
			return nil, err
		}
		if _, known := modes[body.Mode]; !known {
			return nil, bad("mode", "must be normal, slow or failing")
		}
		return l.status(l.parts.Pay(r.Context(), body.Mode))
	}))
	api.HandleFunc("POST /lab/api/settle", l.answer(func(r *http.Request) (any, error) {
		settled, err := l.settle(r.Context())
		return map[string]bool{"settled": settled}, err
	}))
	api.HandleFunc("POST /lab/api/check", l.answer(func(r *http.Request) (any, error) {
		body, err := readJSON[record](r)
		if err != nil {
			return nil, err
		}
		h, err := body.history()
		if err != nil {
			return nil, err
		}
		return l.check(r.Context(), h)
	}))
	api.HandleFunc("/lab/api/", l.answer(func(*http.Request) (any, error) {
		return nil, problem.New(problem.NotFound, "there is nothing here")
	}))
	api.Handle("/", newProxy(backend))
	return l.onlyOwnPages(api)
}

// status returns the states of the parts after a change.
func (l *lab) status(err error) (any, error) {
	if errors.Is(err, errUnknownPart) {
		return nil, problem.New(problem.NotFound, "there is no such part").WithCause(err)
	}
	return l.parts.Status(), err
}

// newProxy forwards requests to the product as a reverse proxy in production does: while the product is down, clients get a 502.
func newProxy(backend *url.URL) http.Handler {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	transport.DisableCompression = true
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(backend)
			r.Out.Host = r.In.Host
		},
		Transport: transport,
		// The SPA links to the lab's page when its own page has this header; it can read no other without a request.
		ModifyResponse: func(r *http.Response) error {
			r.Header.Set("Server-Timing", "lab")
			return nil
		},
		FlushInterval: -1, // streams
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		ErrorLog:      log.New(io.Discard, "", 0), // killed parts cut responses off
	}
}

// onlyOwnPages refuses requests that a foreign page may have caused. The host check prevents DNS rebinding: the page whose host
// name resolves to this address cannot change the Host header. Pages of other origins send their Origin.
func (l *lab) onlyOwnPages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLoopback((&url.URL{Host: r.Host}).Hostname()) {
			l.fail(w, r, problem.New(problem.Forbidden, "the fault lab answers to loopback names, not to %q", httpapi.Shorten(r.Host)))
			return
		}
		if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
			l.fail(w, r, problem.New(problem.Forbidden, "the fault lab answers its own pages, not those of %q", httpapi.Shorten(origin)))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

// answer returns a handler that sends the result of handle as JSON, or its error as a problem.
func (l *lab) answer(handle func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		result, err := handle(r)
		if err != nil {
			l.fail(w, r, err)
			return
		}
		l.send(w, http.StatusOK, "application/json", result)
	}
}

func (l *lab) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problem.Of(err)
	if p.Status >= http.StatusInternalServerError {
		l.log.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "error", err)
	}
	l.send(w, p.Status, problem.ContentType, p)
}

func (l *lab) send(w http.ResponseWriter, status int, media string, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "the answer can't be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", media)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// readJSON decodes a body. Errors are problems, as those of httpapi.ReadJSON.
func readJSON[T any](r *http.Request) (T, error) {
	var zero T
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return zero, problem.New(problem.UnsupportedMediaType, "send Content-Type: application/json")
	}
	body, err := io.ReadAll(r.Body)
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return zero, problem.New(problem.TooLarge, "the body must have at most %d bytes", tooLarge.Limit)
	}
	if err != nil {
		return zero, problem.New(problem.InvalidRequest, "the body can't be read").WithCause(err)
	}
	return httpapi.ParseJSON[T](body)
}
