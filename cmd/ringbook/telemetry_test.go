package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"ringbook/db/dbtest"
)

// TestMetrics_NoSeriesOfAClientsMaking: whatever hosts clients claim to speak to, there are no more series than before.
func TestMetrics_NoSeriesOfAClientsMaking(t *testing.T) {
	p := startProgram(t, testSettings(t, func(c *Config) { c.Database.Database = dbtest.URL(dbtest.New(t)) }))
	ask := func(path, host string) string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		answer, err := oneRequest.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	series := func() int { return strings.Count(ask("/metrics", ""), "\nhttp_server_request_duration_seconds_count{") }
	ask("/readyz", "")
	eventually(t, "requests are counted", func() bool { return series() > 0 })
	awaitReady(t, p.URL)
	ask("/readyz", "")
	before := series()
	for n := range 50 {
		ask("/readyz", fmt.Sprintf("host-%d.example:%d", n, 1000+n))
	}
	if after := series(); after != before {
		t.Errorf("%d series of requests, %d before", after, before)
	}
	if text := ask("/metrics", ""); strings.Contains(text, "host-7.example") {
		t.Error("a client's word is a label")
	}
}
