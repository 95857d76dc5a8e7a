package pbxtest

import "strings"

const (
	mobile     = "09120002002" // whom agents call
	persian    = "سارا احمدی"
	fortyTimes = "0912000100109120001001091200010010912000" // 40 digits
)

// withCaller changes who called: as the PBX tells it, and in the customer's leg.
func withCaller(e Expected, number, name string, withheld bool) Expected {
	e.Caller, e.Name, e.Withheld = number, name, withheld
	for i := range e.Legs {
		if e.Legs[i].Role == "customer" {
			e.Legs[i].Number = strings.TrimPrefix(number, "-")
		}
	}
	return e
}

// oddCaller is a call with an unusual caller to Neda, who answers; the customer hangs up.
func oddCaller(spec CallSpec) func(*Asterisk) {
	return func(a *Asterisk) {
		a.Phone("1001", answers)
		spec := spec // played twice at once
		spec.To, spec.Talk = didDirect, 600*ms
		a.Call(spec).Wait()
	}
}

func answeredByNeda() Expected {
	return inbound("answered", didDirect, "", "caller", customer(numberSara), agent("1001"))
}

// agentCalls has Neda dial; the far end of the line behaves as told.
func agentCalls(spec CallSpec, carrier Behaviour) func(*Asterisk) {
	return func(a *Asterisk) {
		a.Carrier(carrier)
		spec := spec
		spec.Agent = "1001"
		a.Call(spec).Wait()
	}
}

// colleagues has Neda dial Omid, whose phone behaves as told.
func colleagues(spec CallSpec, omid Behaviour) func(*Asterisk) {
	return func(a *Asterisk) {
		a.Phone("1002", omid)
		spec := spec
		spec.Agent, spec.To = "1001", "1002"
		a.Call(spec).Wait()
	}
}

var insideScenarios = []Scenario{
	{
		Name:   "internal-answered",
		Story:  "Neda calls Omid by his extension. He answers; Neda hangs up.",
		Expect: one(internal("answered", "caller", agent("1001"), agent("1002"))),
		place:  colleagues(CallSpec{Talk: 700 * ms}, answers),
	}, {
		Name:   "internal-no-answer",
		Story:  "Neda calls Omid by his extension. It rings until the PBX gives up.",
		Expect: one(internal("missed", "system", rang("1001", "hung_up"), rang("1002", "no_answer"))),
		place:  colleagues(CallSpec{}, rings),
	}, {
		Name:   "internal-busy",
		Story:  "Neda calls Omid by his extension. His phone is busy.",
		Expect: one(internal("busy", "system", rang("1001", "hung_up"), rang("1002", "busy"))),
		place:  colleagues(CallSpec{}, busy),
	},
}

var outsideScenarios = []Scenario{
	{
		Name:   "outbound-answered",
		Story:  "Neda calls a customer over the line. The customer answers; Neda hangs up.",
		Expect: one(outbound("answered", mobile, "agent", agent("1001"), customer(mobile))),
		place:  agentCalls(CallSpec{To: mobile, Talk: 700 * ms}, answers),
	}, {
		Name:   "outbound-customer-hangs-up",
		Story:  "Neda calls a customer, dialling 9 for a line. The customer answers and hangs up.",
		Expect: one(outbound("answered", mobile, "caller", agent("1001"), customer(mobile))),
		place:  agentCalls(CallSpec{To: "9" + mobile}, endsIt),
	}, {
		Name:   "outbound-busy",
		Story:  "Neda calls a customer, who is busy.",
		Expect: one(outbound("busy", mobile, "system", rang("1001", "hung_up"), called(mobile, "busy"))),
		place:  agentCalls(CallSpec{To: mobile}, busy),
	}, {
		Name:   "outbound-no-such-number",
		Story:  "Neda calls a number that does not exist: the line answers 404.",
		Expect: one(outbound("failed", mobile, "system", rang("1001", "hung_up"), called(mobile, "failed"))),
		place:  agentCalls(CallSpec{To: mobile}, Behaviour{Refuse: "404 Not Found"}),
	}, {
		Name:   "outbound-cancelled",
		Story:  "Neda calls a customer and gives up while it rings.",
		Expect: one(outbound("cancelled", mobile, "agent", rang("1001", "hung_up"), called(mobile, "cancelled"))),
		place:  agentCalls(CallSpec{To: mobile, GiveUp: 900 * ms}, rings),
	}, {
		Name:   "outbound-no-answer",
		Story:  "Neda calls a customer. It rings until the customer's network gives up (480).",
		Expect: one(outbound("missed", mobile, "system", rang("1001", "hung_up"), called(mobile, "no_answer"))),
		place:  agentCalls(CallSpec{To: mobile}, Behaviour{Refuse: "480 Temporarily Unavailable", Ring: 900 * ms}),
	}, {
		Name:   "outbound-refused",
		Story:  "Neda calls a customer, who presses the red key (SIP 603).",
		Expect: one(outbound("busy", mobile, "system", rang("1001", "hung_up"), called(mobile, "declined"))),
		place:  agentCalls(CallSpec{To: mobile}, declines),
	}, {
		Name:   "outbound-early-media",
		Story:  "Neda calls a customer whose network plays something before the customer answers. Neda hangs up.",
		Expect: one(outbound("answered", mobile, "agent", agent("1001"), customer(mobile))),
		place:  agentCalls(CallSpec{To: mobile, Talk: 600 * ms}, Behaviour{Answer: true, EarlyMedia: true, Ring: 600 * ms}),
	},
}

var callerScenarios = []Scenario{
	{
		Name:   "anonymous",
		Story:  "Somebody calls without a number: the line says \"anonymous\". Neda answers.",
		Expect: one(withCaller(answeredByNeda(), "", "", true)),
		place:  oddCaller(CallSpec{FromHeader: `"Anonymous" <sip:anonymous@anonymous.invalid>`}),
	}, {
		Name:   "withheld-by-privacy-header",
		Story:  "A customer asked the network not to show the number; the line tells it all the same, marked private, and it goes no further. Neda answers.",
		Expect: one(withCaller(answeredByNeda(), "-", "", true)),
		place: oddCaller(CallSpec{
			FromHeader: `"Anonymous" <sip:anonymous@anonymous.invalid>`,
			Headers:    []string{"P-Asserted-Identity: <sip:" + numberSara + "@carrier.example>", "Privacy: id"},
		}),
	}, {
		Name:   "empty-caller",
		Story:  "A call comes without any caller number. Neda answers.",
		Expect: one(withCaller(answeredByNeda(), "-", "", true)),
		place:  oddCaller(CallSpec{FromHeader: `<sip:carrier.example>`}),
	}, {
		Name:   "alphanumeric-caller",
		Story:  "A bank calls with letters for a number. Neda answers.",
		Expect: one(withCaller(answeredByNeda(), "TehranBank", "", false)),
		place:  oddCaller(CallSpec{FromHeader: `<sip:TehranBank@carrier.example>`}),
	}, {
		Name:   "sip-uri-caller",
		Story:  "Somebody calls from the internet: the number is a SIP address. Neda answers.",
		Expect: one(withCaller(answeredByNeda(), "sara.ahmadi@example.com", "", false)),
		place:  oddCaller(CallSpec{FromHeader: `<sip:sara.ahmadi%40example.com@carrier.example>`}),
	}, {
		Name:   "forty-digits-caller",
		Story:  "A call comes with a number of forty digits. Neda answers.",
		Expect: one(withCaller(answeredByNeda(), fortyTimes, "", false)),
		place:  oddCaller(CallSpec{From: fortyTimes}),
	}, {
		Name:   "plus-and-persian-name",
		Story:  "A customer calls, the line says +98 and a name in Persian letters. Neda answers.",
		Expect: one(withCaller(answeredByNeda(), "+989120001001", persian, false)),
		place:  oddCaller(CallSpec{From: "+989120001001", Name: persian}),
	}, {
		Name:  "ivr-customer",
		Story: "A customer types the customer number 4711 into the IVR and then waits in the queue support. Neda answers; the customer hangs up.",
		Expect: one(func() Expected {
			e := inbound("answered", didIVR, "support", "caller", customer(numberSara), agent("1001"))
			e.Customer = "4711"
			return e
		}()),
		place: func(a *Asterisk) {
			a.Phone("1001", answers)
			a.Call(CallSpec{From: numberSara, To: didIVR, Digits: "4711", Talk: 1500 * ms}).Wait()
		},
	}, {
		Name:   "caller-hangs-up-in-ivr",
		Story:  "A customer hangs up while the IVR asks for the customer number.",
		Expect: one(inbound("missed", didIVR, "", "caller", waiting(numberSara))),
		place: func(a *Asterisk) {
			a.Call(CallSpec{From: numberSara, To: didIVR, Talk: 1100 * ms}).Wait()
		},
	}, {
		Name:   "invalid-extension",
		Story:  "Somebody calls a number of ours that nobody has; the PBX refuses.",
		Expect: one(withCaller(inbound("missed", "91009999", "", "system", waiting("")), numberLine, "", false)),
		place: func(a *Asterisk) {
			a.Call(CallSpec{From: numberLine, To: "91009999"}).Wait()
		},
	}, {
		Name:   "phone-unregistered",
		Story:  "A customer calls Reza's direct number, and Reza's phone is not connected.",
		Expect: one(inbound("missed", didReza, "", "system", waiting(numberSara))),
		place: func(a *Asterisk) {
			a.Call(CallSpec{From: numberSara, To: didReza}).Wait()
		},
	},
}

var crowdScenarios = []Scenario{
	{
		Name:  "three-calls-one-number",
		Story: "From one number, as behind a company's exchange, three calls come at once: Neda answers one, Sara another in the queue sales, and the third rings at Reza's until the caller gives up.",
		Expect: []Expected{
			inbound("answered", didDirect, "", "caller", customer(numberSara), agent("1001")),
			inbound("answered", didSales, "sales", "caller", customer(numberSara), agent("1003")),
			inbound("missed", didReza, "", "caller", waiting(numberSara), rang("1004", "cancelled")),
		},
		place: func(a *Asterisk) {
			a.Phone("1001", answers)
			a.Phone("1003", answers)
			a.Phone("1004", rings)
			all(
				a.Call(CallSpec{From: numberSara, To: didDirect, Talk: 1200 * ms}),
				a.Call(CallSpec{From: numberSara, To: didSales, Talk: 1200 * ms}),
				a.Call(CallSpec{From: numberSara, To: didReza, GiveUp: 1200 * ms}),
			)
		},
	}, {
		Name:  "two-queues-one-agent",
		Story: "Sara serves the queues sales and vip. While she talks to a customer of sales, another waits in vip; her phone rings for it as soon as she is free. Both customers hang up.",
		Expect: []Expected{
			inbound("answered", didSales, "sales", "caller", customer(numberSara), agent("1003")),
			withCaller(inbound("answered", didVIP, "vip", "caller", customer(""), agent("1003")), numberLine, "", false),
		},
		place: func(a *Asterisk) {
			a.Phone("1003", answers)
			first := a.Call(CallSpec{From: numberSara, To: didSales, Talk: 1800 * ms})
			a.Eventually("Sara does not talk", func() bool { return a.device("1003") == "INUSE" })
			second := a.Call(CallSpec{From: numberLine, To: didVIP, Talk: 4200 * ms})
			all(first, second)
		},
	}, {
		Name:  "many",
		Story: "Ten calls at once: four customers talk to Neda, one of them anonymous; two give up at Reza's phone; two colleagues call Sara; Omid calls a customer; one dials a number that nobody has.",
		Expect: []Expected{
			withCaller(answeredByNeda(), "09120001011", "", false),
			withCaller(answeredByNeda(), "09120001012", "", false),
			withCaller(answeredByNeda(), "09120001013", "", false),
			withCaller(answeredByNeda(), "", "", true),
			withCaller(inbound("missed", didReza, "", "caller", waiting(""), rang("1004", "cancelled")), "09120001014", "", false),
			withCaller(inbound("missed", didReza, "", "caller", waiting(""), rang("1004", "cancelled")), "09120001015", "", false),
			{Direction: "internal", Outcome: "answered", Caller: "1001", Dialed: "1003", By: "caller", Legs: []ExpectedLeg{agent("1001"), agent("1003")}},
			{Direction: "internal", Outcome: "answered", Caller: "1002", Dialed: "1003", By: "caller", Legs: []ExpectedLeg{agent("1002"), agent("1003")}},
			{Direction: "outbound", Outcome: "answered", Caller: "1002", Dialed: mobile, By: "agent", Legs: []ExpectedLeg{agent("1002"), customer(mobile)}},
			withCaller(inbound("missed", "91009999", "", "system", waiting("")), numberLine, "", false),
		},
		place: func(a *Asterisk) {
			a.Phone("1001", answers)
			a.Phone("1003", answers)
			a.Phone("1004", rings)
			a.Carrier(answers)
			talk := 1500 * ms
			all(
				a.Call(CallSpec{From: "09120001011", To: didDirect, Talk: talk}),
				a.Call(CallSpec{From: "09120001012", To: didDirect, Talk: talk}),
				a.Call(CallSpec{From: "09120001013", To: didDirect, Talk: talk}),
				a.Call(CallSpec{FromHeader: `"Anonymous" <sip:anonymous@anonymous.invalid>`, To: didDirect, Talk: talk}),
				a.Call(CallSpec{From: "09120001014", To: didReza, GiveUp: 1200 * ms}),
				a.Call(CallSpec{From: "09120001015", To: didReza, GiveUp: 1200 * ms}),
				a.Call(CallSpec{Agent: "1001", To: "1003", Talk: talk}),
				a.Call(CallSpec{Agent: "1002", To: "1003", Talk: talk}),
				a.Call(CallSpec{Agent: "1002", To: mobile, Talk: talk}),
				a.Call(CallSpec{From: numberLine, To: "91009999"}),
			)
		},
	},
}

func all(calls ...*PlacedCall) {
	for _, c := range calls {
		c.Wait()
	}
}
