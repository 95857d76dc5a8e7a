package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/pbx"
	"ringbook/pbx/ari"
	"ringbook/web"
)

// TestGeneratedTraces keeps the demo's copies the same as the recordings that the tracker's tests stand on.
func TestGeneratedTraces(t *testing.T) {
	files, err := filepath.Glob("traces/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no traces: %v", err)
	}
	for _, file := range files {
		recorded, err := os.ReadFile(filepath.Join("../../pbx/testdata", filepath.Base(file)))
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(file, recorded, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		copied, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(recorded, copied) {
			t.Errorf("%s is not the recording any more; run make generate", file)
		}
	}
}

// TestScenarios: each of the demo's scenarios is one call at the phones it names, with a ring long enough to be seen.
func TestScenarios(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.trace, func(t *testing.T) {
			recording, err := traces.ReadFile("traces/" + s.trace + ".jsonl")
			if err != nil {
				t.Fatal(err)
			}
			paced, err := pace(recording, s.pauses)
			if err != nil {
				t.Fatal(err)
			}
			tracker := pbx.NewTracker(pbx.Config{Name: "demo"})
			var first, last time.Time
			calls := map[string]pbx.Call{}
			tracker.Apply(ari.Item{At: time.Unix(0, 0), Live: &ari.Live{App: "test"}})
			for item, err := range ari.ReadRecording(bytes.NewReader(paced)) {
				if err != nil {
					t.Fatal(err)
				}
				if first.IsZero() {
					first = item.At
				}
				last = item.At
				for _, call := range tracker.Apply(item) {
					calls[call.ID.String()] = call
				}
			}
			if took := last.Sub(first); took < 6*time.Second || took > time.Minute {
				t.Errorf("lasts %s", took)
			}
			if len(calls) != 1 {
				t.Fatalf("makes %d calls", len(calls))
			}
			for _, call := range calls {
				phones := map[string]bool{}
				for _, leg := range call.Legs {
					if leg.Role == pbx.RoleAgent {
						phones[leg.Extension] = true
					}
				}
				if off := call.StartedAt.Sub(first).Abs(); off > time.Second {
					t.Errorf("starts %s off the first event", off)
				}
				if off := call.EndedAt.Sub(last).Abs(); off > time.Second {
					t.Errorf("ends %s off the last event", off)
				}
				if call.State != pbx.StateEnded || len(phones) != len(s.phones) {
					t.Errorf("ends as %s with the phones %v, want %v", call.State, phones, s.phones)
				}
			}
		})
	}
}

func TestInventedCallsAreTrue(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	calls := inventCalls(now)
	if len(calls) < pastCalls*9/10 {
		t.Fatalf("only %d calls", len(calls))
	}
	ids := map[string]bool{}
	for _, call := range calls {
		if ids[call.ID.String()] {
			t.Errorf("%s twice", call.ID)
		}
		ids[call.ID.String()] = true
		if call.StartedAt.After(call.EndedAt) || call.EndedAt.After(now) || call.State != pbx.StateEnded || len(call.Legs) != 2+len(call.Transfers) {
			t.Errorf("impossible: %+v", call)
		}
		for _, l := range call.Legs {
			talk := time.Duration(0)
			for i, s := range l.Spans {
				talk += s.To.Sub(s.From)
				if !s.To.After(s.From) || s.From.Before(l.OfferedAt) || s.To.After(l.EndedAt) || i > 0 && s.From.Before(l.Spans[i-1].To) {
					t.Errorf("impossible stretches: %+v", l)
				}
			}
			if talk != l.Talk {
				t.Errorf("stretches of %s, talk %s: %+v", talk, l.Talk, l)
			}
		}
		if call.Direction == pbx.Inbound && call.Outcome == pbx.Cancelled || call.Direction == pbx.Outbound && call.Outcome == pbx.Missed {
			t.Errorf("%s call with outcome %s", call.Direction, call.Outcome)
		}
	}
}

func TestNational(t *testing.T) {
	for number, want := range map[string]string{"+989121234567": "09121234567", "+982191001234": "02191001234", "+97145550000": "+97145550000"} {
		if got := national(number); got != want {
			t.Errorf("%s is %s, want %s", number, got, want)
		}
	}
}

func TestDemoRefusesAFolderThatIsNone(t *testing.T) {
	folder := t.TempDir()
	unlock, err := claimData(folder) // a service's
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	if err := claimDemo(folder); err == nil || !strings.Contains(err.Error(), "not a demo's") {
		t.Errorf("a service's folder: %v", err)
	}
	fresh := filepath.Join(t.TempDir(), "demo")
	for range 2 {
		if err := claimDemo(fresh); err != nil {
			t.Error(err)
		}
	}
}

// TestDemo runs the demo as an administrator would, twice on the same data, and sees it ring.
func TestDemo(t *testing.T) {
	clearEnvironment(t)
	data := filepath.Join(t.TempDir(), "demo")
	for round := range 2 {
		ctx, stop := context.WithCancel(t.Context())
		out := newLines()
		done := make(chan int, 1)
		go func() {
			done <- execute(&console{ctx: ctx, stdout: out, stderr: out}, []string{
				"demo", "--listen", "127.0.0.1:0", "--data", data, "--pause", "100ms",
			})
		}()
		out.await(t, "└──")
		_, after, _ := strings.Cut(out.String(), "The demo is ringing:  ")
		base, _, _ := strings.Cut(after, " ")
		neda := login(t, base, "neda", demoPassword)
		desk := neda.push()
		picture := awaitDesk(t, desk, "somebody rings", func(d web.Desk) bool { return len(d.Calls) > 0 && d.Calls[0].LookedUp })
		if picture.Agent.Username != "neda" {
			t.Errorf("the desk is %s's", picture.Agent.Username)
		}
		var past page
		login(t, base, "admin", demoPassword).do("GET", "/calls?to="+time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), nil, &past)
		var customers struct{ Items []crm.Customer }
		neda.do("GET", "/customers", nil, &customers)
		var sales crm.Page[calllog.FollowUp]
		login(t, base, "amir", demoPassword).do("GET", "/follow-ups", nil, &sales)
		if len(sales.Items) != 6 || sales.Items[0].State != calllog.FollowUpDue {
			t.Errorf("round %d: the sales team has %d follow-ups", round, len(sales.Items))
		}
		if len(past.Items) < 50 || len(customers.Items) < 25 {
			t.Errorf("round %d: %d past calls and %d customers on the first page", round, len(past.Items), len(customers.Items))
		}
		desk.Close()
		stop()
		if code := <-done; code != 0 {
			t.Errorf("round %d: exit status %d and\n%s", round, code, out.String())
		}
	}
}

func TestPauseRangeStaysInside(t *testing.T) {
	r := pauseRange{time.Second, 2 * time.Second}
	for range 100 {
		if d := r.draw(); d < r.from || d > r.to {
			t.Fatalf("%s is outside", d)
		}
	}
	if d := (pauseRange{time.Second, time.Second}).draw(); d != time.Second {
		t.Errorf("an empty range gives %s", d)
	}
}
