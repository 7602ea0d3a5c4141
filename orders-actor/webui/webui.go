// Package webui serves the built single-page app (web/), which is embedded into the program.
//
// Files whose names contain a hash (assets/) may be cached forever, all others are revalidated. Files are sent compressed if
// the build has compressed them and the client accepts that. Links into the app are answered with its page; other paths are
// a 404, with the app's page for browsers. A program built without the app serves a page that says so.
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

// immutable is the Cache-Control of files whose names change with their content.
const immutable = "public, max-age=31536000, immutable"

// types has the media types of the files in a build. The table of the operating system may lack some.
var types = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".json": "application/json", ".map": "application/json", ".webmanifest": "application/manifest+json",
	".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon", ".webp": "image/webp",
	".woff2": "font/woff2", ".txt": "text/plain; charset=utf-8",
}

// Site is a built app in memory.
type Site struct{ files map[string]file }

type file struct {
	media    string
	variants map[string]variant // by content encoding; "" is uncompressed
}

type variant struct {
	content []byte
	etag    string
}

// New returns the embedded app.
func New() (*Site, error) {
	dist, err := fs.Sub(built, "dist")
	if err != nil {
		return nil, fmt.Errorf("open built app: %w", err)
	}
	return Load(dist)
}

// Load reads a built app.
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
		return nil, fmt.Errorf("read built app: %w", err)
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
		f = file{media: types[path.Ext(name)], variants: map[string]variant{}}
		if f.media == "" {
			f.media = fiber.MIMEOctetStream
		}
	}
	sum := sha256.Sum256(content)
	f.variants[encoding] = variant{content: content, etag: `"` + hex.EncodeToString(sum[:8]) + `"`}
	s.files[name] = f
}

// routes matches the paths of pages: those of web/src/app/routes.ts, and the redirect URI of the sign-in.
var routes = regexp.MustCompile(`^/(new|lab|signed-in|orders/[^/]+)?$`)

// Serve serves files and pages of the app. It returns fiber.ErrNotFound for other paths.
func (s *Site) Serve(c *fiber.Ctx) error {
	name := strings.TrimPrefix(c.Path(), "/")
	if f, ok := s.files[name]; ok && name != ".gitkeep" {
		return s.send(c, name, f)
	}
	if !wantsPage(c) {
		// Another release may have the file, so caches must not store that it is missing.
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

// wantsPage reports whether a request is for a page, not for a missing file. Paths that begin with two slashes, or with
// backslashes, which browsers take for slashes, are no pages: as relative links they lead to another host.
func wantsPage(c *fiber.Ctx) bool {
	address := c.Path()
	if address == "/" {
		return true
	}
	foreign := strings.HasPrefix(address, "//") || strings.Contains(address, `\`)
	return strings.Contains(c.Get(fiber.HeaderAccept), fiber.MIMETextHTML) && !strings.HasPrefix(address, "/assets/") && !foreign
}

func (s *Site) send(c *fiber.Ctx, name string, f file) error {
	if len(f.variants) > 1 {
		c.Vary(fiber.HeaderAcceptEncoding)
	}
	encoding := ""
	for _, e := range []string{"br", "gzip"} {
		if _, ok := f.variants[e]; ok && c.Get(fiber.HeaderAcceptEncoding) != "" && c.AcceptsEncodings(e) == e {
			encoding = e
			break
		}
	}
	best, ok := f.variants[encoding]
	if !ok {
		return fiber.ErrNotFound // there are compressed variants only, and the client accepts none
	}
	c.Set(fiber.HeaderETag, best.etag)
	c.Set(fiber.HeaderCacheControl, "no-cache")
	if strings.HasPrefix(name, "assets/") {
		c.Set(fiber.HeaderCacheControl, immutable)
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
