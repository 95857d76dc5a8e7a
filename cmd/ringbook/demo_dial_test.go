package main

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"ringbook/pbx"
	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

// What is dialled from the screen is a call in the demo too, whoever hangs up and whenever; no channel is left over.
func TestDemo_DialledFromTheScreen(t *testing.T) {
	for name, v := range map[string]struct {
		number  string
		hangsUp time.Duration // when the agent does; 0: never
		want    pbx.Call
	}{
		"the customer hangs up":   {"09121234567", 0, pbx.Call{Direction: pbx.Outbound, Outcome: pbx.Answered, Hangup: pbx.Hangup{By: pbx.ByCaller}}},
		"the agent hangs up":      {"09121234567", 12 * time.Second, pbx.Call{Direction: pbx.Outbound, Outcome: pbx.Answered, Hangup: pbx.Hangup{By: pbx.ByAgent}}},
		"while it rings there":    {"09121234567", 4 * time.Second, pbx.Call{Direction: pbx.Outbound, Outcome: pbx.Cancelled, Hangup: pbx.Hangup{By: pbx.ByAgent}}},
		"before it is picked up":  {"09121234567", time.Second, pbx.Call{Direction: pbx.Outbound, Outcome: pbx.Cancelled, Hangup: pbx.Hangup{By: pbx.ByAgent}}},
		"a colleague, until over": {"1002", 0, pbx.Call{Direction: pbx.Internal, Outcome: pbx.Answered, Hangup: pbx.Hangup{By: pbx.ByAgent}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dialled := make(chan pbxtest.Dialled, 1)
				fake := pbxtest.NewFake(pbxtest.FakeConfig{Endpoints: demoEndpoints, Dialled: func(c pbxtest.Dialled) { dialled <- c }})
				defer fake.Close()
				client, err := ari.New(ari.Config{Name: "demo", URL: fake.URL(), DialContext: fake.Dial, Log: slog.New(slog.DiscardHandler)})
				if err != nil {
					t.Fatal(err)
				}
				x := pbx.NewExchange(client, pbx.Config{Name: "demo"}, slog.New(slog.DiscardHandler))
				var last pbx.Call
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{}, 2)
				go func() { _ = x.Run(ctx, func(_ context.Context, c pbx.Call) { last = c }); done <- struct{}{} }()
				go func() { newDemoPBX(fake, nil, time.Hour).dialFromScreens(ctx, dialled); done <- struct{}{} }()
				for !x.Health().Live {
					time.Sleep(10 * time.Millisecond) // of the bubble's clock
				}
				request := pbx.DialRequest{ID: uuid.New(), Extension: "1001", Number: v.number, Context: "from-internal"}
				id, err := x.Dial(ctx, request)
				if err != nil {
					t.Fatal(err)
				}
				if v.hangsUp > 0 {
					time.Sleep(v.hangsUp)
					if err := x.HangUp(ctx, "dial-"+request.ID.String()); err != nil {
						t.Error(err)
					}
				}
				time.Sleep(2 * time.Minute)
				if channels, bridges := fake.Live(); channels+bridges != 0 {
					t.Errorf("%d channels and %d bridges are left", channels, bridges)
				}
				cancel()
				<-done
				<-done
				if last.Hangup.By != v.want.Hangup.By || last.ID != id || last.State != pbx.StateEnded || last.Direction != v.want.Direction || last.Outcome != v.want.Outcome ||
					last.Caller.Number != "1001" || last.Dialed != v.number {
					t.Errorf("the call is %+v", last)
				}
			})
		})
	}
}
