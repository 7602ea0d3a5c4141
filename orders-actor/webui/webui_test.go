package webui_test

import (
	"io"
	"net/http/httptest"
	"net/url"
	"testing"
	"testing/fstest"

	"github.com/gofiber/fiber/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/orders-actor/webui"
)

func site(t *testing.T, files map[string]string) *fiber.App {
	dist := fstest.MapFS{".gitkeep": {}}
	for name, content := range files {
		dist[name] = &fstest.MapFile{Data: []byte(content)}
	}
	s, err := webui.Load(dist)
	require.NoError(t, err)
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Use(s.Serve)
	return app
}

var builtFiles = map[string]string{
	"index.html": "<app>", "favicon.svg": "<svg>",
	"assets/app-1a2b.js": "plain", "assets/app-1a2b.js.br": "brotli", "assets/app-1a2b.js.gz": "gzip",
}

func TestServeSelectsFileVariantAndCaching(t *testing.T) {
	const page = "text/html,application/xhtml+xml,*/*;q=0.8"
	for name, c := range map[string]struct {
		path, accept, encoding     string
		status                     int
		body, gotEncoding, caching string
	}{
		"start page":                       {"/", page, "", 200, "<app>", "", "no-cache"},
		"page of the app":                  {"/orders/42", page, "", 200, "<app>", "", "no-cache"},
		"redirect URI of the sign-in":      {"/signed-in?code=1", page, "", 200, "<app>", "", "no-cache"},
		"unknown page":                     {"/orders/42/items", page, "", 404, "<app>", "", "no-cache"},
		"path traversal":                   {"/../../etc/passwd", page, "", 404, "<app>", "", "no-cache"},
		"host in the path":                 {"//evil.example/x", page, "", 404, "Not Found", "", "no-store"},
		"host after a backslash":           {"/\\evil.example/x", page, "", 404, "Not Found", "", "no-store"},
		"page after two slashes":           {"//orders/42", page, "", 404, "Not Found", "", "no-store"},
		"file after two slashes":           {"//favicon.svg", "*/*", "", 404, "Not Found", "", "no-store"},
		"file at the root":                 {"/favicon.svg", "image/*", "", 200, "<svg>", "", "no-cache"},
		"hashed file, brotli":              {"/assets/app-1a2b.js", "*/*", "gzip, deflate, br", 200, "brotli", "br", "public, max-age=31536000, immutable"},
		"hashed file, gzip":                {"/assets/app-1a2b.js", "*/*", "gzip", 200, "gzip", "gzip", "public, max-age=31536000, immutable"},
		"hashed file, brotli refused":      {"/assets/app-1a2b.js", "*/*", "br;q=0, gzip", 200, "gzip", "gzip", "public, max-age=31536000, immutable"},
		"hashed file, uncompressed":        {"/assets/app-1a2b.js", "*/*", "", 200, "plain", "", "public, max-age=31536000, immutable"},
		"missing asset, requested as page": {"/assets/app-gone.js", page, "", 404, "Not Found", "", "no-store"},
		"page requested as JSON":           {"/orders/42", "application/json", "", 404, "Not Found", "", "no-store"},
		"file that is not of the app":      {"/.gitkeep", "*/*", "", 404, "Not Found", "", "no-store"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.RequestURI = c.path
			r.URL = &url.URL{Opaque: c.path}
			r.Header.Set("Accept", c.accept)
			r.Header.Set("Accept-Encoding", c.encoding)
			res, err := site(t, builtFiles).Test(r, -1)
			require.NoError(t, err)
			body, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			assert.Equal(t, c.status, res.StatusCode)
			assert.Equal(t, c.body, string(body))
			assert.Equal(t, c.gotEncoding, res.Header.Get("Content-Encoding"))
			assert.Equal(t, c.caching, res.Header.Get("Cache-Control"))
		})
	}
}

func TestServeRevalidatesByETag(t *testing.T) {
	app := site(t, builtFiles)
	res, err := app.Test(httptest.NewRequest("GET", "/", nil), -1)
	require.NoError(t, err)
	again := httptest.NewRequest("GET", "/", nil)
	again.Header.Set("If-None-Match", res.Header.Get("ETag"))
	res, err = app.Test(again, -1)
	require.NoError(t, err)
	assert.Equal(t, 304, res.StatusCode)
}

func TestServeSaysThatAppIsNotBuilt(t *testing.T) {
	res, err := site(t, nil).Test(httptest.NewRequest("GET", "/", nil), -1)
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	assert.Contains(t, string(body), "isn't built")
}
