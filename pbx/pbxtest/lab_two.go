package pbxtest

import (
	"slices"
	"strconv"
)

// StartPair starts two Asterisks with a line between them, as StartAsterisk does. Each has everything that one has alone:
// the same numbers, queues and extensions, a line to the outside and phones of its own. The other one's phones, queues and
// line are called by 8 and a number as its own phones dial it.
func StartPair(tb TB, settings ...string) (a, b *Asterisk) {
	tb.Helper()
	a, b = newAsterisk(tb), newAsterisk(tb)
	for _, x := range []*Asterisk{a, b} {
		var err error
		if x.sipPort, err = sipPort(); err != nil {
			tb.Fatalf("start two Asterisks: %v", err)
		}
	}
	for x, other := range map[*Asterisk]*Asterisk{a: b, b: a} {
		if err := x.start(append(slices.Clone(settings), "PEER_PORT="+strconv.Itoa(other.sipPort))); err != nil {
			tb.Fatalf("start two Asterisks: %v", err)
		}
	}
	return a, b
}

// PairScenario is a situation in which a call passes two exchanges, a and b, with what the call log must say about it when
// both are followed. Extensions are written with their exchange: "1001@b". Each was recorded as
// pbx/testdata/two/NAME.a.jsonl and NAME.b.jsonl.
type PairScenario struct {
	Name   string
	Story  string
	Expect []Expected
	place  func(a, b *Asterisk)
}

// Play does what the scenario tells, for tb, and returns when every call of it is over and its phones are gone.
func (s PairScenario) Play(tb TB, a, b *Asterisk) {
	tb.Helper()
	defer a.lend(tb)()
	defer b.lend(tb)()
	s.place(a, b)
	for _, x := range []*Asterisk{a, b} {
		x.Quiet()
		x.mu.Lock()
		phones := slices.Clone(x.phones)
		x.mu.Unlock()
		for _, p := range phones {
			p.Close()
		}
	}
}

// Numbers that lead from one exchange to the other.
const (
	didOtherQueue = "91001260" // the other's queue support
	didOtherPhone = "91001261" // the other's 1001
	didOtherTwo   = "91001262" // the other's 1001 and 1002, a call each
)

// acrossTo is what Neda of a calls at b, as an internal call.
func acrossTo(dialed, outcome, queue, by string, legs ...ExpectedLeg) Expected {
	return Expected{Direction: "internal", Outcome: outcome, Caller: "1001", Dialed: dialed, Queue: queue, By: by, Legs: legs}
}

// PairScenarios are all situations of two exchanges.
var PairScenarios = []PairScenario{
	{
		Name:   "two-queue-answered",
		Story:  "A customer calls a, which sends the call to the queue support of b. The queue answers with music, Omid of b takes the call; the customer hangs up.",
		Expect: one(inbound("answered", didOtherQueue, "support", "caller", customer(numberSara), rang("1001@b", "answered_elsewhere"), agent("1002@b"))),
		place: func(a, b *Asterisk) {
			b.Phone("1001", Behaviour{})
			omid := b.Phone("1002", Behaviour{Answer: true, Ring: 600 * ms})
			sara := a.Call(CallSpec{From: numberSara, Name: "Sara Ahmadi", To: didOtherQueue})
			talk(b, omid)
			sara.HangUp()
		},
	}, {
		Name:   "two-agent-hangs-up",
		Story:  "A customer calls a number of a that rings at Neda's phone at b. She answers, and hangs up.",
		Expect: one(inbound("answered", didOtherPhone, "", "agent", customer(numberSara), agent("1001@b"))),
		place: func(a, b *Asterisk) {
			neda := phones(b, "1001")[0]
			a.Call(CallSpec{From: numberSara, To: didOtherPhone})
			talk(b, neda).HangUp()
		},
	}, {
		Name:   "two-abandoned",
		Story:  "A customer of a waits in b's queue; the queue has answered with music, a phone rings at b, and the customer hangs up.",
		Expect: one(inbound("abandoned", didOtherQueue, "support", "caller", waiting(numberSara), rang("1001@b", "cancelled"))),
		place: func(a, b *Asterisk) {
			b.Phone("1001", Behaviour{})
			sara := a.Call(CallSpec{From: numberSara, To: didOtherQueue})
			sara.Answered()
			b.For(1000 * ms)
			sara.HangUp()
		},
	}, {
		Name:   "two-caller-gives-up",
		Story:  "A customer of a hangs up while Neda's phone rings at b.",
		Expect: one(inbound("missed", didOtherPhone, "", "caller", waiting(numberSara), rang("1001@b", "cancelled"))),
		place: func(a, b *Asterisk) {
			b.Phone("1001", Behaviour{})
			a.Call(CallSpec{From: numberSara, To: didOtherPhone, GiveUp: 1000 * ms}).Wait()
		},
	}, {
		Name:   "two-busy",
		Story:  "A customer of a is sent to Neda's phone at b, which is busy.",
		Expect: one(inbound("busy", didOtherPhone, "", "system", waiting(numberSara), rang("1001@b", "busy"))),
		place: func(a, b *Asterisk) {
			b.Phone("1001", Behaviour{Refuse: "486 Busy Here"})
			a.Call(CallSpec{From: numberSara, To: didOtherPhone}).Wait()
		},
	}, {
		Name:  "two-ring-all",
		Story: "A customer of a is sent to two phones of b at once, by two calls over the line. Omid answers; the customer hangs up.",
		Expect: one(inbound("answered", didOtherTwo, "", "caller",
			customer(numberSara), rang("1001@b", "answered_elsewhere"), agent("1002@b"))),
		place: func(a, b *Asterisk) {
			b.Phone("1001", Behaviour{})
			omid := b.Phone("1002", Behaviour{Answer: true, Ring: 600 * ms})
			sara := a.Call(CallSpec{From: numberSara, To: didOtherTwo})
			talk(b, omid)
			sara.HangUp()
		},
	}, {
		Name:   "two-colleagues",
		Story:  "Neda of a calls Neda of b, who has the same extension there, and hangs up after the talk.",
		Expect: one(acrossTo("1001", "answered", "", "caller", agent("1001@a"), agent("1001@b"))),
		place: func(a, b *Asterisk) {
			there := phones(b, "1001")[0]
			a.Phone("1001", Behaviour{})
			call := a.Call(CallSpec{Agent: "1001", To: "81001"})
			talk(b, there)
			call.HangUp()
		},
	}, {
		Name:  "two-outbound",
		Story: "Neda of b calls a customer over the outside line of a. The customer answers, and hangs up.",
		Expect: one(Expected{
			Direction: "outbound", Outcome: "answered", Caller: "1001", Dialed: "09120002002", By: "caller",
			Legs: []ExpectedLeg{agent("1001@b"), customer("09120002002")},
		}),
		place: func(a, b *Asterisk) {
			a.Carrier(Behaviour{Answer: true, Ring: 400 * ms, Talk: 700 * ms})
			b.Phone("1001", Behaviour{})
			b.Call(CallSpec{Agent: "1001", To: "809120002002"}).Wait()
		},
	}, {
		Name:  "two-transfer-blind",
		Story: "A customer calls Neda of a, who transfers the call blindly to Omid of b. Omid hangs up.",
		Expect: one(Expected{
			Direction: "inbound", Outcome: "answered", Caller: numberSara, Dialed: didDirect, By: "agent",
			Legs:      []ExpectedLeg{customer(numberSara), transferred("1001@a"), agent("1002@b")},
			Transfers: blindly("1001@a", "81002"),
		}),
		place: func(a, b *Asterisk) {
			omid := phones(b, "1002")[0]
			_, neda := saraAndNeda(a)
			neda.Transfer("81002")
			talk(b, omid).HangUp()
		},
	}, {
		Name:  "two-transfer-attended",
		Story: "A customer calls Neda of a, who asks Omid of b while the customer is on hold, and joins the two. The customer hangs up.",
		Expect: one(held(Expected{
			Direction: "inbound", Outcome: "answered", Caller: numberSara, Dialed: didDirect, By: "caller",
			Legs:      []ExpectedLeg{customer(numberSara), transferred("1001@a"), agent("1002@b"), transferred("1001@a")},
			Transfers: attended("1001@a", "1002"),
		})),
		place: func(a, b *Asterisk) {
			omid := phones(b, "1002")[0]
			sara, neda := saraAndNeda(a)
			neda.Hold()
			consult := a.Call(CallSpec{Agent: "1001", To: "81002"})
			talk(b, omid)
			neda.TransferTo(consult.Answered())
			a.For(500 * ms)
			sara.HangUp()
		},
	}, {
		Name:  "two-transfer-back",
		Story: "A customer of a is sent to Neda of b, who answers and transfers the call back to Omid of a: it passes the line twice. The customer hangs up.",
		Expect: one(Expected{
			Direction: "inbound", Outcome: "answered", Caller: numberSara, Dialed: didOtherPhone, By: "caller",
			Legs:      []ExpectedLeg{customer(numberSara), transferred("1001@b"), agent("1002@a")},
			Transfers: blindly("1001@b", "81002"),
		}),
		place: func(a, b *Asterisk) {
			omid := phones(a, "1002")[0]
			neda := phones(b, "1001")[0]
			sara := a.Call(CallSpec{From: numberSara, To: didOtherPhone})
			talk(b, neda).Transfer("81002")
			talk(a, omid)
			sara.HangUp()
		},
	},
}
