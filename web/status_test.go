package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"
)

// It names no node and no version, since anybody may ask.
func TestReadyz_NamesThePart(t *testing.T) {
	since := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	var database error
	parts := []Part{{Name: "main", Live: true, Since: since, Version: "22.10.1"}, {Name: "branch", Live: true, Leader: &Leader{Node: "node-b", Epoch: 7, Since: since, Standby: "node-a"}}}
	s := New(Config{
		Database: func(context.Context) error { return database }, Exchanges: func() []Part { return parts },
	})
	check := func(status int, body string) {
		t.Helper()
		res, got := get(t, s, http.MethodGet, "/readyz")
		if res.StatusCode != status || strings.TrimSpace(got) != body || res.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%d %s, want %d %s", res.StatusCode, got, status, body)
		}
	}
	const db = `{"name":"database","live":true,"since":null,"canary_age_s":null,"reason":""}`
	const main = `{"name":"main","live":true,"since":"2026-11-22T10:00:00Z","canary_age_s":null,"reason":""}`
	check(200, `{"ready":true,"parts":[`+db+`,`+main+`,{"name":"branch","live":true,"since":null,"canary_age_s":null,"reason":"","leader":"elsewhere","standby":true}]}`)
	parts[1].Live, parts[1].Reason = false, "The exchange does not answer."
	parts[1].Leader = &Leader{Node: "node-a", Here: true}
	check(503, `{"ready":false,"parts":[`+db+`,`+main+`,{"name":"branch","live":false,"since":null,"canary_age_s":null,"reason":"The exchange does not answer.","leader":"here"}]}`)
	parts[1].Leader = &Leader{}
	check(503, `{"ready":false,"parts":[`+db+`,`+main+`,{"name":"branch","live":false,"since":null,"canary_age_s":null,"reason":"The exchange does not answer.","leader":"none"}]}`)
	// The manager's trouble is told, and makes nothing unready.
	both := parts
	parts = []Part{both[0]}
	parts[0].AMI = &AMI{Reason: "the PBX refuses the AMI user", Missing: []string{}}
	check(200, `{"ready":true,"parts":[`+db+`,`+strings.TrimSuffix(main, "}")+`,"ami":false}]}`)
	parts = both
	parts, database = parts[:1], errors.New("dial unix /secret/path: connection refused")
	check(503, `{"ready":false,"parts":[{"name":"database","live":false,"since":null,"canary_age_s":null,"reason":"The database does not answer."},`+main+`]}`)
	database = Reason("the database cannot be reached")
	check(503, `{"ready":false,"parts":[{"name":"database","live":false,"since":null,"canary_age_s":null,"reason":"the database cannot be reached"},`+main+`]}`)
}

// However many requests come while the database is away, the log tells of it once, and once when it is back.
func TestReadyz_AnOutageIsToldOnce(t *testing.T) {
	var log syncBuffer
	database := errors.New("connection refused")
	s := New(Config{
		Database: func(context.Context) error { return database }, Exchanges: func() []Part { return nil },
		Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	for range 20 {
		get(t, s, http.MethodGet, "/readyz")
		s.problem(t.Context(), http.MethodGet, errors.New("broken pipe"))
	}
	if said := log.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "level=WARN") {
		t.Errorf("while it is away:\n%s", said)
	}
	database = nil
	get(t, s, http.MethodGet, "/readyz")
	if said := log.String(); strings.Count(said, "\n") != 2 || !strings.Contains(said, "answers again") || !strings.Contains(said, "failed=40") {
		t.Errorf("when it is back:\n%s", said)
	}
	get(t, s, http.MethodGet, "/readyz")
	if said := log.String(); strings.Count(said, "\n") != 2 {
		t.Errorf("afterwards:\n%s", said)
	}
}

func TestCanaryAge_IsOfTheLastTestEvent(t *testing.T) {
	now := time.Now()
	if age := (Part{}).canaryAge(now); age != nil {
		t.Errorf("no canary is %v s old", *age)
	}
	for gone, want := range map[time.Duration]float64{1240 * time.Millisecond: 1.2, time.Minute: 60, -time.Second: 0} {
		if age := (Part{Canary: now.Add(-gone)}).canaryAge(now); age == nil || *age != want {
			t.Errorf("a canary of %s ago: %v, want %v s", gone, age, want)
		}
	}
}
