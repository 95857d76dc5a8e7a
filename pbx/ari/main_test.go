package ari_test

import (
	"context"
	"fmt"
	"log/slog"
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

// after lets d of the bubble's time pass.
func (b *bench) after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
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
