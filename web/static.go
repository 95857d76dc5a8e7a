package web

import (
	"bytes"
	"crypto/rand"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// built is the built UI; without `make build` it holds nothing.
//
//go:embed all:ui/dist
var built embed.FS

// pages serves the UI: its files, and index.html for every path that a page of it may have.
type pages struct {
	files fs.FS
	index []byte // index.html, nil when the UI has not been built
}

// newPages reads the UI from files, from the embedded ones when that is nil.
func newPages(files fs.FS) *pages {
	if files == nil {
		files, _ = fs.Sub(built, "ui/dist") // a constant, valid path
	}
	index, err := fs.ReadFile(files, "index.html")
	if err != nil {
		index = nil
	}
	return &pages{files: files, index: index}
}

// ServeHTTP answers only GET and HEAD.
func (p *pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		writeProblem(w, http.StatusMethodNotAllowed, "This address can only be read.")
		return
	}
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	if name != "index.html" && fs.ValidPath(name) && p.serveFile(w, r, name) {
		return
	}
	// A path without a file is a page of the UI, unless something that is no page was asked for: a script that
	// an older page still wants must fail as missing, not arrive as HTML.
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		writeProblem(w, http.StatusNotFound, "There is nothing at this address.")
		return
	}
	p.serveIndex(w, r)
}

// serveFile reports whether there is a file of that name.
func (p *pages) serveFile(w http.ResponseWriter, r *http.Request, name string) bool {
	f, err := p.files.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	info, err := f.Stat()
	content, ok := f.(io.ReadSeeker)
	if err != nil || info.IsDir() || !ok || strings.HasPrefix(path.Base(name), ".") {
		return false
	}
	if strings.HasPrefix(name, "assets/") { // Vite puts a hash of the content into these names
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		w.Header().Set("Cache-Control", "no-cache")
	}
	http.ServeContent(w, r, name, time.Time{}, content)
	return true
}

// serveIndex sends the page with a nonce made for this one response. Mantine writes its variables and responsive
// styles into <style> elements at run time; with a nonce the policy need not allow inline styles of anybody else.
// The page finds the nonce where Vite and React Aria look for it as well.
func (p *pages) serveIndex(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Type", "text/html; charset=utf-8")
	page := notBuilt
	if p.index != nil {
		nonce := rand.Text()
		h.Set("Content-Security-Policy", policy("'nonce-"+nonce+"'"))
		page = bytes.Replace(p.index, []byte("<head>"), fmt.Appendf(nil, "<head>\n    <meta property=\"csp-nonce\" nonce=%q />", nonce), 1)
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(page))
}

// policy is the content security policy: nothing from elsewhere, no inline script, never inside a frame.
func policy(style string) string {
	return strings.TrimSpace("default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data: blob:; " +
		"font-src 'self'; media-src 'self' blob:; manifest-src 'self'; worker-src 'self'; base-uri 'none'; " +
		"form-action 'self'; frame-ancestors 'none'; style-src 'self' " + style)
}

var notBuilt = []byte(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>ringbook</title></head>
<body><h1>ringbook is running, but its pages have not been built</h1>
<p>Run <code>make build</code> in the repository and start it again. The API under <a href="/api/v1/openapi.json">/api/v1</a> works without them.</p>
</body></html>
`)
