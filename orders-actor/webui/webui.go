// Package webui serves the built single-page app (web/) from inside the program.
//
// It guarantees that files whose name holds a hash (assets/) may be cached for ever and all others are asked for again,
// that each file goes out in the best form that the build left (brotli, gzip, plain), and that a link into the app is
// answered with the app, while anything else is a 404, which for a browser shows the app's own page for that. A program that
// was built without the app says so.
package webui

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/gofiber/fiber/v2"
)

//go:embed all:dist
var built embed.FS

const index = "index.html"

// forever is for names that change with their content.
const forever = "public, max-age=31536000, immutable"

// types are those that the build makes; the machine's own table may lack some.
var types = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".json": "application/json", ".map": "application/json", ".webmanifest": "application/manifest+json",
	".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon", ".webp": "image/webp",
	".woff2": "font/woff2", ".txt": "text/plain; charset=utf-8",
}

// Site is a built app, held in memory.
type Site struct{ files map[string]file }

type file struct {
	media string
	forms map[string]form // by content encoding; "" is the plain one
}

type form struct {
	content []byte
	etag    string
}

// New takes the app that was embedded.
func New() (*Site, error) {
	dist, err := fs.Sub(built, "dist")
	if err != nil {
		return nil, fmt.Errorf("open the built app: %w", err)
	}
	return Load(dist)
}

// Load reads an app from anywhere.
func Load(dist fs.FS) (*Site, error) {
	s := &Site{files: map[string]file{}}
	err := fs.WalkDir(dist, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(dist, name)
		if err != nil {
			return err
		}
		s.add(name, content)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the built app: %w", err)
	}
	return s, nil
}

func (s *Site) add(name string, content []byte) {
	encoding := ""
	switch path.Ext(name) {
	case ".br":
		name, encoding = strings.TrimSuffix(name, ".br"), "br"
	case ".gz":
		name, encoding = strings.TrimSuffix(name, ".gz"), "gzip"
	}
	f, ok := s.files[name]
	if !ok {
		f = file{media: types[path.Ext(name)], forms: map[string]form{}}
		if f.media == "" {
			f.media = fiber.MIMEOctetStream
		}
	}
	sum := sha256.Sum256(content)
	f.forms[encoding] = form{content: content, etag: `"` + hex.EncodeToString(sum[:8]) + `"`}
	s.files[name] = f
}

// routes are the addresses of pages in the app: those of web/src/app/routes.ts, and the one to which an issuer sends the
// browser back.
var routes = regexp.MustCompile(`^/(new|signed-in|orders/[^/]+)?$`)

// Serve answers a GET for a file or for a page of the app, and is fiber.ErrNotFound for anything else.
func (s *Site) Serve(c *fiber.Ctx) error {
	name := strings.TrimPrefix(c.Path(), "/")
	if f, ok := s.files[name]; ok && name != ".gitkeep" {
		return s.send(c, name, f)
	}
	if !wantsPage(c) {
		// Another release may have the file: nothing between us and the browser may remember that it is missing.
		c.Set(fiber.HeaderCacheControl, "no-store")
		return fiber.ErrNotFound
	}
	if !routes.MatchString(c.Path()) {
		c.Status(fiber.StatusNotFound)
	}
	if f, ok := s.files[index]; ok {
		return s.send(c, index, f)
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	return c.SendString(notBuilt)
}

// wantsPage tells a link into the app from a file that isn't there. An address that begins with two slashes, or what a
// browser takes for them, is no page: as a relative link it leads to another host.
func wantsPage(c *fiber.Ctx) bool {
	address := c.Path()
	if address == "/" {
		return true
	}
	foreign := strings.HasPrefix(address, "//") || strings.Contains(address, `\`)
	return strings.Contains(c.Get(fiber.HeaderAccept), fiber.MIMETextHTML) && !strings.HasPrefix(address, "/assets/") && !foreign
}

func (s *Site) send(c *fiber.Ctx, name string, f file) error {
	if len(f.forms) > 1 {
		c.Vary(fiber.HeaderAcceptEncoding)
	}
	encoding := ""
	for _, e := range []string{"br", "gzip"} {
		if _, ok := f.forms[e]; ok && c.Get(fiber.HeaderAcceptEncoding) != "" && c.AcceptsEncodings(e) == e {
			encoding = e
			break
		}
	}
	best, ok := f.forms[encoding]
	if !ok {
		return fiber.ErrNotFound // there is a packed form only, for somebody who can't unpack it
	}
	c.Set(fiber.HeaderETag, best.etag)
	c.Set(fiber.HeaderCacheControl, "no-cache")
	if strings.HasPrefix(name, "assets/") {
		c.Set(fiber.HeaderCacheControl, forever)
	}
	if c.Get(fiber.HeaderIfNoneMatch) == best.etag && c.Response().StatusCode() == fiber.StatusOK {
		return c.SendStatus(fiber.StatusNotModified)
	}
	if encoding != "" {
		c.Set(fiber.HeaderContentEncoding, encoding)
	}
	c.Set(fiber.HeaderContentType, f.media)
	return c.Send(best.content)
}

const notBuilt = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Orders</title>
<h1>The app isn't built into this program</h1>
<p>The API works: see <a href="/docs">its documentation</a>.</p>
<p>To have the app too, run <code>npm ci &amp;&amp; npm run build</code> in <code>web/</code> and build the program again, or let <code>make run</code> do both.</p>
</html>
`
