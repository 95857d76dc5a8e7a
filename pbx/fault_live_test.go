package pbx_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"ringbook/pbx"
	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

// faulty is an exchange that follows a real Asterisk with twenty calls over a wire, impatiently, and whose consumer can
// be made to wait.
type faulty struct {
	*laboratory
	wire   *pbxtest.Wire
	past   *ari.Client // past the wire
	gate   chan struct{}
	rounds int
}

func startFaulty(t *testing.T) *faulty {
	t.Helper()
	f := &faulty{laboratory: &laboratory{Asterisk: pbxtest.StartAsterisk(t)}, gate: make(chan struct{}, 1)}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	var err error
	if f.wire, err = pbxtest.NewWire(f.URL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.wire.Close)
	if f.past, err = ari.New(ari.Config{Name: "lab", URL: f.URL, Log: log}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.past.Close)
	if f.client, err = ari.New(ari.Config{
		Name: "lab", URL: f.wire.URL(), Log: log, Ring: 400,
		Canary: 500 * time.Millisecond, CanaryTimeout: 500 * time.Millisecond, Check: time.Second, MaxBackoff: time.Second,
	}); err != nil {
		t.Fatal(err)
	}
	f.exchange = pbx.NewExchange(f.client, labConfig, log)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- f.exchange.Run(ctx, func(ctx context.Context, c pbx.Call) {
			f.gate <- struct{}{}
			<-f.gate
			f.follow(ctx, c)
		})
	}()
	t.Cleanup(func() { cancel(); <-done })
	f.Eventually("the stream is not live", func() bool { return f.exchange.Health().Live })
	return f
}

// last is the last picture of the call from each of the numbers.
func (f *faulty) last(numbers []string) map[string]pbx.Call {
	calls := map[string]pbx.Call{}
	for _, c := range f.story().last() {
		if slices.Contains(numbers, c.Caller.Number) {
			calls[c.Caller.Number] = c
		}
	}
	return calls
}

func (f *faulty) place(n int) []string {
	var numbers []string
	for range n {
		f.rounds++
		number := fmt.Sprintf("0912%07d", f.rounds)
		f.Call(pbxtest.CallSpec{From: number, To: "91001236"})
		numbers = append(numbers, number)
	}
	return numbers
}

// live tells whether exactly these calls go on, and everybody talks.
func (f *faulty) live(numbers []string) bool {
	live := f.exchange.Live()
	return len(live) == len(numbers) && !slices.ContainsFunc(live, func(c pbx.Call) bool {
		return c.State != pbx.StateTalking || len(c.Legs) != 2 || !slices.Contains(numbers, c.Caller.Number)
	})
}

// Each way in which a stream can fail while its socket seems to work, with twenty live calls on a real Asterisk: half of
// them end while nobody listens, one begins. Afterwards the live picture is right, the ended are reconstructed with
// bounds that hold, the new one is partial, and no call is there twice.
func TestExchange_Live_A1_A5_FaultsOfTheStream(t *testing.T) {
	t.Parallel()
	f := startFaulty(t)
	f.Phone("1001", pbxtest.Behaviour{Answer: true})
	mend := func() {
		if err := f.wire.Mend(); err != nil {
			t.Fatal(err)
		}
	}
	app := func() string { return f.client.Health().App }
	for _, fault := range []struct {
		name       string
		why        pbx.GapReason
		begin, end func()
	}{
		{"a deaf socket", pbx.GapDeaf, func() { f.wire.Drop(nil) }, func() {
			f.Eventually("deafness is not found", func() bool { return !f.exchange.Health().Live })
			mend()
		}},
		{"a slow consumer", pbx.GapOverflow, func() { f.gate <- struct{}{} }, func() {
			for range 500 {
				if f.past.UserEvent(t.Context(), app(), "noise", nil) != nil {
					break // the application has gone with the connection: the ring was full
				}
			}
			<-f.gate
		}},
		{"the name is taken", pbx.GapReplaced, func() { f.take(t, app()) }, func() {}},
	} {
		before := f.place(20)
		f.Eventually(fault.name+": no twenty calls", func() bool { return f.live(before) })
		silent := time.Now()
		fault.begin()
		f.HangUp(before[:10]...)
		ended := time.Now()
		after := slices.Concat(before[10:], f.place(1))
		f.Eventually(fault.name+": nobody answers", func() bool { return f.Channels() == 2*len(after) })
		fault.end()
		f.Eventually(fault.name+": the stream is not live again", func() bool {
			h := f.exchange.Health()
			return h.Live && h.Since.After(silent)
		})
		back := f.exchange.Health().Since
		f.Eventually(fault.name+": the wrong calls go on", func() bool { return f.live(after) })
		right := time.Now()
		if took := right.Sub(back); took > promptly {
			t.Errorf("%s: the picture is right %v after the reconnect", fault.name, took)
		}
		f.HangUp(after...)
		f.Eventually(fault.name+": calls go on", func() bool { return f.live(nil) && len(f.last(after)) == len(after) })

		all := f.last(slices.Concat(before, after[10:]))
		for _, n := range before[:10] {
			c := all[n]
			if !c.Reconstructed || c.Outcome != pbx.Answered || c.EndedAt.After(ended) || c.EndedBefore.Before(c.EndedAt) || c.EndedBefore.After(right) {
				t.Errorf("%s: ended unseen between %v and %v, and is %s, reconstructed %v, between %v and %v",
					fault.name, silent, ended, c.Outcome, c.Reconstructed, c.EndedAt, c.EndedBefore)
			}
		}
		for _, n := range after {
			if c := all[n]; c.Reconstructed || c.Outcome != pbx.Answered || c.Partial != (n == after[10]) {
				t.Errorf("%s: %s: reconstructed %v, partial %v, %s", fault.name, n, c.Reconstructed, c.Partial, c.Outcome)
			}
		}
		periods := f.exchange.Periods()
		if p := periods[len(periods)-2]; p.End != fault.why || p.Until.After(ended) {
			t.Errorf("%s: the period ended %s at %v", fault.name, p.End, p.Until)
		}
	}
	if n := len(f.story().last()); n != f.rounds {
		t.Errorf("%d calls, %d were placed", n, f.rounds)
	}
	checkInvariants(t, f.story(), jumbled)
}

// take opens a second socket under an application's name.
func (f *faulty) take(t *testing.T, app string) {
	t.Helper()
	socket, answer, err := websocket.DefaultDialer.DialContext(t.Context(), "ws://"+f.Address()+"/ari/events?app="+app+"&api_key=ringbook:ringbook-lab", http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	t.Cleanup(func() { socket.Close() })
}

// The end of a call that no event tells, on a real Asterisk: within two checks the call is gone.
func TestExchange_Live_L4_NoGhosts(t *testing.T) {
	t.Parallel()
	f := startFaulty(t)
	f.Phone("1001", pbxtest.Behaviour{Answer: true})
	numbers := f.place(20)
	f.Eventually("no twenty calls", func() bool { return f.live(numbers) })
	f.wire.Drop(func(message []byte) bool { return bytes.Contains(message, []byte(`"ChannelDestroyed"`)) })
	f.HangUp(numbers[:10]...)
	ended := time.Now()
	f.Eventually("ghosts", func() bool { return f.live(numbers[10:]) })
	gone := time.Now()
	if took := gone.Sub(ended); took > promptly {
		t.Errorf("the ghosts stayed for %v", took)
	}
	if n := len(f.exchange.Periods()); n != 1 {
		t.Errorf("%d periods: the stream was complete all the time", n)
	}
	for n, c := range f.last(numbers[:10]) {
		if c.State != pbx.StateEnded || !c.Reconstructed || c.EndedAt.After(ended) || c.EndedBefore.Before(c.EndedAt) || c.EndedBefore.After(gone) {
			t.Errorf("%s: %s, reconstructed %v, ended between %v and %v", n, c.State, c.Reconstructed, c.EndedAt, c.EndedBefore)
		}
	}
	if err := f.wire.Mend(); err != nil {
		t.Fatal(err)
	}
	f.HangUp(numbers[10:]...)
	f.Eventually("calls go on", func() bool { return f.live(nil) })
	checkInvariants(t, f.story(), jumbled)
}
