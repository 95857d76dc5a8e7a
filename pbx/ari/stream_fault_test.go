package ari_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

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
