package ari_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

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
