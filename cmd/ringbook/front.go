package main

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"strings"
	"sync"
	"time"

	"ringbook/pbx/ari"
	"ringbook/web"
)

// front is what answers HTTP from the first moment to the last: /healthz, /metrics and /readyz always, all the rest
// with "not yet" until the database is there, and by the program then. While the program shuts down it answers that it
// is not ready. Its methods are safe for concurrent use.
type front struct {
	mux *http.ServeMux
	app http.Handler // the program's own; set before anything is served

	mu       sync.Mutex
	starting web.Reason // what is waited for; empty: nothing any more
	draining bool       // leaving
}

func newFront(metrics http.Handler) *front {
	f := &front{mux: http.NewServeMux(), starting: "the database is being opened"}
	f.mux.Handle("GET /metrics", metrics)
	f.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		fmt.Fprintln(w, "ok")
	})
	f.mux.HandleFunc("GET /readyz", f.readyz)
	f.mux.HandleFunc("/", f.serve)
	return f
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.mux.ServeHTTP(w, r) }

// wait says what the program waits for.
func (f *front) wait(reason web.Reason) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.starting = reason
}

// waiting is what the program waits for, a web.Reason; nil: nothing any more.
func (f *front) waiting() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.starting == "" {
		return nil
	}
	return f.starting
}

// open lets requests in.
func (f *front) open() { f.wait("") }

// drain turns readiness off for good.
func (f *front) drain() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.draining = true
}

// readyz is the program's own while it is not about to leave.
func (f *front) readyz(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	draining := f.draining
	f.mu.Unlock()
	if !draining {
		f.app.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusServiceUnavailable)
	parts := []web.PartStatus{{Name: "service", Reason: "shutting down"}}
	_ = json.NewEncoder(w).Encode(map[string]any{"ready": false, "parts": parts}) // whoever asked has gone
}

func (f *front) serve(w http.ResponseWriter, r *http.Request) {
	waiting := f.waiting()
	if waiting == nil {
		f.app.ServeHTTP(w, r)
		return
	}
	starting := waiting.Error()
	w.Header().Set("Retry-After", "2")
	w.Header().Set("Cache-Control", "no-store")
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Refresh", "2")
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintf(w, "<!doctype html><meta charset=utf-8><title>ringbook</title><p>ringbook is starting: %s.", html.EscapeString(starting))
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(http.StatusServiceUnavailable)
	_ = json.NewEncoder(w).Encode(map[string]any{"title": "Service Unavailable", "status": http.StatusServiceUnavailable, "detail": "ringbook is starting: " + starting})
}

// canaryAge is how old the last test event of a stream may be for the stream to count as live: the client sends one
// every ten seconds and waits five for it.
const canaryAge = 20 * time.Second

// streamPart is an exchange's stream as readiness sees it: its liveness is the age of the last test event that came
// through the whole path, not an open socket.
func streamPart(name string, health ari.Health, now time.Time) web.Part {
	part := web.Part{
		Name: name, Live: health.Fresh(now, canaryAge), Since: health.Since, Canary: health.LastCanary,
		Version: health.Version, RTT: health.CanaryRTT, Rate: health.Rate,
	}
	switch {
	case part.Live:
	case health.Live: // an open connection from which nothing comes
		part.Since = health.LastCanary
		part.Reason = fmt.Sprintf("no test event has come through for %s", now.Sub(health.LastCanary).Round(time.Second))
	case health.Reason != "":
		part.Reason = health.Reason
	default:
		part.Reason = "not connected"
	}
	return part
}
