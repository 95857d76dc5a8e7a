package web

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"ringbook/calllog"
	"ringbook/crm"
)

// longLog makes so many calls with long notes: more than the buffers between a server and a reader take.
func (h *house) longLog(calls int) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := h.db.Pool().Exec(ctx, `
		WITH made AS (
			INSERT INTO call (id, pbx, version, direction, state, outcome, caller_raw, caller_number, caller_name, caller_withheld,
				dialed_raw, dialed_number, number, trunk, queue, customer_ref, started_at, wait_ms, talk_ms, hold_ms, hangup_by,
				hangup_cause, hangup_text, transfers, partial, reconstructed, whole, search, match_rule, candidates)
			SELECT gen_random_uuid(), 'main', 1, 'inbound', 'ended', 'answered', '', '+98912' || n, '', false, '', '', '+98912' || n, '', '', '',
				now() - n * interval '1 minute', 0, 0, 0, '', 16, '', '[]', false, false, true, '', 'none', '{}'
			FROM generate_series(1, $1::int) n
			RETURNING id)
		INSERT INTO call_annotation (call_id, note, updated_at) SELECT id, repeat('یادداشت ', 1200), now() FROM made`, calls)
	if err != nil {
		h.t.Fatal(err)
	}
}

// export makes one and returns it.
func (c *client) export(body object) calllog.Export {
	c.t.Helper()
	var e calllog.Export
	c.want(http.StatusCreated, http.MethodPost, "/exports", body, &e)
	return e
}

// fetch asks for a file and returns when its head is there. The caller reads it, or does not.
func (c *client) fetch(ctx context.Context, id uuid.UUID) *http.Response {
	c.t.Helper()
	transport := &http.Transport{}
	c.t.Cleanup(transport.CloseIdleConnections)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+base+"/exports/"+id.String()+"/file", nil)
	if err != nil {
		c.t.Fatal(err)
	}
	for k, v := range c.header {
		req.Header[k] = v
	}
	u, _ := url.Parse(c.url)
	for _, k := range c.http.Jar.Cookies(u) {
		req.AddCookie(k)
	}
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { res.Body.Close() })
	return res
}

// became waits until an export has ended, and says how.
func (c *client) became(id uuid.UUID) calllog.Export {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var e calllog.Export
		c.want(http.StatusOK, http.MethodGet, "/exports/"+id.String(), nil, &e)
		if e.EndedAt != nil {
			return e
		}
		select {
		case <-ctx.Done():
			c.t.Fatalf("the export does not end: %+v", e)
		case <-tick.C:
		}
	}
}

func TestExport_FileOfAnyFilter(t *testing.T) {
	h := newHouse(t)
	boss := h.agent("root", crm.RoleAdmin)
	h.agent("neda", crm.RoleAgent, "1001")
	call := h.ring("09121112233", "1001")
	h.follow(h.hangup(h.answer(call, "1001")))
	h.follow(h.hangup(h.ring("09124445566", "1001")))
	h.sync()
	c := h.program(boss)

	e := c.export(object{"format": "csv", "filter": object{"outcome": "answered"}})
	if e.Language != "fa" || e.Calendar != calllog.CalendarJalali || e.State != calllog.ExportReady || e.Estimate == nil || e.Exact && *e.Estimate != 1 {
		t.Errorf("made: %+v", e)
	}
	res := c.fetch(context.Background(), e.ID)
	file, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%d %v", res.StatusCode, err)
	}
	for header, want := range map[string]string{
		"Content-Type": typeCSV, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
	} {
		if got := res.Header.Get(header); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	if name := res.Header.Get("Content-Disposition"); !regexp.MustCompile(`^attachment; filename="ringbook-calls-14\d\d-[01]\d-[0-3]\d\.csv"$`).MatchString(name) {
		t.Errorf("the file is called %s", name)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(string(file), "\ufeff"))).ReadAll()
	if err != nil || len(rows) != 2 || rows[1][20] != call.ID.String() || rows[0][0] != "تاریخ" {
		t.Errorf("%v %q", err, rows)
	}
	if done := c.became(e.ID); done.State != calllog.ExportDone || done.Rows != 1 || done.Bytes != int64(len(file)) {
		t.Errorf("became: %+v", done)
	}
	if again := c.fetch(context.Background(), e.ID); again.StatusCode != http.StatusConflict || again.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("fetched again: %d", again.StatusCode)
	}
	if other := h.login("neda").fetch(context.Background(), e.ID); other.StatusCode != http.StatusNotFound {
		t.Errorf("fetched by another: %d", other.StatusCode)
	}
	if nobody := h.client().fetch(context.Background(), e.ID); nobody.StatusCode != http.StatusUnauthorized {
		t.Errorf("fetched by nobody: %d", nobody.StatusCode)
	}
	var mine crm.Page[calllog.Export]
	c.want(http.StatusOK, http.MethodGet, "/exports", nil, &mine)
	if len(mine.Items) != 1 || mine.Items[0].Filter.Outcome != "answered" {
		t.Errorf("my exports: %+v", mine)
	}

	// The same in English, as a workbook; and what is refused.
	e = c.export(object{"format": "xlsx", "language": "en"})
	if res := c.fetch(context.Background(), e.ID); res.Header.Get("Content-Type") != typeXLSX || !strings.Contains(res.Header.Get("Content-Disposition"), time.Now().In(tehran(t)).Format(time.DateOnly)+".xlsx") {
		t.Errorf("%v", res.Header)
	}
	for _, body := range []object{
		{"format": "pdf"},
		{"format": "csv", "filter": object{"outcome": "fine"}},
		{"format": "csv", "filter": object{"cursor": "x"}},
		{"format": "csv", "filter": object{"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}},
		{"format": "csv", "filter": object{"number": "()"}},
		{"format": "csv", "calendar": "lunar"},
		{},
	} {
		c.want(http.StatusUnprocessableEntity, http.MethodPost, "/exports", body, nil)
	}
	var problem struct{ Errors []struct{ Location string } }
	c.want(http.StatusUnprocessableEntity, http.MethodPost, "/exports", object{"format": "csv", "filter": object{"number": "()"}}, &problem)
	if len(problem.Errors) != 1 || problem.Errors[0].Location != "body.filter.number" {
		t.Errorf("the fault is at %+v", problem)
	}
}

// However a file ends before its end, the reader is not left with one that looks whole, and everybody is told why.
func TestExport_BrokenOff(t *testing.T) {
	for name, c := range map[string]struct {
		end     func(t *testing.T, h *house, c *client, e calllog.Export, giveUp context.CancelFunc)
		state   calllog.ExportState
		problem calllog.ExportProblem
	}{
		"cancelled": {func(_ *testing.T, _ *house, c *client, e calllog.Export, _ context.CancelFunc) {
			c.want(http.StatusOK, http.MethodDelete, "/exports/"+e.ID.String(), nil, nil)
		}, calllog.ExportCancelled, ""},
		"broken": {func(_ *testing.T, _ *house, _ *client, _ calllog.Export, giveUp context.CancelFunc) { giveUp() }, calllog.ExportFailed, calllog.ExportBroken},
		"stalled": {func(*testing.T, *house, *client, calllog.Export, context.CancelFunc) {
			// the reader takes nothing more
		}, calllog.ExportFailed, calllog.ExportStalled},
		"logged out": {func(_ *testing.T, _ *house, c *client, _ calllog.Export, _ context.CancelFunc) {
			c.want(http.StatusNoContent, http.MethodDelete, "/session", nil, nil)
		}, calllog.ExportFailed, calllog.ExportRevoked},
		"stopped": {func(_ *testing.T, h *house, _ *client, _ calllog.Export, _ context.CancelFunc) { h.stop() }, calllog.ExportFailed, calllog.ExportStopped},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, func(s *Server) {
				s.files.farewell = 10 * time.Millisecond
				if name == "stalled" {
					s.files.stall = 500 * time.Millisecond
				}
			})
			boss := h.agent("root", crm.RoleAdmin)
			h.longLog(2500)
			browser, watcher := h.login("root"), h.program(boss)
			e := browser.export(object{"format": "csv"})
			ctx, giveUp := context.WithCancel(context.Background())
			defer giveUp()
			res := browser.fetch(ctx, e.ID)
			if _, err := io.ReadFull(res.Body, make([]byte, 200_000)); err != nil {
				t.Fatal(err)
			}
			c.end(t, h, browser, e, giveUp)
			if name == "stopped" {
				// Nobody answers any more: the table tells.
				var state calllog.ExportState
				var problem calllog.ExportProblem
				err := h.db.Pool().QueryRow(context.Background(), `SELECT state, problem FROM export WHERE id = $1`, e.ID).Scan(&state, &problem)
				if err != nil || state != c.state || problem != c.problem {
					t.Errorf("%s %q %v, want %s %q", state, problem, err, c.state, c.problem)
				}
			} else if got := watcher.became(e.ID); got.State != c.state || got.Problem != c.problem || got.Rows == 0 && name != "cancelled" {
				t.Errorf("%+v, want %s %q", got, c.state, c.problem)
			}
			if rest, err := io.ReadAll(res.Body); err == nil {
				t.Errorf("the file ends as if it were whole, after %d more bytes", len(rest))
			}
			audited := false
			for deadline := time.Now().Add(time.Minute); !audited && time.Now().Before(deadline); {
				err := h.db.Pool().QueryRow(context.Background(), `SELECT EXISTS (SELECT FROM audit WHERE entity = 'export' AND entity_id = $1
					AND action = 'end' AND (changes->>'rows')::int > 0 AND changes->>'state' = $2)`, e.ID.String(), c.state).Scan(&audited)
				if err != nil {
					t.Fatal(err)
				}
			}
			if !audited {
				t.Error("how many calls were taken out is not in the audit")
			}
		})
	}
}

// Two nodes behind a proxy: made at one, fetched at the other, watched and cancelled at the first.
func TestExport_AcrossNodes(t *testing.T) {
	h := newHouse(t)
	boss := h.agent("root", crm.RoleAdmin)
	h.longLog(2500)
	config := h.server.Config
	config.Node = "node-b"
	other := New(config)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- other.Run(ctx) }()
	listener := httptest.NewServer(other)
	defer func() { cancel(); <-done; listener.Close() }()

	a, b := h.program(boss), h.program(boss)
	b.url = listener.URL
	e := a.export(object{"format": "csv", "language": "fa"})
	res := b.fetch(context.Background(), e.ID)
	if _, err := io.ReadFull(res.Body, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	var seen calllog.Export
	a.want(http.StatusOK, http.MethodGet, "/exports/"+e.ID.String(), nil, &seen)
	if seen.State != calllog.ExportRunning {
		t.Errorf("seen from the other node: %+v", seen)
	}
	a.want(http.StatusOK, http.MethodDelete, "/exports/"+e.ID.String(), nil, nil)
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("the file ends as if it were whole")
	} else if errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if got := b.became(e.ID); got.State != calllog.ExportCancelled {
		t.Errorf("%+v", got)
	}
	if raw, err := json.Marshal(seen); err != nil || !strings.Contains(string(raw), `"estimate":`) {
		t.Errorf("%s %v", raw, err)
	}
}
