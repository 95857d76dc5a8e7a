package pbxtest

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"ringbook/pbx/ari"
)

// HangUp ends the calls that came from these numbers over the trunk, behind the back of whoever watches, and returns when
// Asterisk has them no more.
func (a *Asterisk) HangUp(numbers ...string) {
	a.tb.Helper()
	client, err := ari.New(ari.Config{Name: "lab", URL: a.URL, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		a.tb.Fatalf("hang up: %v", err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	placed := func(ch ari.Channel) bool {
		return strings.HasPrefix(ch.Name, "PJSIP/trunk") && slices.Contains(numbers, ch.Caller.Number)
	}
	channels, err := client.Channels(ctx)
	if err != nil {
		a.tb.Fatalf("hang up: %v", err)
	}
	for _, ch := range channels {
		if placed(ch) {
			if err := client.Hangup(ctx, ch.ID, ""); err != nil {
				a.tb.Fatalf("hang up: %v", err)
			}
		}
	}
	a.Eventually("calls that were hung up go on", func() bool {
		channels, err := client.Channels(ctx)
		return err == nil && !slices.ContainsFunc(channels, placed)
	})
}
