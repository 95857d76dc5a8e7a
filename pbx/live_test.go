package pbx_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"ringbook/pbx"
	"ringbook/pbx/ami"
	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

// laboratory is an exchange that follows a real Asterisk of its own until the test ends.
type laboratory struct {
	*pbxtest.Asterisk
	client   *ari.Client
	exchange *pbx.Exchange
	follower
}

func startLaboratory(t *testing.T, settings ...string) *laboratory {
	t.Helper()
	l := &laboratory{Asterisk: pbxtest.StartAsterisk(t, settings...)}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	var err error
	if l.client, err = ari.New(ari.Config{Name: "lab", URL: l.URL, Log: log}); err != nil {
		t.Fatal(err)
	}
	l.exchange = pbx.NewExchange(l.client, labConfig, log)
	manager, err := ami.New(ami.Config{Name: "lab", URL: l.AMI(), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	l.exchange.UseAMI(manager)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.exchange.Run(ctx, l.follow) }()
	t.Cleanup(func() { cancel(); <-done })
	l.Eventually("the PBX is not followed", func() bool {
		health, _ := l.exchange.AMI()
		return l.exchange.Health().Live && health.Live
	})
	return l
}

// ended waits until n calls were seen and none is live. The exchange has no live call any more a moment before the
// last picture is given out, so the pictures are asked too.
func (l *laboratory) ended(n int) story {
	l.Eventually("not every call has ended", func() bool {
		calls := l.story().last()
		live := slices.ContainsFunc(calls, func(c pbx.Call) bool { return c.State != pbx.StateEnded })
		return !live && len(calls) >= n && len(l.exchange.Live()) == 0
	})
	return l.story()
}

// An agent dials from the screen: the PBX rings the agent's phone, then the customer's. One outbound call comes of
// it, from the agent to the customer.
func TestExchange_Live_L9_DialledFromTheScreen(t *testing.T) {
	t.Parallel()
	l := startLaboratory(t)
	l.Phone("1001", pbxtest.Behaviour{Answer: true, Ring: 300 * time.Millisecond})
	l.Carrier(pbxtest.Behaviour{Answer: true, Ring: 400 * time.Millisecond, Talk: 500 * time.Millisecond})
	request := pbx.DialRequest{ID: uuid.New(), Extension: "1001", Number: "09120002002", Context: "internal"}
	id, err := l.exchange.Dial(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	// The phone shows the customer while it rings; the dialplan sees the agent as the caller.
	ringing, err := l.client.Channel(t.Context(), "dial-"+request.ID.String())
	if err != nil || ringing.Connected.Number != "09120002002" || ringing.Caller.Number != "1001" {
		t.Errorf("the channel is %+v, %v", ringing, err)
	}
	if again, err := l.exchange.Dial(t.Context(), request); pbx.Refused(err) != pbx.AlreadyDialing {
		t.Errorf("dialled again: %v, %v", again, err)
	}
	l.Eventually("the call is not there under its id", func() bool {
		live := l.exchange.Live()
		return len(live) == 1 && live[0].ID == id
	})
	got := l.ended(1)
	checkInvariants(t, got, whole)
	checkScenario(t, pbxtest.Scenario{Story: "dialled from the screen", Expect: []pbxtest.Expected{{
		Direction: "outbound", Outcome: "answered", Caller: "1001", Dialed: "09120002002", By: "caller",
		Legs: []pbxtest.ExpectedLeg{
			{Role: "agent", Extension: "1001", End: "hung_up", Answered: true},
			{Role: "customer", Number: "09120002002", End: "hung_up", Answered: true},
		},
	}}}, got.last())
}

// Listening in does not make a call, and does not disturb the one that is listened to.
func TestExchange_Live_S2_ListeningMakesNoCall(t *testing.T) {
	t.Parallel()
	l := startLaboratory(t)
	l.Phone("1001", pbxtest.Behaviour{Answer: true, Ring: 100 * time.Millisecond})
	placed := l.Call(pbxtest.CallSpec{From: "09120001001", To: "91001236", Talk: 1500 * time.Millisecond})
	l.Eventually("nobody talks", func() bool {
		live := l.exchange.Live()
		return len(live) == 1 && live[0].State == pbx.StateTalking && len(live[0].Legs) == 2
	})
	agent := l.exchange.Live()[0].Legs[1].ID
	app := l.client.Health().App
	if _, err := l.client.Snoop(t.Context(), agent, ari.Snoop{App: app, Spy: "both"}); err != nil {
		t.Fatal(err)
	}
	l.Eventually("the snoop is not there", func() bool { return l.Channels() == 3 })
	placed.Wait()
	got := l.ended(1)
	checkInvariants(t, got, whole)
	calls := got.last()
	if len(calls) != 1 || len(calls[0].Legs) != 2 || calls[0].Outcome != pbx.Answered {
		t.Errorf("%d calls: %+v", len(calls), calls)
	}
	if talk := calls[0].Talk; talk < time.Second || talk > 2*time.Second {
		t.Errorf("talk %v, of 1.5 s", talk)
	}
}
