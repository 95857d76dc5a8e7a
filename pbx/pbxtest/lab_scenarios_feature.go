package pbxtest

const (
	mobileReza = "09120003003"
	mobileNeda = "09120003001"
)

// from changes who called.
func from(number string, e Expected) Expected { return withCaller(e, number, "", false) }

var featureScenarios = []Scenario{
	{
		Name:   "hold-both-ends",
		Story:  "A customer calls Neda's direct number. Neda puts the customer on hold and comes back; then the customer does the same with her. The customer hangs up.",
		Expect: one(held(answeredByNeda())),
		place: func(a *Asterisk) {
			call, neda := saraAndNeda(a)
			neda.Hold()
			a.For(400 * ms)
			neda.Resume()
			a.For(300 * ms)
			sara := call.Answered()
			sara.Hold()
			a.For(400 * ms)
			sara.Resume()
			a.For(300 * ms)
			call.HangUp()
		},
	}, {
		Name:   "hold-hung-up",
		Story:  "A customer calls Neda's direct number. Neda puts the customer on hold; the customer hangs up while waiting.",
		Expect: one(held(answeredByNeda())),
		place: func(a *Asterisk) {
			call, neda := saraAndNeda(a)
			neda.Hold()
			a.For(500 * ms)
			call.HangUp()
		},
	}, {
		Name:  "forward-by-phone",
		Story: "A customer calls Neda's direct number. Her phone does not ring: it says that its calls go to Omid (SIP 302). Omid answers; the customer hangs up. A forward is not a transfer.",
		Expect: one(inbound("answered", didDirect, "", "caller",
			customer(numberSara), rang("1001", "transferred"), agent("1002"))),
		place: func(a *Asterisk) {
			a.Phone("1001", Behaviour{Forward: "1002"})
			omid := phones(a, "1002")[0]
			call := a.Call(CallSpec{From: numberSara, To: didDirect})
			talk(a, omid)
			call.HangUp()
		},
	}, {
		Name:  "forward-by-phone-optimized",
		Story: "As forward-by-phone, and the customer speaks: so Asterisk takes the Local channel of the forward out of the way.",
		Expect: one(inbound("answered", didDirect, "", "caller",
			customer(numberSara), rang("1001", "transferred"), agent("1002"))),
		place: func(a *Asterisk) {
			a.Phone("1001", Behaviour{Forward: "1002"})
			omid := phones(a, "1002")[0]
			call := a.Call(CallSpec{From: numberSara, To: didDirect, Speaks: true})
			talk(a, omid)
			a.For(500 * ms)
			call.HangUp()
		},
	}, {
		Name: "forward-by-phone-in-queue",
		Story: "A customer waits in the queue support. Neda's phone does not ring: it says that its calls go to Reza (SIP 302). Reza answers; the customer hangs up. " +
			"Omid's phone rang meanwhile.",
		Expect: one(inbound("answered", didSupport, "support", "caller",
			customer(numberSara), rang("1001", "transferred"), rang("1002", "answered_elsewhere"), agent("1004"))),
		place: func(a *Asterisk) {
			a.Phone("1001", Behaviour{Forward: "1004"})
			a.Phone("1002", rings)
			reza := phones(a, "1004")[0]
			call := a.Call(CallSpec{From: numberSara, To: didSupport})
			talk(a, reza)
			call.HangUp()
		},
	}, {
		Name:   "forward-by-dialplan",
		Story:  "A customer calls a number of ours that goes to Reza's mobile phone, over the line. It is answered there; the customer hangs up. No agent's phone had part in it.",
		Expect: one(inbound("answered", didForward, "", "caller", customer(numberSara), customer(mobileReza))),
		place: func(a *Asterisk) {
			far := a.Carrier(Behaviour{Answer: true, Ring: 300 * ms})
			call := a.Call(CallSpec{From: numberSara, To: didForward})
			talk(a, far)
			call.HangUp()
		},
	}, {
		Name:  "follow-me",
		Story: "A customer calls Neda. Her phone rings in vain, then her mobile phone rings, over the line, and is answered. The customer hangs up.",
		Expect: one(inbound("answered", didFollowMe, "", "caller",
			customer(numberSara), rang("1001", "no_answer"), customer(mobileNeda))),
		place: func(a *Asterisk) {
			a.Phone("1001", rings)
			far := a.Carrier(Behaviour{Answer: true, Ring: 300 * ms})
			call := a.Call(CallSpec{From: numberSara, To: didFollowMe})
			talk(a, far)
			call.HangUp()
		},
	}, {
		Name:  "pickup-group",
		Story: "A customer calls Neda's direct number. Her phone rings; Omid takes the call with *8. The customer hangs up. One call, and none from Omid to *8.",
		Expect: one(inbound("answered", didDirect, "", "caller",
			customer(numberSara), rang("1001", "answered_elsewhere"), agent("1002"))),
		place: func(a *Asterisk) { pickUp(a, didDirect, "*8") },
	}, {
		Name:  "pickup-directed",
		Story: "As pickup-group, but Omid asks for the call at Neda's phone (**1001).",
		Expect: one(inbound("answered", didDirect, "", "caller",
			customer(numberSara), rang("1001", "answered_elsewhere"), agent("1002"))),
		place: func(a *Asterisk) { pickUp(a, didDirect, "**1001") },
	}, {
		Name:  "pickup-from-queue",
		Story: "A customer waits in the queue keys. Neda's phone rings; Omid, whose own phone is not connected for the queue, takes the call with *8. The customer hangs up.",
		Expect: one(inbound("answered", didKeys, "keys", "caller",
			customer(numberSara), rang("1001", "answered_elsewhere"), agent("1002"))),
		place: func(a *Asterisk) { pickUp(a, didKeys, "*8") },
	}, {
		Name:   "park-retrieved",
		Story:  "A customer calls Neda's direct number. Neda parks the call (she transfers it to 700), and Omid takes it by calling 701. The customer hangs up. Neda handed the call to Omid.",
		Expect: one(handedOver("caller", blindly("1001", "1002"), transferred("1001"), agent("1002"))),
		place: func(a *Asterisk) {
			call, neda := saraAndNeda(a)
			neda.Transfer("700")
			a.For(700 * ms)
			a.Call(CallSpec{Agent: "1002", To: "701"}).Answered()
			a.For(1100 * ms) // of which the PBX takes half a second to join them
			call.HangUp()
		},
	}, {
		Name:   "park-digits",
		Story:  "As park-retrieved, but Neda types #72. The customer hangs up.",
		Expect: one(handedOver("caller", blindly("1001", "1002"), transferred("1001"), agent("1002"))),
		place: func(a *Asterisk) {
			call, neda := saraAndNeda(a)
			neda.Press("#72")
			a.For(700 * ms)
			a.Call(CallSpec{Agent: "1002", To: "701"}).Answered()
			a.For(1100 * ms) // of which the PBX takes half a second to join them
			call.HangUp()
		},
	}, {
		Name:   "park-timeout",
		Story:  "A customer calls Neda's direct number. Neda parks the call; nobody takes it, and after a while it rings at Neda's again, who answers. The customer hangs up.",
		Expect: one(handedOver("caller", blindly("1001", "1001"), transferred("1001"), agent("1001"))),
		place: func(a *Asterisk) {
			phone := phones(a, "1001")[0]
			call := a.Call(CallSpec{From: numberSara, To: didDirect})
			talk(a, phone).Transfer("700")
			talk(a, phone)
			call.HangUp()
		},
	}, {
		Name:   "park-given-up",
		Story:  "A customer calls Neda's direct number. Neda parks the call, and the customer hangs up before anybody takes it. The call was answered: Neda talked to the customer.",
		Expect: one(handedOver("caller", blindly("1001", "parking"), transferred("1001"))),
		place: func(a *Asterisk) {
			call, neda := saraAndNeda(a)
			neda.Transfer("700")
			a.For(700 * ms)
			call.HangUp()
		},
	}, {
		Name: "conference",
		Story: "A customer calls the conference and waits; Neda dials in, then Omid. They talk; Omid leaves, then Neda, then the customer. " +
			"Three calls: each has dialled for himself. The customer's is answered, because agents talked to the customer.",
		Expect: []Expected{
			inbound("answered", didConference, "", "caller", customer(numberSara)),
			{Direction: "internal", Outcome: "answered", Caller: "1001", Dialed: "603", By: "caller", Legs: []ExpectedLeg{agent("1001")}},
			{Direction: "internal", Outcome: "answered", Caller: "1002", Dialed: "603", By: "caller", Legs: []ExpectedLeg{agent("1002")}},
		},
		place: func(a *Asterisk) {
			sara := a.Call(CallSpec{From: numberSara, To: didConference})
			sara.Answered()
			a.For(800 * ms)
			neda := a.Call(CallSpec{Agent: "1001", To: "603"})
			neda.Answered()
			a.For(800 * ms)
			omid := a.Call(CallSpec{Agent: "1002", To: "603"})
			omid.Answered()
			a.For(1000 * ms)
			omid.HangUp()
			a.For(400 * ms)
			neda.HangUp()
			a.For(400 * ms)
			sara.HangUp()
		},
	}, {
		Name:   "voicemail",
		Story:  "A customer calls Neda's number. Her phone rings in vain, the customer gets her voice mail, leaves a message and hangs up.",
		Expect: one(inbound("voicemail", didVoicemail, "", "caller", waiting(numberSara), rang("1001", "no_answer"))),
		place: func(a *Asterisk) {
			a.Phone("1001", rings)
			call := a.Call(CallSpec{From: numberSara, To: didVoicemail})
			call.Answered()
			a.For(1500 * ms)
			call.HangUp()
		},
	}, {
		Name:  "two-phones-one-extension",
		Story: "A customer calls Mina, who has two phones under one extension. Both ring; she answers one. The customer hangs up.",
		Expect: one(inbound("answered", didTwoPhones, "", "caller",
			customer(numberSara), rang("1005", "answered_elsewhere"), agent("1005"))),
		place: func(a *Asterisk) {
			a.Phone("1005", rings)
			mina := phones(a, "1005")[0]
			call := a.Call(CallSpec{From: numberSara, To: didTwoPhones})
			talk(a, mina)
			call.HangUp()
		},
	}, {
		Name: "agent-with-two-extensions",
		Story: "A customer calls Mina, who has an extension in the office and another at home. Both phones ring; she answers at home. The customer hangs up. " +
			"Both legs are Mina's.",
		Expect: one(inbound("answered", didMina, "", "caller",
			customer(numberSara), rang("1005", "answered_elsewhere"), agent("1006"))),
		place: func(a *Asterisk) {
			a.Phone("1005", rings)
			home := phones(a, "1006")[0]
			call := a.Call(CallSpec{From: numberSara, To: didMina})
			talk(a, home)
			call.HangUp()
		},
	}, {
		Name:   "extension-without-owner",
		Story:  "A customer calls the phone of the meeting room, which is nobody's. Somebody answers; the customer hangs up. The call is answered like any other; by whom is not known.",
		Expect: one(inbound("answered", didMeeting, "", "caller", customer(numberSara), agent("1007"))),
		place: func(a *Asterisk) {
			phone := phones(a, "1007")[0]
			call := a.Call(CallSpec{From: numberSara, To: didMeeting})
			talk(a, phone)
			call.HangUp()
		},
	}, {
		Name:  "two-calls-one-agent",
		Story: "A customer talks to Neda. Another customer calls her: she puts the first on hold and answers. The second hangs up, she goes back to the first, who hangs up too.",
		Expect: []Expected{
			held(answeredByNeda()),
			from(numberLine, answeredByNeda()),
		},
		place: func(a *Asterisk) {
			phone := phones(a, "1001")[0]
			first := a.Call(CallSpec{From: numberSara, To: didDirect})
			neda := talk(a, phone)
			second := a.Call(CallSpec{From: numberLine, To: didDirect})
			neda.Hold()
			talk(a, phone)
			second.HangUp()
			neda.Resume()
			a.For(400 * ms)
			first.HangUp()
		},
	},
}

// pickUp has a customer call while only Neda's phone rings, and Omid dial the code that takes the call.
func pickUp(a *Asterisk, did, code string) {
	a.Phone("1001", rings)
	call := a.Call(CallSpec{From: numberSara, To: did})
	a.Eventually("Neda's phone does not ring", func() bool { return a.device("1001") == "RINGING" })
	a.For(400 * ms)
	a.Call(CallSpec{Agent: "1002", To: code}).Answered()
	a.For(1100 * ms) // of which the PBX takes half a second to join them
	call.HangUp()
}
