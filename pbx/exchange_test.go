package pbx_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ringbook/pbx"
	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

// follower keeps what an exchange gives out.
type follower struct {
	mu sync.Mutex
	s  story
}

func (f *follower) follow(_ context.Context, c pbx.Call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.s.pictures = append(f.s.pictures, c)
}

func (f *follower) story() story {
	f.mu.Lock()
	defer f.mu.Unlock()
	return story{pictures: append([]pbx.Call(nil), f.s.pictures...)}
}

// withFake runs a test with an exchange that follows a fake PBX, on a clock of its own. Both are gone afterwards.
func withFake(t *testing.T, test func(t *testing.T, fake *pbxtest.Fake, x *pbx.Exchange, f *follower)) {
	withFakeLogging(t, slog.New(slog.DiscardHandler), test)
}

func withFakeLogging(t *testing.T, log *slog.Logger, test func(t *testing.T, fake *pbxtest.Fake, x *pbx.Exchange, f *follower)) {
	synctest.Test(t, func(t *testing.T) {
		fake := pbxtest.NewFake(pbxtest.FakeConfig{})
		defer fake.Close()
		client, err := ari.New(ari.Config{Name: "lab", URL: fake.URL(), Log: log, DialContext: fake.Dial})
		if err != nil {
			t.Fatal(err)
		}
		x := pbx.NewExchange(client, labConfig, log)
		var f follower
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- x.Run(ctx, f.follow) }()
		for !x.Health().Live {
			time.Sleep(10 * time.Millisecond) // of the bubble's clock
		}
		test(t, fake, x, &f)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
	})
}

// pass lets d of the bubble's time pass, and what happens at its very end.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// play replays a recording without its pauses and waits until all of it has been followed.
func play(t *testing.T, fake *pbxtest.Fake, name string, o pbxtest.PlayOptions) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if err := fake.Play(t.Context(), bytes.NewReader(b), o); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

func TestExchange_FollowsCallsAndKnowsTheLive(t *testing.T) {
	withFake(t, func(t *testing.T, fake *pbxtest.Fake, x *pbx.Exchange, f *follower) {
		if x.Name() != "lab" || len(x.Live()) != 0 {
			t.Errorf("%q begins with %d calls", x.Name(), len(x.Live()))
		}
		play(t, fake, "queue-ringall-answered", pbxtest.PlayOptions{})
		s := f.story()
		checkInvariants(t, s, whole)
		calls := s.last()
		if len(calls) != 1 || calls[0].Outcome != pbx.Answered || calls[0].ReceivedAt.IsZero() {
			t.Fatalf("%d calls: %+v", len(calls), calls)
		}
		if live := x.Live(); len(live) != 0 {
			t.Errorf("%d calls are live after the end", len(live))
		}

		half := firstLines(t, "queue-ringall-answered", "ChannelEnteredBridge")
		if err := fake.Play(t.Context(), strings.NewReader(half), pbxtest.PlayOptions{Speed: math.Inf(1), Keep: true}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		live := x.Live()
		if len(live) != 1 || live[0].State != pbx.StateTalking {
			t.Errorf("live: %+v", live)
		}
	})
}

// firstLines is a recording up to the last line that holds a word.
func firstLines(t *testing.T, name, word string) string {
	b, err := os.ReadFile(filepath.Join("testdata", name+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(b), "\n")
	last := 0
	for i, l := range lines {
		if strings.Contains(l, word) {
			last = i
		}
	}
	return strings.Join(lines[:last+1], "")
}

// The PBX of others has no channelvars: what the dialplan said about the customer and the caller's wish not to be
// shown are asked for, and come as pictures of their own.
func TestExchange_AsksForWhatEventsDoNotTell(t *testing.T) {
	withFake(t, func(t *testing.T, fake *pbxtest.Fake, x *pbx.Exchange, f *follower) {
		emit := func(event string) {
			t.Helper()
			if err := fake.Emit(event); err != nil {
				t.Fatal(err)
			}
		}
		// The fake's table learns the variables from an event that means nothing; the caller's own events do not tell
		// them, and do not touch the table because they have no creation time.
		emit(`{"type":"Nothing","x":{"id":"1","name":"PJSIP/trunk-00000001","creationtime":"2026-11-22T09:00:00.000+0000",
			"channelvars":{"RINGBOOK_CUSTOMER":"4711","CALLERID(num-pres)":"prohib_passed_screen"}}}`)
		caller := func(kind, app string) string {
			return `{"type":"` + kind + `","channel":{"id":"1","name":"PJSIP/trunk-00000001","state":"Ring",
				"caller":{"name":"","number":"09120001001"},"dialplan":{"exten":"91001234","app_name":"` + app + `","app_data":"support,t"}}}`
		}
		emit(caller("ChannelCreated", ""))
		synctest.Wait()
		if c := x.Live()[0]; !c.Caller.Withheld || c.Caller.Number != "" || c.CustomerRef != "" {
			t.Errorf("at the start: %+v, customer %q", c.Caller, c.CustomerRef)
		}
		emit(caller("ChannelDialplan", "Queue"))
		synctest.Wait()
		if c := x.Live()[0]; c.CustomerRef != "4711" || c.Queue != "support" {
			t.Errorf("in the queue: customer %q, queue %q", c.CustomerRef, c.Queue)
		}
		checkInvariants(t, f.story(), jumbled)
		if n := fake.Seen().Requests["GET channels"]; n != 3 { // the snapshot, and two questions
			t.Errorf("%d requests about channels", n)
		}
	})
}

func TestExchange_NoRingWaitsForAnAnswer(t *testing.T) {
	withFake(t, func(t *testing.T, fake *pbxtest.Fake, x *pbx.Exchange, f *follower) {
		fake.Set(func(faults *pbxtest.Faults) { faults.Wedged = true })
		start := time.Now()
		play(t, fake, "queue-ringall-answered", pbxtest.PlayOptions{Speed: math.Inf(1)})
		if took := time.Since(start); took > 100*time.Millisecond {
			t.Errorf("the stream waited %v for a PBX that does not answer", took)
		}
		if calls := f.story().last(); len(calls) != 1 || calls[0].Outcome != pbx.Answered {
			t.Errorf("%d calls", len(calls))
		}
		fake.Set(func(faults *pbxtest.Faults) { faults.Wedged = false })
	})
}

// However many calls there are while the PBX answers no questions, the log tells of it once, and once when it does again.
func TestExchange_AnOutageIsToldOnce(t *testing.T) {
	var log bytes.Buffer
	withFakeLogging(t, slog.New(slog.NewTextHandler(&log, nil)), func(t *testing.T, fake *pbxtest.Fake, _ *pbx.Exchange, _ *follower) {
		count := func(text string) int { return strings.Count(log.String(), text) }
		calls := func() {
			for range 10 {
				play(t, fake, "queue-ringall-answered", pbxtest.PlayOptions{Speed: math.Inf(1), Keep: true})
			}
		}
		fake.Set(func(faults *pbxtest.Faults) {
			faults.Answer = func(r *http.Request) int {
				if strings.HasSuffix(r.URL.Path, "/variable") {
					return http.StatusInternalServerError
				}
				return 0
			}
		})
		calls()
		if n := count("channel variables cannot be read"); n != 1 {
			t.Errorf("told %d times:\n%s", n, log.String())
		}
		fake.Set(func(faults *pbxtest.Faults) { faults.Answer = nil })
		calls()
		if n := count("channel variables can be read again"); n != 1 || count("failed=1 ") > 0 {
			t.Errorf("the end was told %d times:\n%s", n, log.String())
		}
	})
}

func TestExchange_ReconnectsAndClosesWhatVanished(t *testing.T) {
	withFake(t, func(t *testing.T, fake *pbxtest.Fake, x *pbx.Exchange, f *follower) {
		half := firstLines(t, "queue-ringall-answered", "ChannelEnteredBridge")
		if err := fake.Play(t.Context(), strings.NewReader(half), pbxtest.PlayOptions{Speed: math.Inf(1), Keep: true}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		before := x.Live()
		if len(before) != 1 {
			t.Fatalf("%d calls are live", len(before))
		}
		fake.Cut(pbxtest.CutReset)
		synctest.Wait()
		pass(time.Minute)
		if !x.Health().Live {
			t.Fatalf("not live again: %s", x.Health().Reason)
		}
		if live := x.Live(); len(live) != 1 || live[0].ID != before[0].ID || live[0].State != pbx.StateTalking {
			t.Errorf("after a reconnect: %+v", live)
		}
	})
}
