package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestReadyz_NamesThePart(t *testing.T) {
	since := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	var database error
	parts := []Part{{Name: "main", Live: true, Since: since}, {Name: "branch", Live: true}}
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
	const db, main = `{"name":"database","live":true,"since":null,"reason":""}`, `{"name":"main","live":true,"since":"2026-11-22T10:00:00Z","reason":""}`
	check(200, `{"ready":true,"parts":[`+db+`,`+main+`,{"name":"branch","live":true,"since":null,"reason":""}]}`)
	parts[1].Live, parts[1].Reason = false, "The exchange does not answer."
	check(503, `{"ready":false,"parts":[`+db+`,`+main+`,{"name":"branch","live":false,"since":null,"reason":"The exchange does not answer."}]}`)
	parts, database = parts[:1], errors.New("dial unix /secret/path: connection refused")
	check(503, `{"ready":false,"parts":[{"name":"database","live":false,"since":null,"reason":"The database does not answer."},`+main+`]}`)
}
