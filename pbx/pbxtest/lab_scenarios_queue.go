package pbxtest

import "fmt"

var queueScenarios = []Scenario{
	{
		Name:  "queue-overflow",
		Story: "A customer waits in the queue support, where Neda's and Omid's phones ring in vain. The PBX moves the customer to the queue sales, where Sara answers. The customer hangs up.",
		Expect: one(inbound("answered", didOverflow, "sales", "caller", customer(numberSara),
			rang("1001", "no_answer"), rang("1002", "no_answer"), agent("1003"))),
		place: func(a *Asterisk) {
			a.Phone("1001", rings)
			a.Phone("1002", rings)
			other := phones(a, "1003")[0]
			call := a.Call(CallSpec{From: numberSara, To: didOverflow})
			talk(a, other)
			call.HangUp()
		},
	}, {
		Name:  "queue-left-by-key",
		Story: "A customer waits in the queue keys, where Neda's and Omid's phones ring; tired of it, the customer presses 1 and gets Reza. The customer hangs up.",
		Expect: one(inbound("answered", didKeys, "keys", "caller", customer(numberSara),
			rang("1001", "cancelled"), rang("1002", "cancelled"), agent("1004"))),
		place: func(a *Asterisk) {
			a.Phone("1001", rings)
			a.Phone("1002", rings)
			reza := phones(a, "1004")[0]
			call := a.Call(CallSpec{From: numberSara, To: didKeys})
			a.Eventually("nobody's phone rings", func() bool { return a.device("1001") == "RINGING" && a.device("1002") == "RINGING" })
			a.For(500 * ms)
			call.Answered().Press("1")
			talk(a, reza)
			call.HangUp()
		},
	}, {
		Name:  "caller-comes-back",
		Story: "A customer waits in the queue support, hangs up, and calls again a second later. Now Neda answers; the customer hangs up. Two calls: one abandoned, one answered.",
		Expect: []Expected{
			inbound("abandoned", didSupport, "support", "caller", waiting(numberSara)),
			inbound("answered", didSupport, "support", "caller", customer(numberSara), agent("1001")),
		},
		place: func(a *Asterisk) {
			a.Call(CallSpec{From: numberSara, To: didSupport, Talk: 1200 * ms}).Wait()
			neda := phones(a, "1001")[0]
			a.For(1000 * ms)
			call := a.Call(CallSpec{From: numberSara, To: didSupport})
			talk(a, neda)
			call.HangUp()
		},
	}, {
		Name:  "queue-member-declines",
		Story: "A customer waits in the queue support. Neda declines the call (SIP 603), Omid answers. The customer hangs up.",
		Expect: one(inbound("answered", didSupport, "support", "caller",
			customer(numberSara), rang("1001", "declined"), agent("1002"))),
		place: func(a *Asterisk) {
			a.Phone("1001", declines)
			omid := a.Phone("1002", Behaviour{Answer: true, Ring: 900 * ms})
			call := a.Call(CallSpec{From: numberSara, To: didSupport})
			talk(a, omid)
			call.HangUp()
		},
	}, {
		Name:   "queue-member-unregistered",
		Story:  "A customer waits in the queue support. Neda's phone is not connected; Omid answers. The customer hangs up. Neda was not asked.",
		Expect: one(inbound("answered", didSupport, "support", "caller", customer(numberSara), agent("1002"))),
		place: func(a *Asterisk) {
			omid := phones(a, "1002")[0]
			call := a.Call(CallSpec{From: numberSara, To: didSupport})
			talk(a, omid)
			call.HangUp()
		},
	}, {
		Name: "queue-answer-as-caller-leaves",
		Story: "A customer waits in the queue support and hangs up at the moment in which Neda answers. The answer was faster: " +
			"the call was answered, and the customer hung up a moment later.",
		Expect: one(inbound("answered", didSupport, "support", "caller", customer(numberSara), agent("1001"))),
		place: func(a *Asterisk) {
			neda := phones(a, "1001")[0]
			sara := a.Call(CallSpec{From: numberSara, To: didSupport}).Answered()
			neda.Answered()
			sara.HangUp()
		},
	}, {
		Name: "queue-answer-crosses-giving-up",
		Story: "A customer waits in the queue support and hangs up at the very moment in which Neda lifts the receiver: her phone's answer crosses the PBX's word that it is over. " +
			"The call is abandoned.",
		Expect: one(inbound("abandoned", didSupport, "support", "caller", waiting(numberSara), rang("1001", "cancelled"))),
		place: func(a *Asterisk) {
			a.Phone("1001", Behaviour{Late: true})
			sara := a.Call(CallSpec{From: numberSara, To: didSupport}).Answered()
			a.Eventually("Neda's phone does not ring", func() bool { return a.device("1001") == "RINGING" })
			a.For(300 * ms)
			sara.HangUp()
		},
	}, {
		Name: "answer-crosses-giving-up",
		Story: "A customer calls Neda's direct number and gives up at the very moment in which Neda lifts the receiver: her phone's answer crosses the PBX's word that it is over. " +
			"The call is missed.",
		Expect: one(inbound("missed", didDirect, "", "caller", waiting(numberSara), rang("1001", "cancelled"))),
		place: func(a *Asterisk) {
			a.Phone("1001", Behaviour{Late: true})
			a.Call(CallSpec{From: numberSara, To: didDirect, GiveUp: 600 * ms}).Wait()
		},
	}, {
		Name: "queue-optimized-local",
		Story: "As queue-local-members, but Asterisk takes the Local channels out of the way when somebody answers: customer and agent are in one bridge. " +
			"Omid answers; the customer hangs up.",
		Expect: one(inbound("answered", didOptimized, "optimized", "caller",
			customer(numberSara), rang("1001", "answered_elsewhere"), agent("1002"))),
		place: func(a *Asterisk) {
			a.Phone("1001", rings)
			omid := phones(a, "1002")[0]
			call := a.Call(CallSpec{From: numberSara, To: didOptimized, Speaks: true})
			talk(a, omid)
			a.For(500 * ms)
			call.HangUp()
		},
	}, {
		Name: "one-agent-in-two-queues-at-once",
		Story: "Two customers wait, in the queues sales and insist. Sara's phone rings for both at the same time: she answers one, puts that customer on hold and answers the other. " +
			"Both customers hang up.",
		Expect: []Expected{
			inbound("answered", didSales, "sales", "caller", customer(numberSara), agent("1003")),
			from(numberLine, inbound("answered", didInsist, "insist", "caller", customer(""), agent("1003"))),
		},
		place: func(a *Asterisk) {
			phone := a.Phone("1003", Behaviour{Answer: true, Ring: 1500 * ms})
			first := a.Call(CallSpec{From: numberSara, To: didSales})
			a.Eventually("Sara's phone does not ring", func() bool { return a.device("1003") == "RINGING" })
			second := a.Call(CallSpec{From: numberLine, To: didInsist})
			phone.Answered()
			phone.Answered()
			a.For(400 * ms)
			first.HangUp()
			a.For(300 * ms)
			second.HangUp()
		},
	}, {
		Name: "queue-wrap-up",
		Story: "A customer of the queue wrap talks to Sara and hangs up. The next customer comes at once and waits until the three seconds are over that Sara has after a call; " +
			"then she answers. The customer hangs up.",
		Expect: []Expected{
			inbound("answered", didWrap, "wrap", "caller", customer(numberSara), agent("1003")),
			from(numberLine, inbound("answered", didWrap, "wrap", "caller", customer(""), agent("1003"))),
		},
		place: func(a *Asterisk) {
			phone := phones(a, "1003")[0]
			first := a.Call(CallSpec{From: numberSara, To: didWrap})
			talk(a, phone)
			first.HangUp()
			second := a.Call(CallSpec{From: numberLine, To: didWrap})
			talk(a, phone)
			second.HangUp()
		},
	}, {
		Name: "queue-least-recent",
		Story: "Two customers call one after the other the queue least, which rings whoever had no call for the longest time. Neda answers the first; " +
			"for the second Omid's phone rings, who answers. Both customers hang up.",
		Expect: []Expected{
			inbound("answered", didLeast, "least", "caller", customer(numberSara), agent("1001")),
			from(numberLine, inbound("answered", didLeast, "least", "caller", customer(""), agent("1002"))),
		},
		place: func(a *Asterisk) {
			neda := phones(a, "1001")[0]
			first := a.Call(CallSpec{From: numberSara, To: didLeast})
			talk(a, neda)
			first.HangUp()
			omid := phones(a, "1002")[0]
			second := a.Call(CallSpec{From: numberLine, To: didLeast})
			talk(a, omid)
			second.HangUp()
		},
	}, {
		Name:  "queue-crowd",
		Story: "A customer waits in the queue crowd: twenty phones ring at once. One is answered; the customer hangs up.",
		Expect: one(inbound("answered", didCrowd, "crowd", "caller", append([]ExpectedLeg{customer(numberSara), agent("1030")},
			crowd(1011, 1029, func(ext string) ExpectedLeg { return rang(ext, "answered_elsewhere") })...)...)),
		place: func(a *Asterisk) {
			crowd(1011, 1029, func(ext string) *Phone { return a.Phone(ext, rings) })
			last := a.Phone("1030", Behaviour{Answer: true, Ring: 900 * ms})
			call := a.Call(CallSpec{From: numberSara, To: didCrowd})
			talk(a, last)
			call.HangUp()
		},
	},
}

// crowd does something for each extension from first to last.
func crowd[T any](first, last int, do func(ext string) T) []T {
	var list []T
	for n := first; n <= last; n++ {
		list = append(list, do(fmt.Sprint(n)))
	}
	return list
}
