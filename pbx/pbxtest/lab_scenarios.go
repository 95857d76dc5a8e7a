package pbxtest

import (
	"slices"
	"time"
)

// Scenario is a situation of a call centre's day, with what the call log must say about it afterwards. Each was
// recorded as pbx/testdata/NAME.jsonl; Play does it again, live.
type Scenario struct {
	Name  string
	Story string // what happens, in a manager's words
	// Expect are the calls that must have been seen, in any order; none is seen that is not expected.
	Expect []Expected
	// Pending says that the tracker does not know this yet: the recording waits in pbx/testdata/next.
	Pending bool
	place   func(a *Asterisk)
}

// Play does what the scenario tells, for tb, and returns when every call of it is over. Its phones are gone then, and what
// the queues remember of their members. It takes 2 to 6 s. One Asterisk plays one scenario at a time; to save time, use
// several.
func (s Scenario) Play(tb TB, a *Asterisk) {
	tb.Helper()
	defer a.lend(tb)()
	s.place(a)
	a.Quiet()
	for _, p := range a.registered() {
		p.Close()
	}
	if _, err := a.CLI("queue reset stats"); err != nil {
		tb.Fatalf("forget the calls of the queues' members: %v", err)
	}
}

// Numbers of the laboratory. None belongs to anybody.
const (
	numberSara = "09120001001"
	numberLine = "02191005678"
	ownNumber  = "02191001234"

	didSupport = "91001234"
	didSales   = "91001235"
	didDirect  = "91001236" // to 1001
	didIVR     = "91001237"
	didGroup   = "91001238" // 1001 and 1002
	didVIP     = "91001239"
	didLocal   = "91001240" // queue with members as FreePBX has them
	didReza    = "91001241" // to 1004

	didForward    = "91001242" // to Reza's mobile phone
	didFollowMe   = "91001243" // to 1001, then Neda's mobile phone
	didVoicemail  = "91001244" // to 1001, then voice mail
	didOverflow   = "91001245" // queue support, then sales
	didKeys       = "91001246" // queue keys
	didTwoPhones  = "91001247" // to both phones of 1005
	didConference = "91001248"
	didWrap       = "91001249" // queue wrap
	didLeast      = "91001250" // queue least
	didOptimized  = "91001251" // queue optimized
	didInsist     = "91001252" // queue insist
	didCrowd      = "91001253" // queue crowd
	didMina       = "91001254" // to 1005 and 1006
	didMeeting    = "91001255" // to 1007
)

// Owners are the people of the laboratory, by extension. Mina has two phones of different extensions; those that are
// not here are nobody's.
var Owners = map[string]string{
	"1001": "Neda", "1002": "Omid", "1003": "Sara", "1004": "Reza", "1005": "Mina", "1006": "Mina",
}

const ms = time.Millisecond

// What phones do.
var (
	rings    = Behaviour{}
	answers  = Behaviour{Answer: true, Ring: 400 * ms}
	endsIt   = Behaviour{Answer: true, Ring: 400 * ms, Talk: 700 * ms}
	busy     = Behaviour{Refuse: "486 Busy Here"}
	declines = Behaviour{Refuse: "603 Decline", Ring: 400 * ms}
)

// customer, agent and colleagues build the legs of expectations.
func customer(number string) ExpectedLeg {
	return ExpectedLeg{Role: "customer", Number: number, End: "hung_up", Answered: true}
}

// waiting is a customer whom nobody answered: by whatever end the caller's own leg had.
func waiting(number string) ExpectedLeg {
	return ExpectedLeg{Role: "customer", Number: number, End: "hung_up"}
}

func agent(ext string) ExpectedLeg {
	return ExpectedLeg{Role: "agent", Extension: ext, End: "hung_up", Answered: true}
}

func rang(ext, end string) ExpectedLeg { return ExpectedLeg{Role: "agent", Extension: ext, End: end} }

func called(number, end string) ExpectedLeg {
	return ExpectedLeg{Role: "customer", Number: number, End: end}
}

// inbound, from numberSara unless changed.
func inbound(outcome, dialed, queue, by string, legs ...ExpectedLeg) Expected {
	return Expected{Direction: "inbound", Outcome: outcome, Caller: numberSara, Dialed: dialed, Queue: queue, By: by, Legs: legs}
}

func internal(outcome, by string, legs ...ExpectedLeg) Expected {
	return Expected{Direction: "internal", Outcome: outcome, Caller: "1001", Dialed: "1002", By: by, Legs: legs}
}

func outbound(outcome, dialed, by string, legs ...ExpectedLeg) Expected {
	return Expected{Direction: "outbound", Outcome: outcome, Caller: "1001", Dialed: dialed, By: by, Legs: legs}
}

func one(e Expected) []Expected { return []Expected{e} }

var recorded = slices.Concat(arrivingScenarios, insideScenarios, outsideScenarios, callerScenarios, crowdScenarios,
	transferScenarios, featureScenarios, queueScenarios)

// Scenarios are all situations that are recorded and that the tracker knows; Pending are those that it does not know yet.
var (
	Scenarios = slices.DeleteFunc(slices.Clone(recorded), func(s Scenario) bool { return s.Pending })
	Pending   = slices.DeleteFunc(slices.Clone(recorded), func(s Scenario) bool { return !s.Pending })
)

var arrivingScenarios = []Scenario{
	{
		Name:   "direct-answered-caller-hangs-up",
		Story:  "A customer calls Neda's direct number. Neda answers; the customer hangs up.",
		Expect: one(inbound("answered", didDirect, "", "caller", customer(numberSara), agent("1001"))),
		place: func(a *Asterisk) {
			a.Phone("1001", answers)
			a.Call(CallSpec{From: numberSara, Name: "Sara Ahmadi", To: didDirect, Talk: 700 * ms}).Wait()
		},
	}, {
		Name:   "direct-answered-agent-hangs-up",
		Story:  "A customer calls Neda's direct number. Neda answers and hangs up.",
		Expect: one(inbound("answered", didDirect, "", "agent", customer(numberSara), agent("1001"))),
		place: func(a *Asterisk) {
			a.Phone("1001", endsIt)
			a.Call(CallSpec{From: numberSara, To: didDirect}).Wait()
		},
	}, {
		Name:   "direct-no-answer",
		Story:  "A customer calls Neda's direct number. Her phone rings until the PBX gives up.",
		Expect: one(inbound("missed", didDirect, "", "system", waiting(numberSara), rang("1001", "no_answer"))),
		place: func(a *Asterisk) {
			a.Phone("1001", rings)
			a.Call(CallSpec{From: numberSara, To: didDirect}).Wait()
		},
	}, {
		Name:   "direct-busy",
		Story:  "A customer calls Neda's direct number. Her phone says that it is busy.",
		Expect: one(inbound("busy", didDirect, "", "system", waiting(numberSara), rang("1001", "busy"))),
		place: func(a *Asterisk) {
			a.Phone("1001", busy)
			a.Call(CallSpec{From: numberSara, To: didDirect}).Wait()
		},
	}, {
		Name:   "direct-declined",
		Story:  "A customer calls Neda's direct number. It rings, and Neda declines the call (SIP 603).",
		Expect: one(inbound("missed", didDirect, "", "system", waiting(numberSara), rang("1001", "declined"))),
		place: func(a *Asterisk) {
			a.Phone("1001", declines)
			a.Call(CallSpec{From: numberSara, To: didDirect}).Wait()
		},
	}, {
		Name:   "direct-caller-gives-up",
		Story:  "A customer calls Neda's direct number and hangs up while it rings.",
		Expect: one(inbound("missed", didDirect, "", "caller", waiting(numberSara), rang("1001", "cancelled"))),
		place: func(a *Asterisk) {
			a.Phone("1001", rings)
			a.Call(CallSpec{From: numberSara, To: didDirect, GiveUp: 900 * ms}).Wait()
		},
	}, {
		Name:   "direct-phone-dead",
		Story:  "A customer calls Neda's direct number. Her phone is registered but without power: it never even rings, until the PBX gives up.",
		Expect: one(inbound("missed", didDirect, "", "system", waiting(numberSara), rang("1001", "no_answer"))),
		place: func(a *Asterisk) {
			a.Phone("1001", Behaviour{Silent: true})
			a.Call(CallSpec{From: numberSara, To: didDirect}).Wait()
		},
	}, {
		Name:   "queue-nobody-there",
		Story:  "A customer waits in the queue support while no agent is connected, and hangs up.",
		Expect: one(inbound("abandoned", didSupport, "support", "caller", waiting(numberSara))),
		place: func(a *Asterisk) {
			a.Call(CallSpec{From: numberSara, To: didSupport, Talk: 1500 * ms}).Wait()
		},
	}, {
		Name:  "queue-ringall-answered",
		Story: "A customer waits in the queue support. Neda's and Omid's phones ring; Omid answers, and hangs up after the talk.",
		Expect: one(inbound("answered", didSupport, "support", "agent",
			customer(numberSara), rang("1001", "answered_elsewhere"), agent("1002"))),
		place: func(a *Asterisk) {
			a.Phone("1001", rings)
			a.Phone("1002", endsIt)
			a.Call(CallSpec{From: numberSara, To: didSupport}).Wait()
		},
	}, {
		Name:  "queue-ringall-nobody",
		Story: "A customer waits in the queue support. Both phones ring, nobody answers, the customer hangs up.",
		Expect: one(inbound("abandoned", didSupport, "support", "caller",
			waiting(numberSara), rang("1001", "cancelled"), rang("1002", "cancelled"))),
		place: func(a *Asterisk) {
			a.Phone("1001", rings)
			a.Phone("1002", rings)
			a.Call(CallSpec{From: numberSara, To: didSupport, Talk: 1200 * ms}).Wait()
		},
	}, {
		Name:  "queue-ringall-timeout",
		Story: "A customer waits in the queue support. Both phones ring twice, nobody answers, the queue gives up and the PBX hangs up.",
		Expect: one(inbound("missed", didSupport, "support", "system", waiting(numberSara),
			rang("1001", "no_answer"), rang("1002", "no_answer"), rang("1001", "no_answer"), rang("1002", "no_answer"))),
		place: func(a *Asterisk) {
			a.Phone("1001", rings)
			a.Phone("1002", rings)
			a.Call(CallSpec{From: numberSara, To: didSupport}).Wait()
		},
	}, {
		Name:  "queue-inturn-second-answers",
		Story: "A customer waits in the queue sales, unanswered, hearing it ring. Sara's phone rings in vain, then Reza answers. The customer hangs up.",
		Expect: one(inbound("answered", didSales, "sales", "caller",
			customer(numberSara), rang("1003", "no_answer"), agent("1004"))),
		place: func(a *Asterisk) {
			a.Phone("1003", rings)
			a.Phone("1004", answers)
			a.Call(CallSpec{From: numberSara, To: didSales, Talk: 700 * ms}).Wait()
		},
	}, {
		Name:  "queue-inturn-abandoned",
		Story: "A customer waits in the queue sales. Sara's phone rings in vain; while Reza's rings, the customer hangs up.",
		Expect: one(inbound("abandoned", didSales, "sales", "caller",
			waiting(numberSara), rang("1003", "no_answer"), rang("1004", "cancelled"))),
		place: func(a *Asterisk) {
			a.Phone("1003", rings)
			a.Phone("1004", rings)
			a.Call(CallSpec{From: numberSara, To: didSales, GiveUp: 3500 * ms}).Wait()
		},
	}, {
		Name:  "queue-member-busy",
		Story: "A customer waits in the queue support. Neda's phone says that it is busy, Omid answers. The customer hangs up.",
		Expect: one(inbound("answered", didSupport, "support", "caller",
			customer(numberSara), rang("1001", "busy"), agent("1002"))),
		place: func(a *Asterisk) {
			a.Phone("1001", busy)
			a.Phone("1002", answers)
			a.Call(CallSpec{From: numberSara, To: didSupport, Talk: 1500 * ms}).Wait()
		},
	}, {
		Name:  "queue-local-members",
		Story: "As queue-ringall-answered, in a queue built as FreePBX does: each member is a Local channel. The customer hangs up.",
		Expect: one(inbound("answered", didLocal, "local", "caller",
			customer(numberSara), rang("1001", "answered_elsewhere"), agent("1002"))),
		place: func(a *Asterisk) {
			a.Phone("1001", rings)
			a.Phone("1002", answers)
			a.Call(CallSpec{From: numberSara, To: didLocal, Talk: 1500 * ms}).Wait()
		},
	}, {
		Name:  "ringgroup-answered",
		Story: "A customer calls the number at which Neda's and Omid's phones ring together, without a queue. Omid answers. The customer hangs up.",
		Expect: one(inbound("answered", didGroup, "", "caller",
			customer(numberSara), rang("1001", "answered_elsewhere"), agent("1002"))),
		place: func(a *Asterisk) {
			a.Phone("1001", rings)
			a.Phone("1002", answers)
			a.Call(CallSpec{From: numberSara, To: didGroup, Talk: 700 * ms}).Wait()
		},
	},
}
