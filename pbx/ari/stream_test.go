package ari_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// follower keeps what a stream said and lets a test wait for it.
type follower struct {
	t     *testing.T
	mu    sync.Mutex
	items []ari.Item    // without checks
	seen  []ari.Item    // the checks
	more  chan struct{} // closed and replaced with every item
	hold  chan struct{} // follow waits while it is open
}

func newFollower(t *testing.T) *follower {
	f := &follower{t: t, more: make(chan struct{}), hold: make(chan struct{})}
	close(f.hold)
	return f
}

func (f *follower) follow(item ari.Item) {
	f.mu.Lock()
	hold := f.hold
	f.mu.Unlock()
	<-hold
	f.mu.Lock()
	defer f.mu.Unlock()
	if item.Check != nil {
		f.seen = append(f.seen, item)
		return
	}
	f.items = append(f.items, item)
	close(f.more)
	f.more = make(chan struct{})
}

// stop makes follow wait until the returned function is called.
func (f *follower) stop() (resume func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	hold := make(chan struct{})
	f.hold = hold
	return sync.OnceFunc(func() { close(hold) })
}

// until waits until done says so, and returns all items.
func (f *follower) until(what string, done func([]ari.Item) bool) []ari.Item {
	f.t.Helper()
	timeout := time.After(10 * time.Minute) // of the bubble's time
	for {
		f.mu.Lock()
		items, more := slices.Clone(f.items), f.more
		f.mu.Unlock()
		if done(items) {
			return items
		}
		select {
		case <-more:
		case <-timeout:
			f.t.Fatalf("%s did not happen; the stream said %s", what, describe(items))
		}
	}
}

// lives waits for the n-th Live.
func (f *follower) lives(n int) []ari.Item {
	f.t.Helper()
	return f.until(fmt.Sprintf("live for the %d. time", n), func(items []ari.Item) bool {
		return count(items, func(i ari.Item) bool { return i.Live != nil }) >= n
	})
}

// event waits for an event of this type and returns all items.
func (f *follower) event(eventType string) []ari.Item {
	f.t.Helper()
	return f.until("event "+eventType, func(items []ari.Item) bool {
		return count(items, func(i ari.Item) bool { return i.Event != nil && i.Event.Type == eventType }) > 0
	})
}

func count(items []ari.Item, what func(ari.Item) bool) (n int) {
	for _, i := range items {
		if what(i) {
			n++
		}
	}
	return n
}

// describe writes a stream as "gap:start live ChannelCreated ...".
func describe(items []ari.Item) string {
	var words []string
	for _, i := range items {
		switch {
		case i.Live != nil:
			words = append(words, "live")
		case i.Gap != nil:
			words = append(words, "gap:"+string(i.Gap.Reason))
		default:
			words = append(words, i.Event.Type)
		}
	}
	return strings.Join(words, " ")
}

// bench is a fake PBX and a client that follows it, inside a synctest bubble.
type bench struct {
	*follower
	fake   *pbxtest.Fake
	client *ari.Client
	cancel context.CancelFunc
	done   chan error
	log    *lines
}

// lines is a log that may be read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// inBubble runs a test with a fake PBX, in memory and in time that passes only when everything waits. The
// client runs when the test calls run.
func inBubble(t *testing.T, test func(t *testing.T, b *bench), change ...func(*ari.Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{follower: newFollower(t), done: make(chan error, 1), log: new(lines)}
		b.fake = pbxtest.NewFake(pbxtest.FakeConfig{Password: "p@ss/word"})
		config := ari.Config{Name: "test", Node: "n1", URL: b.fake.URL(), DialContext: b.fake.Dial, Log: slog.New(slog.NewTextHandler(b.log, nil))}
		for _, c := range change {
			c(&config)
		}
		var err error
		if b.client, err = ari.New(config); err != nil {
			t.Fatal(err)
		}
		test(t, b)
		if b.cancel != nil {
			b.cancel()
			if err := <-b.done; err != context.Canceled {
				t.Errorf("Run returned %v", err)
			}
		}
		b.fake.Close()
		if strings.Contains(b.log.String(), "p@ss") || strings.Contains(b.log.String(), "p%40ss") {
			t.Error("the password is in the log")
		}
	})
}

func (b *bench) run() {
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel = cancel
	go func() { b.done <- b.client.Run(ctx, b.follow) }()
}

func (b *bench) emit(event string) {
	b.t.Helper()
	if err := b.fake.Emit(event); err != nil {
		b.t.Fatal(err)
	}
}

// midCall is a recording that stops while calls are going on.
func midCall(t *testing.T) *strings.Reader {
	t.Helper()
	b, err := os.ReadFile("testdata/local.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	recording := string(b)
	i := strings.Index(recording, `"type":"ChannelHangupRequest"`)
	return strings.NewReader(recording[:strings.LastIndex(recording[:i], "\n")+1])
}

func TestRun_A2_ColdStartWithLiveCalls(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		if err := b.fake.Play(t.Context(), midCall(t), pbxtest.PlayOptions{Keep: true}); err != nil {
			t.Fatal(err)
		}
		channels, bridges := b.fake.Live()
		if channels == 0 || bridges == 0 {
			t.Fatalf("the fake has %d channels and %d bridges", channels, bridges)
		}
		b.run()
		items := b.lives(1)
		if got := describe(items); got != "gap:start live" {
			t.Errorf("the stream said %s", got)
		}
		live := items[1].Live
		if len(live.Snapshot.Channels) != channels || len(live.Snapshot.Bridges) != bridges {
			t.Errorf("%d channels and %d bridges, want %d and %d", len(live.Snapshot.Channels), len(live.Snapshot.Bridges), channels, bridges)
		}
		for _, ch := range live.Snapshot.Channels {
			if ch.ID == "" || ch.Name == "" || ch.State == "" || ch.CreationTime.IsZero() {
				t.Errorf("half a channel: %+v", ch)
			}
		}
		if !strings.HasPrefix(live.App, "ringbook-n1-") || live.Version == "" || live.Started.IsZero() {
			t.Errorf("%+v", live)
		}
	})
}

// What was missed is said, and the snapshot after it is the PBX's state, whatever happened meanwhile.
func TestRun_A1_GapThenTheTruth(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.run()
		live := b.lives(1)[1]
		b.fake.Cut(pbxtest.CutReset)
		gap := b.until("gap", func(items []ari.Item) bool { return len(items) > 2 })[2].Gap
		if gap == nil || gap.From.Before(live.At) {
			t.Fatalf("%+v: the stream was complete at %s", gap, live.At)
		}
		if err := b.fake.Play(t.Context(), midCall(t), pbxtest.PlayOptions{Speed: math.Inf(1), Keep: true}); err != nil {
			t.Fatal(err)
		}
		again := b.lives(2)
		channels, bridges := b.fake.Live()
		snapshot := again[len(again)-1].Live.Snapshot
		if got := describe(again); got != "gap:start live gap:disconnected live" || len(snapshot.Channels) != channels || len(snapshot.Bridges) != bridges || channels == 0 {
			t.Errorf("the stream said %s; %d channels and %d bridges of %d and %d", got, len(snapshot.Channels), len(snapshot.Bridges), channels, bridges)
		}
	})
}

// Two nodes may watch one PBX: neither takes events from the other.
func TestRun_A5_TwoNodesBothSeeEverything(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.run()
		other, err := ari.New(ari.Config{Name: "test", Node: "n2", URL: b.fake.URL(), DialContext: b.fake.Dial, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		second := newFollower(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- other.Run(ctx, second.follow) }()
		b.lives(1)
		second.lives(1)
		for i := range 100 {
			b.emit(fmt.Sprintf(`{"type":"ChannelCreated","channel":{"id":"1.%d"}}`, i))
		}
		b.after(time.Minute)
		for node, f := range map[string]*follower{"n1": b.follower, "n2": second} {
			if n := count(f.items, func(i ari.Item) bool { return i.Event != nil }); n != 100 || len(f.items) != 102 {
				t.Errorf("%s saw %d of 100 events and %d items", node, n, len(f.items))
			}
		}
		cancel()
		<-done
	})
}

// Events that happen while the snapshot is read are neither lost nor given before Live.
func TestRunDeliversWhatHappenedDuringSetUp(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		n := 0
		b.fake.Set(func(f *pbxtest.Faults) {
			f.Answer = func(r *http.Request) int {
				switch r.URL.Path {
				case "/ari/asterisk/info", "/ari/channels", "/ari/bridges":
					n++
					b.emit(fmt.Sprintf(`{"type":"ChannelCreated","channel":{"id":"1.%d","name":"PJSIP/x-0000000%d","creationtime":"2026-11-22T10:00:00.000+0000"}}`, n, n))
				}
				return 0
			}
		})
		b.run()
		items := b.until("three events", func(items []ari.Item) bool { return len(items) == 5 })
		if got := describe(items); got != "gap:start live ChannelCreated ChannelCreated ChannelCreated" {
			t.Fatalf("the stream said %s", got)
		}
		for i, item := range items[2:] {
			if want := fmt.Sprintf("1.%d", i+1); item.Event.Channel.ID != want {
				t.Errorf("event %d is of channel %s", i, item.Event.Channel.ID)
			}
			if item.At.After(items[1].At) {
				t.Error("an event of the set-up must carry the time at which it was read")
			}
		}
		if len(items[1].Live.Snapshot.Channels) != 2 { // the one made before and the one made by GET /channels
			t.Errorf("snapshot: %+v", items[1].Live.Snapshot)
		}
	})
}

// What is subscribed and filtered, and how politely.
func TestRunSubscribesExplicitly(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.run()
		app := b.lives(1)[1].Live.App
		got, err := b.client.Application(t.Context(), app)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Channels, []string{"__AST_CHANNEL_ALL_TOPIC"}) || !slices.Equal(got.Bridges, []string{"__AST_BRIDGE_ALL_TOPIC"}) ||
			!slices.Equal(got.Endpoints, []string{"__AST_ENDPOINT_ALL_TOPIC"}) || len(got.DeviceNames) != 0 || len(got.Allowed) != 0 {
			t.Errorf("%+v", got)
		}
		b.emit(`{"type":"ChannelVarset","variable":"CARD","value":"6037","channel":{"id":"1"}}`)
		b.emit(`{"type":"ChannelDtmfReceived","digit":"6","channel":{"id":"1"}}`)
		b.emit(`{"type":"ChannelTalkingStarted","channel":{"id":"1"}}`)
		b.emit(`{"type":"DeviceStateChanged","device_state":{"name":"PJSIP/1001","state":"INUSE"}}`)
		b.emit(`{"type":"ChannelDialplan","dialplan_app":"Queue","dialplan_app_data":"support","channel":{"id":"1"}}`)
		if got := describe(b.event("ChannelDialplan")); got != "gap:start live ChannelDialplan" {
			t.Errorf("the stream said %s", got)
		}
		b.cancel()
		<-b.done
		b.done <- context.Canceled
		synctest.Wait()
		seen := b.fake.Seen()
		if seen.Pongs != 0 {
			t.Errorf("%d unsolicited pongs: Asterisk 22.11-rc1 crashes of them", seen.Pongs)
		}
		if !slices.Equal(seen.Closes, []int{1000}) {
			t.Errorf("closed with %v, want 1000", seen.Closes)
		}
	})
}

// Whatever ends the socket, the gap is said, the same follow goes on, and the new connection has a new name.
func TestRun_A3_EveryEndReconnects(t *testing.T) {
	for _, test := range []struct {
		how pbxtest.Cut
		gap ari.GapReason
	}{
		{pbxtest.CutClean, ari.GapDisconnected},
		{pbxtest.CutError, ari.GapDisconnected},
		{pbxtest.CutMidFrame, ari.GapDisconnected},
		{pbxtest.CutReset, ari.GapDisconnected},
		{pbxtest.CutReplaced, ari.GapReplaced},
	} {
		t.Run(string(test.how), func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bench) {
				b.run()
				b.lives(1)
				b.emit(`{"type":"ChannelCreated","channel":{"id":"1.1"}}`)
				last := b.event("ChannelCreated")
				cut := time.Now()
				b.fake.Cut(test.how)
				items := b.lives(2)
				if got, want := describe(items), "gap:start live ChannelCreated gap:"+string(test.gap)+" live"; got != want {
					t.Fatalf("the stream said %s, want %s", got, want)
				}
				gap := items[3].Gap
				if !gap.From.Equal(last[2].At) || gap.Err == nil {
					t.Errorf("gap %+v: the last event was received at %s", gap, last[2].At)
				}
				back := items[4].At.Sub(cut)
				if test.gap == ari.GapReplaced && back < 15*time.Second {
					t.Errorf("fought for its name after %s", back)
				}
				if test.gap != ari.GapReplaced && back > 2*time.Second {
					t.Errorf("was away for %s", back)
				}
				b.emit(`{"type":"ChannelDestroyed","channel":{"id":"1.1"}}`)
				b.event("ChannelDestroyed")
				apps := b.fake.Seen().Apps
				if len(apps) != 2 || apps[0] == apps[1] {
					t.Errorf("application names: %v", apps)
				}
			})
		})
	}
}

// A connection that is closed at once every time must not be opened in a tight loop.
func TestRun_A3_NoTightLoopOnCleanClose(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		began := time.Now()
		b.run()
		for n := 1; time.Since(began) < 5*time.Minute; n++ {
			b.lives(n)
			b.fake.Cut(pbxtest.CutClean)
		}
		if n := b.fake.Seen().Sockets; n < 10 || n > 60 {
			t.Errorf("%d connections in five minutes", n)
		}
	})
}

func TestRun_A3_ReadinessIsTheCanarysAge(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		if h := b.client.Health(); h.Live || h.Fresh(time.Now(), time.Hour) || h.Reason == "" {
			t.Errorf("before Run: %+v", h)
		}
		b.run()
		b.lives(1)
		for range 20 { // it stays fresh although nothing happens
			b.after(10 * time.Second)
			if h := b.client.Health(); !h.Fresh(time.Now(), 15*time.Second) || h.Reason != "" || h.Err != "" || h.CanaryRTT < 0 {
				t.Fatalf("%+v", h)
			}
		}
		b.fake.Set(func(f *pbxtest.Faults) { f.Deaf = true }) // pings are answered still
		deaf := time.Now()
		b.until("gap", func(items []ari.Item) bool { return items[len(items)-1].Gap != nil })
		if took := time.Since(deaf); took > 20*time.Second {
			t.Errorf("deafness was found after %s", took)
		}
		b.after(time.Minute)
		h := b.client.Health()
		if h.Live || h.Fresh(time.Now(), time.Hour) || !strings.Contains(h.Reason, "delivers no events") {
			t.Errorf("deaf: %+v", h)
		}
		b.fake.Set(func(f *pbxtest.Faults) { f.Deaf = false })
		items := b.lives(2)
		if got := describe(items); got != "gap:start live gap:deaf live" {
			t.Errorf("the stream said %s", got)
		}
		if h := b.client.Health(); !h.Fresh(time.Now(), time.Second) {
			t.Errorf("after deafness: %+v", h)
		}
	})
}

// after lets d of the bubble's time pass.
func (b *bench) after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// A PBX whose socket is open and silent is found out by ping.
func TestRunFindsAStalledSocket(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.run()
		b.lives(1)
		b.fake.Set(func(f *pbxtest.Faults) { f.Stalled = true })
		stalled := time.Now()
		b.until("gap", func(items []ari.Item) bool { return items[len(items)-1].Gap != nil })
		if took := time.Since(stalled); took > 21*time.Second {
			t.Errorf("found after %s", took)
		}
		b.fake.Set(func(f *pbxtest.Faults) { f.Stalled = false })
		b.lives(2)
	})
}

// A consumer that is too slow loses everything that waits, at once, and is told; the PBX never waits for it.
func TestRunShedsWholeAndSaysSo(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.run()
		b.lives(1)
		resume := b.stop()
		for i := range 500 {
			b.emit(fmt.Sprintf(`{"type":"ChannelCreated","channel":{"id":"1.%d"}}`, i))
		}
		synctest.Wait()
		resume()
		items := b.lives(2)
		if got := describe(items); got != "gap:start live ChannelCreated gap:overflow live" {
			t.Errorf("the stream said %s: only the event that follow held may come, then the gap", got)
		}
		b.emit(`{"type":"ChannelDestroyed","channel":{"id":"1.1"}}`)
		b.event("ChannelDestroyed")
	}, func(c *ari.Config) { c.Ring = 100 })
}

// A consumer that is slow for a moment loses nothing.
func TestRunBuffersABurst(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.run()
		b.lives(1)
		resume := b.stop()
		for i := range 100 {
			b.emit(fmt.Sprintf(`{"type":"ChannelCreated","channel":{"id":"1.%d"}}`, i))
		}
		synctest.Wait()
		resume()
		items := b.until("all events", func(items []ari.Item) bool { return len(items) == 102 })
		for i, item := range items[2:] {
			if want := fmt.Sprintf("1.%d", i); item.Event == nil || item.Event.Channel.ID != want {
				t.Fatalf("item %d: %+v", i, item)
			}
		}
	}, func(c *ari.Config) { c.Ring = 100 })
}

// What cannot be understood is survived, counted, and does not disturb what follows.
func TestRunSurvivesOddMessages(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.run()
		b.lives(1)
		for _, message := range []string{
			`{"type":"ChannelLevitated","height":3,"channel":{"id":"1.1"}}`, // unknown
			`{"type":"Dial","caller":null,"peer":null,"dialstatus":null,"timestamp":null}`,
			"{\"type\":\"ChannelHold\",\"musicclass\":\"\xff\xfe\"}",
			`{"type":"Dial","peer":`, // truncated
			`[]`, ``, `nonsense`,
			`{"type":"ChannelUnhold","timestamp":"2026-11-22T14:00:00.000+0330"}`,
			`{"type":"BridgeCreated","bridge":{"id":"b","name":"` + strings.Repeat("x", 5<<20) + `"}}`,
		} {
			b.fake.Send([]byte(message))
		}
		b.emit(`{"type":"ChannelDestroyed","channel":{"id":"1.1"}}`)
		items := b.event("ChannelDestroyed")
		if got := describe(items); got != "gap:start live ChannelLevitated Dial ChannelHold ChannelUnhold BridgeCreated ChannelDestroyed" {
			t.Errorf("the stream said %s", got)
		}
		if raw := items[2].Event.Raw; !strings.Contains(string(raw), `"height":3`) {
			t.Errorf("an unknown event is kept as %s", raw)
		}
		if at := items[5].Event.Timestamp; !at.Equal(time.Date(2026, 11, 22, 10, 30, 0, 0, time.UTC)) {
			t.Errorf("a time in another zone became %s", at)
		}
		if n := len(items[6].Event.Bridge.Name); n != 5<<20 {
			t.Errorf("5 MB became %d bytes", n)
		}
		if n := b.fake.Seen().Sockets; n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}

// A message beyond every measure costs the connection, not the memory.
func TestRunRefusesAHugeMessage(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.run()
		b.lives(1)
		b.fake.Send([]byte(`{"type":"BridgeCreated","bridge":{"id":"` + strings.Repeat("x", 17<<20) + `"}}`))
		if got := describe(b.lives(2)); got != "gap:start live gap:disconnected live" {
			t.Errorf("the stream said %s", got)
		}
		if !strings.Contains(b.log.String(), "too big") {
			t.Error("the log does not say why")
		}
	})
}

func TestRunPassesDuplicatesAndSlowWrites(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.run()
		b.lives(1)
		b.fake.Set(func(f *pbxtest.Faults) { f.Duplicate, f.Slow = true, 700*time.Millisecond })
		b.emit(`{"type":"ChannelCreated","channel":{"id":"1.1"}}`)
		items := b.until("both copies", func(items []ari.Item) bool { return len(items) == 4 })
		if got := describe(items); got != "gap:start live ChannelCreated ChannelCreated" {
			t.Errorf("the stream said %s", got)
		}
		b.after(5 * time.Minute)
		if h := b.client.Health(); !h.Fresh(time.Now(), 15*time.Second) || b.fake.Seen().Sockets != 1 {
			t.Errorf("a slow PBX: %+v", h)
		}
	})
}

// The same over real TCP, where a reset is a reset and half a frame arrives.
func TestRunOverTCP(t *testing.T) {
	fake := pbxtest.NewFake(pbxtest.FakeConfig{})
	defer fake.Close()
	if err := fake.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	c, err := ari.New(ari.Config{Name: "tcp", URL: fake.URL(), Log: slog.New(slog.DiscardHandler), MinBackoff: time.Millisecond, MaxBackoff: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	f := newFollower(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- c.Run(ctx, f.follow) }()
	cuts := []pbxtest.Cut{pbxtest.CutReset, pbxtest.CutMidFrame, pbxtest.CutError, pbxtest.CutClean, pbxtest.CutReplaced}
	for i, how := range cuts {
		f.lives(i + 1)
		if err := fake.Emit(fmt.Sprintf(`{"type":"ChannelCreated","channel":{"id":"1.%d"}}`, i)); err != nil {
			t.Fatal(err)
		}
		fake.Cut(how)
	}
	items := f.lives(len(cuts) + 1)
	want := "gap:start live" + strings.Repeat(" ChannelCreated gap:disconnected live", 4) + " ChannelCreated gap:replaced live"
	if got := describe(items); got != want && !resetTookAnEvent(got, want) {
		t.Errorf("the stream said\n%s, want\n%s", got, want)
	}
	cancel()
	<-done
}

// resetTookAnEvent: a reset may take what was sent just before it.
func resetTookAnEvent(got, want string) bool {
	return got == strings.Replace(want, "ChannelCreated ", "", 1)
}
