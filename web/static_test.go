package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

var sampleUI = fstest.MapFS{
	"index.html":            {Data: []byte("<!doctype html><html><head><title>ringbook</title></head><body></body></html>")},
	"assets/app-3f2a1b.js":  {Data: []byte(strings.Repeat("console.log('ringbook');\n", 200))},
	"assets/app-3f2a1b.css": {Data: []byte("body{}")},
	"icon.svg":              {Data: []byte("<svg xmlns='http://www.w3.org/2000/svg'/>")},
	".hidden":               {Data: []byte("secret")},
}

func get(t *testing.T, h http.Handler, method, path string, header ...string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Result(), string(body)
}

func TestPages(t *testing.T) {
	s := New(Config{Pages: sampleUI, Version: "1.2.3"})
	const html = "text/html,application/xhtml+xml"
	for _, c := range []struct {
		method, path, accept string
		status               int
		kind, cache          string
	}{
		{"GET", "/", html, 200, "text/html; charset=utf-8", "no-cache"},
		{"GET", "/index.html", html, 200, "text/html; charset=utf-8", "no-cache"},
		{"GET", "/customers/01890000-0000-7000-8000-000000000000", html, 200, "text/html; charset=utf-8", "no-cache"},
		{"HEAD", "/desk", html, 200, "text/html; charset=utf-8", "no-cache"},
		{"GET", "/assets/app-3f2a1b.js", "*/*", 200, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"GET", "/icon.svg", "image/*", 200, "image/svg+xml", "no-cache"},
		{"GET", "/assets/app-old.js", "*/*", 404, "application/problem+json", "no-store"},
		{"GET", "/.hidden", "*/*", 404, "application/problem+json", "no-store"},
		{"GET", "/../go.mod", "*/*", 404, "application/problem+json", "no-store"},
		{"GET", "/assets", "*/*", 404, "application/problem+json", "no-store"},
		{"POST", "/customers", html, 405, "application/problem+json", "no-store"},
		{"GET", "/api/v1/nothing", html, 404, "application/problem+json", "no-store"},
		{"GET", "/api", html, 404, "application/problem+json", "no-store"},
		{"PUT", "/api/v1/calls", "*/*", 405, "application/problem+json", "no-store"},
	} {
		res, _ := get(t, s, c.method, c.path, "Accept", c.accept)
		if h := res.Header; res.StatusCode != c.status || h.Get("Content-Type") != c.kind || h.Get("Cache-Control") != c.cache {
			t.Errorf("%s %s: %d %q %q, want %d %q %q", c.method, c.path,
				res.StatusCode, h.Get("Content-Type"), h.Get("Cache-Control"), c.status, c.kind, c.cache)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "X-Frame-Options": "DENY", VersionHeader: "1.2.3",
		} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s %s: %s is %q, want %q", c.method, c.path, name, got, want)
			}
		}
		if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "script-src 'self';") ||
			!strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s %s: weak policy %q", c.method, c.path, csp)
		}
	}
}

func TestPages_NonceIsInPageAndPolicyAndUsedOnce(t *testing.T) {
	s := New(Config{Pages: sampleUI})
	inPage := regexp.MustCompile(`<meta property="csp-nonce" nonce="([A-Z0-9]{26})" />`)
	seen := map[string]bool{}
	for range 3 {
		res, body := get(t, s, "GET", "/", "Accept", "text/html")
		m := inPage.FindStringSubmatch(body)
		if m == nil {
			t.Fatalf("no nonce in %s", body)
		}
		if !strings.Contains(res.Header.Get("Content-Security-Policy"), "style-src 'self' 'nonce-"+m[1]+"'") {
			t.Errorf("the policy has another nonce: %s", res.Header.Get("Content-Security-Policy"))
		}
		if seen[m[1]] {
			t.Error("a nonce was used twice")
		}
		seen[m[1]] = true
	}
}

func TestPages_AreCompressed(t *testing.T) {
	s := New(Config{Pages: sampleUI})
	plain, body := get(t, s, "GET", "/assets/app-3f2a1b.js")
	packed, gz := get(t, s, "GET", "/assets/app-3f2a1b.js", "Accept-Encoding", "gzip")
	if plain.Header.Get("Content-Encoding") != "" || packed.Header.Get("Content-Encoding") != "gzip" || len(gz)*4 > len(body) {
		t.Errorf("%q %d bytes, %q %d bytes", plain.Header.Get("Content-Encoding"), len(body), packed.Header.Get("Content-Encoding"), len(gz))
	}
}

func TestPages_NotBuiltSaysHow(t *testing.T) {
	res, body := get(t, New(Config{Pages: fstest.MapFS{".gitkeep": {}}}), "GET", "/", "Accept", "text/html")
	if res.StatusCode != http.StatusOK || !strings.Contains(body, "make build") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}
