package pbx_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"ringbook/pbx"
	"ringbook/pbx/pbxtest"
)

// flavoured runs a test on a real Asterisk in both shapes of dialplan; dialplan is where its phones dial.
func flavoured(t *testing.T, test func(t *testing.T, l *laboratory, dialplan string)) {
	t.Parallel()
	for flavour, dialplan := range map[string]string{"plain": "internal", "freepbx": "from-internal"} {
		t.Run(flavour, func(t *testing.T) {
			t.Parallel()
			// So long that no machine is too slow to pick up meanwhile.
			test(t, startLaboratory(t, "FLAVOUR="+flavour, "RING_SECONDS=30", "QUEUE_SECONDS=30", "MEMBER_SECONDS=10"), dialplan)
		})
	}
}

// answering is a phone that picks up at once and stays in the call.
var answering = pbxtest.Behaviour{Answer: true, Ring: 100 * time.Millisecond}

// nedasCall has a customer call Neda, and waits until they talk.
func (l *laboratory) nedasCall(t *testing.T) (customer *pbxtest.PlacedCall, neda *pbxtest.Phone) {
	t.Helper()
	neda = l.Phone("1001", answering)
	customer = l.Call(pbxtest.CallSpec{From: "09120001001", To: "91001236"})
	l.part("1001", "does not talk", talks)
	return customer, neda
}

func talks(_ *pbx.Call, l *pbx.Leg) bool { return !l.AnsweredAt.IsZero() && len(l.Spans) > 0 }

// part waits for a state of an extension's part in a live call, and gives both.
func (l *laboratory) part(extension, what string, wanted func(*pbx.Call, *pbx.Leg) bool) (pbx.Call, *pbx.Leg) {
	var call pbx.Call
	var leg *pbx.Leg
	l.Eventually(extension+" "+what, func() bool {
		for _, call = range l.exchange.Live() {
			for i := range slices.Backward(call.Legs) {
				if leg = &call.Legs[i]; leg.Extension == extension && leg.EndedAt.IsZero() && wanted(&call, leg) {
					return true
				}
			}
		}
		return false
	})
	return call, leg
}

func wantAbilities(t *testing.T, got, want pbx.Abilities) {
	t.Helper()
	if got != want {
		t.Errorf("abilities are %+v, want %+v", got, want)
	}
}

// What an agent who talks can do, and one who asks a colleague.
var (
	whileTalking    = pbx.Abilities{Complete: pbx.NotConsulting, Cancel: pbx.NotConsulting}
	whileConsulting = pbx.Abilities{Hold: pbx.Consulting, Blind: pbx.Consulting, Attended: pbx.Consulting}
)

func TestExchange_Live_BlindTransfer(t *testing.T) {
	flavoured(t, func(t *testing.T, l *laboratory, dialplan string) {
		l.Phone("1002", answering)
		customer, _ := l.nedasCall(t)
		call, neda := l.part("1001", "does not talk", talks)
		wantAbilities(t, l.exchange.Abilities(&call, neda), whileTalking)
		if err := l.exchange.BlindTransfer(t.Context(), &call, neda, dialplan, "1002"); err != nil {
			t.Fatal(err)
		}
		l.part("1002", "does not talk", talks)
		if err := l.exchange.BlindTransfer(t.Context(), &call, neda, dialplan, "1002"); pbx.Refused(err) != pbx.CallEnded {
			t.Errorf("transferred by who has left: %v", err)
		}
		customer.HangUp()
		got := l.ended(1)
		checkInvariants(t, got, whole)
		calls := got.last()
		if len(calls) != 1 || len(calls[0].Transfers) != 1 || calls[0].Transfers[0].To != "1002" || calls[0].Transfers[0].Kind != pbx.Blind {
			t.Errorf("%+v", calls)
		}
	})
}

func TestExchange_Live_AttendedTransfer(t *testing.T) {
	flavoured(t, func(t *testing.T, l *laboratory, dialplan string) {
		l.Phone("1002", answering)
		customer, _ := l.nedasCall(t)
		call, neda := l.part("1001", "does not talk", talks)
		for _, complete := range []bool{false, true} {
			if err := l.exchange.AttendedTransfer(t.Context(), &call, neda, dialplan, "1002"); err != nil {
				t.Fatal(err)
			}
			asked, _ := l.part("1002", "is not asked", talks)
			now, leg := l.part("1001", "does not ask", func(c *pbx.Call, l *pbx.Leg) bool { return true })
			wantAbilities(t, l.exchange.Abilities(&now, leg), whileConsulting)
			if asked.ID != call.ID || asked.State != pbx.StateHeld {
				t.Errorf("asked in %+v", asked)
			}
			if !complete {
				if err := l.exchange.CancelTransfer(t.Context(), &now, leg); err != nil {
					t.Fatal(err)
				}
				call, neda = l.part("1001", "is not back", func(c *pbx.Call, l *pbx.Leg) bool {
					return c.State == pbx.StateTalking && l.Spans[len(l.Spans)-1].To.IsZero()
				})
				wantAbilities(t, l.exchange.Abilities(&call, neda), whileTalking)
				continue
			}
			_, channel := now.ChannelOf(leg)
			if err := l.exchange.HangUp(t.Context(), channel); err != nil {
				t.Fatal(err)
			}
		}
		l.Eventually("the call was not handed over", func() bool {
			live := l.exchange.Live()
			return len(live) == 1 && len(live[0].Transfers) == 1
		})
		customer.HangUp()
		got := l.ended(1)
		checkInvariants(t, got, whole)
		if calls := got.last(); len(calls) != 1 || calls[0].Transfers[0].Kind != pbx.Attended || calls[0].Transfers[0].To != "1002" {
			t.Errorf("%+v", calls)
		}
		l.Quiet()
		toQueue(t, l, dialplan, 1)
	})
}

// toQueue has calls of Neda handed over to a queue after asking: taken back while she waits in it, given away when an agent of
// the queue has answered her, and given away while she still waits: then the customer waits. past calls are in the story.
func toQueue(t *testing.T, l *laboratory, dialplan string, past int) {
	const queue = "2002" // sales: Sara's
	for n, v := range []struct{ from, name, to string }{
		{"09120001002", "answered", "1003"},
		{"09120001003", "while she waits", "sales"},
	} {
		customer := l.Call(pbxtest.CallSpec{From: v.from, To: "91001236"})
		call, neda := l.part("1001", "does not talk", talks)
		waits := func(c *pbx.Call, l *pbx.Leg) bool { return l.Asks && c.State == pbx.StateHeld }
		ask := func() {
			t.Helper()
			if err := l.exchange.AttendedTransfer(t.Context(), &call, neda, dialplan, queue); err != nil {
				t.Fatalf("%s: %v", v.name, err)
			}
			call, neda = l.part("1001", v.name+": does not ask", waits)
			if call.ID != l.exchange.Live()[0].ID || len(l.exchange.Live()) != 1 {
				t.Errorf("%s: %+v", v.name, l.exchange.Live())
			}
		}
		ask()
		var sara *pbxtest.Phone
		if v.to == "1003" {
			if err := l.exchange.CancelTransfer(t.Context(), &call, neda); err != nil {
				t.Fatal(err)
			}
			call, neda = l.part("1001", "is not back", func(c *pbx.Call, l *pbx.Leg) bool {
				return c.State == pbx.StateTalking && l.Spans[len(l.Spans)-1].To.IsZero()
			})
			wantAbilities(t, l.exchange.Abilities(&call, neda), whileTalking)
			ask()
			sara = l.Phone("1003", answering)
			l.part("1003", v.name+": is not asked", talks)
		}
		_, channel := call.ChannelOf(neda)
		if err := l.exchange.HangUp(t.Context(), channel); err != nil {
			t.Fatal(err)
		}
		if sara == nil {
			l.Eventually(v.name+": the customer does not wait in the queue", func() bool {
				live := l.exchange.Live()
				return len(live) == 1 && live[0].State == pbx.StateQueued && live[0].Queue == "sales"
			})
			sara = l.Phone("1003", answering)
		}
		l.Eventually(v.name+": the customer does not talk to Sara", func() bool {
			live := l.exchange.Live()
			return len(live) == 1 && live[0].State == pbx.StateTalking && len(live[0].Transfers) == 1 &&
				slices.ContainsFunc(live[0].Legs, func(l pbx.Leg) bool { return l.Extension == "1003" && talks(nil, &l) && l.EndedAt.IsZero() })
		})
		customer.HangUp()
		got := l.ended(past + n + 1)
		checkInvariants(t, got, whole)
		calls := got.last()
		i := slices.IndexFunc(calls, func(c pbx.Call) bool { return c.Caller.Number == v.from })
		if c := calls[i]; len(calls) != past+n+1 || len(c.Transfers) != 1 || c.Transfers[0].Kind != pbx.Attended || c.Transfers[0].By != "1001" ||
			c.Transfers[0].To != v.to || c.Queue != "sales" || c.Outcome != pbx.Answered || c.Direction != pbx.Inbound {
			t.Errorf("%s: in queue %s, transfers %+v, %s, legs %+v", v.name, c.Queue, c.Transfers, c.Outcome, c.Legs)
		}
		l.Quiet()
		sara.Close()
	}
}

// To hand over while it still rings is to complete early; to a number that nobody has it is refused, and they talk on.
func TestExchange_Live_TransferWhileItRings(t *testing.T) {
	flavoured(t, func(t *testing.T, l *laboratory, dialplan string) {
		l.Phone("1002", pbxtest.Behaviour{Answer: true, Ring: 1200 * time.Millisecond})
		customer, _ := l.nedasCall(t)
		call, neda := l.part("1001", "does not talk", talks)
		for _, transfer := range []func() error{
			func() error { return l.exchange.BlindTransfer(t.Context(), &call, neda, dialplan, "1999") },
			func() error { return l.exchange.AttendedTransfer(t.Context(), &call, neda, dialplan, "1999") },
		} {
			if err := transfer(); pbx.Refused(err) != pbx.NoDestination {
				t.Errorf("to nobody: %v", err)
			}
		}
		if err := l.exchange.AttendedTransfer(t.Context(), &call, neda, dialplan, "1002"); err != nil {
			t.Fatal(err)
		}
		_, channel := call.ChannelOf(neda)
		if err := l.exchange.HangUp(t.Context(), channel); err != nil {
			t.Fatal(err)
		}
		l.part("1002", "does not talk", talks)
		customer.HangUp()
		got := l.ended(1)
		checkInvariants(t, got, whole)
		if calls := got.last(); len(calls) != 1 || len(calls[0].Transfers) != 1 || calls[0].Outcome != pbx.Answered {
			t.Errorf("%+v", calls)
		}
	})
}

// A phone that obeys is told to hold and to take back; one that does not is found out.
func TestExchange_Live_Hold(t *testing.T) {
	flavoured(t, func(t *testing.T, l *laboratory, _ string) {
		customer, phone := l.nedasCall(t)
		dialog := phone.Answered()
		call, neda := l.part("1001", "does not talk", talks)
		for _, held := range []bool{true, false} {
			done := make(chan error, 1)
			go func() { done <- l.exchange.Hold(t.Context(), &call, neda, held) }()
			if held {
				phone.Told("hold")
				dialog.Hold()
			} else {
				phone.Told("talk")
				dialog.Resume()
			}
			if err := <-done; err != nil {
				t.Errorf("hold %v: %v", held, err)
			}
			call, neda = l.part("1001", "is not as it was told", func(*pbx.Call, *pbx.Leg) bool { return true })
			if (call.State == pbx.StateHeld) != held {
				t.Errorf("hold %v: the call is %s", held, call.State)
			}
		}
		if err := l.exchange.Hold(t.Context(), &call, neda, true); pbx.Refused(err) != pbx.Disobeyed {
			t.Errorf("a phone that does nothing: %v", err)
		}
		customer.HangUp()
		checkInvariants(t, l.ended(1), whole)
	})
}

// What comes of a call from the screen that is not answered, on either side: one outbound call in any case, from the
// agent, as soon as the agent hangs up.
func TestExchange_Live_L9_DialledInVain(t *testing.T) {
	const customer = "09120002002"
	cases := []struct {
		name       string
		phone, far pbxtest.Behaviour
		outcome    pbx.Outcome
		agentEnd   pbx.LegEnd
	}{
		{"the agent does not answer", pbxtest.Behaviour{}, answering, pbx.Cancelled, pbx.EndNoAnswer},
		{"the agent refuses", pbxtest.Behaviour{Refuse: "603 Decline", Ring: 100 * time.Millisecond}, answering, pbx.Cancelled, pbx.EndDeclined},
		{"the customer is busy", answering, pbxtest.Behaviour{Refuse: "486 Busy Here"}, pbx.Busy, pbx.EndHungUp},
		{"the customer does not answer", answering, pbxtest.Behaviour{}, pbx.Cancelled, pbx.EndHungUp},
		{"no such number", answering, pbxtest.Behaviour{Refuse: "404 Not Found"}, pbx.Failed, pbx.EndHungUp},
	}
	flavoured(t, func(t *testing.T, l *laboratory, dialplan string) {
		for n, v := range cases {
			phone, far := l.Phone("1001", v.phone), l.Carrier(v.far)
			patience := 30 * time.Second
			if v.agentEnd == pbx.EndNoAnswer {
				patience = time.Second
			}
			id, err := l.exchange.Dial(t.Context(), pbx.DialRequest{
				ID: uuid.New(), Extension: "1001", Number: customer, Context: dialplan, Timeout: patience,
			})
			if err != nil {
				t.Fatalf("%s: %v", v.name, err)
			}
			l.Eventually(v.name+": it does not come to an end", func() bool {
				for _, c := range l.exchange.Live() {
					_, channel := c.ChannelOf(&c.Legs[0])
					rung := len(c.Legs) > 1 && (v.outcome == pbx.Cancelled || !c.Legs[1].EndedAt.IsZero())
					if c.ID == id && rung && l.exchange.HangUp(t.Context(), channel) == nil {
						return true
					}
				}
				return len(l.exchange.Live()) == 0 && len(l.story().last()) > n
			})
			calls := l.ended(n + 1).last()
			i := slices.IndexFunc(calls, func(c pbx.Call) bool { return c.ID == id })
			if i < 0 || len(calls) != n+1 {
				t.Fatalf("%s: no call %s in %+v", v.name, id, calls)
			}
			if c := calls[i]; c.Direction != pbx.Outbound || c.Outcome != v.outcome || c.Caller.Number != "1001" ||
				c.Dialed != customer || c.Legs[0].End != v.agentEnd {
				t.Errorf("%s: in queue %s, transfers %+v, %s, legs %+v", v.name, c.Queue, c.Transfers, c.Outcome, c.Legs)
			}
			l.Quiet()
			phone.Close()
			far.Close()
		}
		checkInvariants(t, l.story(), whole)
	})
}
