package ari_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sync/errgroup"

	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

// The client against a real Asterisk 22: what the other tests show with the fake is true of the real one.
func TestAsterisk(t *testing.T) {
	pbx := pbxtest.StartAsterisk(t)
	c, err := ari.New(ari.Config{Name: "lab", URL: pbx.URL, Log: slog.New(slog.DiscardHandler), Canary: 200 * time.Millisecond, MaxBackoff: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	f := newFollower(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx, f.follow) }()
	defer func() {
		cancel()
		<-done
	}()
	live := f.lives(1)[1].Live
	if !strings.HasPrefix(live.Version, "22.") || time.Since(live.Started) > time.Hour || len(live.Snapshot.Channels) != 0 {
		t.Errorf("%+v", live)
	}

	app, err := c.Application(ctx, live.App)
	if err != nil || len(app.Disallowed) != 4 || len(app.DeviceNames) != 0 {
		t.Errorf("%+v, %v", app, err)
	}
	if clock, err := c.Clock(ctx); err != nil || time.Since(clock).Abs() > time.Minute {
		t.Errorf("clock %s, %v", clock, err)
	}
	endpoints, err := c.Endpoints(ctx)
	if err != nil || !slices.ContainsFunc(endpoints, func(e ari.Endpoint) bool { return e.Technology == "PJSIP" && e.Resource == "1001" }) {
		t.Errorf("%+v, %v", endpoints, err)
	}

	// A call that the PBX places between its own two ends.
	call := ari.Originate{Endpoint: "Local/600@test-numbers", ID: "ari-test", App: live.App, CallerID: `"Sara" <09121234567>`}
	channel, err := c.Originate(ctx, call)
	if err != nil {
		t.Fatalf("originate: %v", err)
	}
	if channel.ID != "ari-test" || !strings.HasPrefix(channel.Name, "Local/600@test-numbers-") {
		t.Errorf("%+v", channel)
	}
	if v, err := c.Variable(ctx, channel.ID, "CHANNEL(linkedid)"); err != nil || v == "" {
		t.Errorf("linkedid %q, %v", v, err)
	}
	if _, err := c.Variable(ctx, channel.ID, "RINGBOOK_CUSTOMER"); !errors.Is(err, ari.ErrNotFound) {
		t.Errorf("a variable that is not set: %v", err)
	}
	if _, err := c.Originate(ctx, ari.Originate{Endpoint: "PJSIP/nobody", App: live.App}); err == nil {
		t.Errorf("a telephone that does not exist was called")
	}
	if err := c.Hangup(ctx, channel.ID, "normal"); err != nil && !errors.Is(err, ari.ErrNotFound) {
		t.Errorf("hang up: %v", err)
	}
	items := f.until("the end of the call", func(items []ari.Item) bool {
		return slices.ContainsFunc(items, func(i ari.Item) bool {
			return i.Event != nil && i.Event.Type == "ChannelDestroyed" && i.Event.Channel.ID == channel.ID
		})
	})
	created := slices.IndexFunc(items, func(i ari.Item) bool {
		return i.Event != nil && i.Event.Type == "ChannelCreated" && i.Event.Channel.ID == channel.ID
	})
	if created < 0 {
		t.Errorf("the stream said %s", describe(items))
	}
	for _, i := range items[2:] {
		if i.Event == nil || !ari.Known(i.Event.Type) || i.At.Sub(i.Event.Timestamp).Abs() > 5*time.Second {
			t.Errorf("%+v", i)
		}
	}
	if err := c.Hangup(ctx, channel.ID, "normal"); !errors.Is(err, ari.ErrNotFound) {
		t.Errorf("hang up again: %v", err)
	}

	// Somebody takes our name: we are told, wait, and come back under another.
	thief, err := http.NewRequest(http.MethodGet, pbx.URL+"/events?app="+live.App, nil)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := thief.URL.User.Password()
	thief.SetBasicAuth(thief.URL.User.Username(), password)
	thief.URL.Scheme, thief.URL.User = "ws", nil
	socket, _, err := websocket.DefaultDialer.DialContext(ctx, thief.URL.String(), thief.Header)
	if err != nil {
		t.Fatal(err)
	}
	items = f.lives(2)
	socket.Close()
	if got := describe(items[len(items)-2:]); got != "gap:replaced live" {
		t.Errorf("the stream said %s", describe(items))
	}
	if again := items[len(items)-1].Live.App; again == live.App {
		t.Errorf("the same name again: %s", again)
	}

	// The canary keeps coming back.
	old := c.Health().LastCanary
	pbx.Eventually("a later canary", func() bool { return c.Health().LastCanary.After(old) })
	if h := c.Health(); !h.Fresh(time.Now(), 5*time.Second) || h.CanaryRTT <= 0 {
		t.Errorf("%+v", h)
	}
}

// A read-only user, a wrong password and a wrong path are told apart, in plain words.
func TestAsteriskNamesWhatIsWrong(t *testing.T) {
	pbx := pbxtest.StartAsterisk(t)
	for _, test := range []struct{ url, reason string }{
		{pbx.ViewerURL, "the ARI user is read-only: set read_only=no"},
		{strings.Replace(pbx.URL, "ringbook-lab", "wrong", 1), "refuses the ARI user or its password"},
		{strings.Replace(pbx.URL, "/ari", "/asterisk/ari", 1), "check the path"},
	} {
		c, err := ari.New(ari.Config{Name: "lab", URL: test.url, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx, func(ari.Item) {}) }()
		pbx.Eventually("a reason", func() bool { return c.Health().Err != "" })
		if h := c.Health(); !strings.Contains(h.Reason, test.reason) {
			t.Errorf("%+v, want %q", h, test.reason)
		}
		cancel()
		<-done
	}
}

// A hundred calls at once: the stream has every channel's beginning and end, in order, and no gap.
func TestAsteriskManyCalls(t *testing.T) {
	pbx := pbxtest.StartAsterisk(t)
	c, err := ari.New(ari.Config{Name: "lab", URL: pbx.URL, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	f := newFollower(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx, f.follow) }()
	app := f.lives(1)[1].Live.App

	var calls errgroup.Group
	for i := range 100 {
		calls.Go(func() error {
			id := fmt.Sprintf("many-%03d", i)
			if _, err := c.Originate(ctx, ari.Originate{Endpoint: "Local/600@test-numbers", ID: id, App: app}); err != nil {
				return err
			}
			return c.Hangup(ctx, id, "normal")
		})
	}
	if err := calls.Wait(); err != nil {
		t.Fatal(err)
	}
	ended := func(items []ari.Item) bool {
		return count(items, func(i ari.Item) bool { return i.Event != nil && i.Event.Type == "ChannelDestroyed" }) == 200
	}
	items := f.until("the end of all calls", ended)
	up, last := map[string]bool{}, time.Time{}
	for _, i := range items[2:] {
		if i.Event == nil {
			t.Fatalf("the stream broke: %+v", i.Gap)
		}
		if i.At.Before(last) {
			t.Error("times of receipt run backwards")
		}
		last = i.At
		switch i.Event.Type {
		case "ChannelCreated":
			id := i.Event.Channel.ID
			if up[id] {
				t.Errorf("%s began twice", id)
			}
			up[id] = true
		case "ChannelDestroyed":
			id := i.Event.Channel.ID
			if !up[id] {
				t.Errorf("%s ended before it began", id)
			}
			delete(up, id)
		}
	}
	if len(up) != 0 {
		t.Errorf("%d channels never ended: %v", len(up), up)
	}
	cancel()
	<-done
}
