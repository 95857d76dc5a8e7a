package pbxtest

// phones answers with all of them; they stay on the line until somebody hangs up.
func phones(a *Asterisk, exts ...string) []*Phone {
	list := make([]*Phone, len(exts))
	for i, ext := range exts {
		list[i] = a.Phone(ext, Behaviour{Answer: true, Ring: 300 * ms})
	}
	return list
}

// saraAndNeda has a customer call Neda's direct number, and gives both sides when they have talked for a moment.
func saraAndNeda(a *Asterisk) (sara *PlacedCall, neda *Dialog) {
	phone := phones(a, "1001")[0]
	sara = a.Call(CallSpec{From: numberSara, Name: "Sara Ahmadi", To: didDirect})
	neda = phone.Answered()
	a.For(500 * ms)
	return sara, neda
}

// talk waits for the phone's next call and lets them talk for a moment.
func talk(a *Asterisk, p *Phone) *Dialog {
	d := p.Answered()
	a.For(500 * ms)
	return d
}

// transferred is an agent who handed the call over.
func transferred(ext string) ExpectedLeg {
	return ExpectedLeg{Role: "agent", Extension: ext, End: "transferred", Answered: true}
}

// handedOver is the customer's call to Neda that changed hands; by is who ended it.
func handedOver(by string, transfers []ExpectedTransfer, legs ...ExpectedLeg) Expected {
	e := inbound("answered", didDirect, "", by, append([]ExpectedLeg{customer(numberSara)}, legs...)...)
	e.Transfers = transfers
	return e
}

func blindly(by, to string) []ExpectedTransfer  { return []ExpectedTransfer{{"blind", by, to}} }
func attended(by, to string) []ExpectedTransfer { return []ExpectedTransfer{{"attended", by, to}} }

// held marks a call in which somebody was on hold.
func held(e Expected) Expected { e.Held = true; return e }

var transferScenarios = []Scenario{
	{
		Name:   "transfer-blind",
		Story:  "A customer calls Neda's direct number. Neda transfers the call with her phone's key to Omid, without asking him (REFER). Omid answers; the customer hangs up.",
		Expect: one(handedOver("caller", blindly("1001", "1002"), transferred("1001"), agent("1002"))),
		place: func(a *Asterisk) {
			omid := phones(a, "1002")[0]
			sara, neda := saraAndNeda(a)
			neda.Transfer("1002")
			talk(a, omid)
			sara.HangUp()
		},
	}, {
		Name:   "transfer-blind-digits",
		Story:  "As transfer-blind, but Neda types ## and Omid's number. Omid hangs up.",
		Expect: one(handedOver("agent", blindly("1001", "1002"), transferred("1001"), agent("1002"))),
		place: func(a *Asterisk) {
			omid := phones(a, "1002")[0]
			_, neda := saraAndNeda(a)
			neda.Press("##1002")
			talk(a, omid).HangUp()
		},
	}, {
		Name: "transfer-attended",
		Story: "A customer calls Neda's direct number. Neda puts the customer on hold, calls Omid, talks to him and joins the two (REFER with Replaces). " +
			"The customer hangs up. The consultation is part of the customer's call and has no record of its own.",
		Expect: one(held(handedOver("caller", attended("1001", "1002"),
			transferred("1001"), transferred("1001"), agent("1002")))),
		place: func(a *Asterisk) {
			omid := phones(a, "1002")[0]
			sara, neda := saraAndNeda(a)
			neda.Hold()
			consult := a.Call(CallSpec{Agent: "1001", To: "1002"})
			talk(a, omid)
			neda.TransferTo(consult.Answered())
			a.For(500 * ms)
			sara.HangUp()
		},
	}, {
		Name:   "transfer-attended-digits",
		Story:  "As transfer-attended, but Neda types *2 and Omid's number, talks to him and hangs up. Omid ends the call.",
		Expect: one(handedOver("agent", attended("1001", "1002"), transferred("1001"), agent("1002"))),
		place: func(a *Asterisk) {
			omid := phones(a, "1002")[0]
			_, neda := saraAndNeda(a)
			neda.Press("*21002")
			d := talk(a, omid)
			neda.HangUp()
			a.For(500 * ms)
			d.HangUp()
		},
	}, {
		Name: "transfer-attended-digits-optimized",
		Story: "As transfer-attended-digits, and the customer speaks: so Asterisk takes the Local channel between the customer and Omid out of the way. " +
			"Omid ends the call.",
		Expect: one(handedOver("agent", attended("1001", "1002"), transferred("1001"), agent("1002"))),
		place: func(a *Asterisk) {
			list := phones(a, "1001", "1002")
			a.Call(CallSpec{From: numberSara, To: didDirect, Speaks: true})
			neda := talk(a, list[0])
			neda.Press("*21002")
			omid := talk(a, list[1])
			neda.HangUp()
			a.For(800 * ms)
			omid.HangUp()
		},
	}, {
		Name:  "consult-given-up",
		Story: "Neda talks to a customer, puts the customer on hold, asks Omid something and goes back to the customer, who hangs up. Two calls: the customer's, and one between colleagues.",
		Expect: []Expected{
			held(inbound("answered", didDirect, "", "caller", customer(numberSara), agent("1001"))),
			internal("answered", "caller", agent("1001"), agent("1002")),
		},
		place: func(a *Asterisk) {
			omid := phones(a, "1002")[0]
			sara, neda := saraAndNeda(a)
			neda.Hold()
			consult := a.Call(CallSpec{Agent: "1001", To: "1002"})
			talk(a, omid)
			consult.HangUp()
			neda.Resume()
			a.For(500 * ms)
			sara.HangUp()
		},
	}, {
		Name: "consult-given-up-digits",
		Story: "As consult-given-up, but Neda types *2 and Omid's number, and Omid hangs up; then Neda talks to the customer again, who hangs up. " +
			"One call: Omid was part of it, and it was not transferred.",
		Expect: one(inbound("answered", didDirect, "", "caller", customer(numberSara), agent("1001"), agent("1002"))),
		place: func(a *Asterisk) {
			omid := phones(a, "1002")[0]
			sara, neda := saraAndNeda(a)
			neda.Press("*21002")
			talk(a, omid).HangUp()
			a.For(800 * ms)
			sara.HangUp()
		},
	}, {
		Name: "consult-busy-digits",
		Story: "Neda talks to a customer and types *2 and Omid's number to ask him something. His phone says that it is busy; she goes back to the customer (*1), who hangs up. " +
			"One call, and no transfer.",
		Expect: one(inbound("answered", didDirect, "", "caller", customer(numberSara), agent("1001"), rang("1002", "busy"))),
		place: func(a *Asterisk) {
			a.Phone("1002", busy)
			sara, neda := saraAndNeda(a)
			neda.Press("*21002")
			a.For(800 * ms)
			neda.Press("*1")
			a.For(800 * ms)
			sara.HangUp()
		},
	}, {
		Name: "transfer-ringing",
		Story: "Neda talks to a customer, calls Omid, and joins the two while Omid's phone still rings. Omid answers; the customer hangs up. " +
			"The transfer was attended, though she did not wait for the answer.",
		Expect: one(held(handedOver("caller", attended("1001", "1002"),
			transferred("1001"), ExpectedLeg{Role: "agent", Extension: "1001", End: "transferred"}, agent("1002")))),
		place: func(a *Asterisk) {
			omid := a.Phone("1002", Behaviour{Answer: true, Ring: 1200 * ms})
			sara, neda := saraAndNeda(a)
			neda.Hold()
			consult := a.Call(CallSpec{Agent: "1001", To: "1002"})
			neda.TransferTo(consult.Ringing())
			talk(a, omid)
			sara.HangUp()
		},
	}, {
		Name:   "transfer-ringing-digits",
		Story:  "As transfer-ringing, but Neda types *2 and Omid's number, and hangs up while his phone rings. Omid answers; the customer hangs up.",
		Expect: one(handedOver("caller", attended("1001", "1002"), transferred("1001"), agent("1002"))),
		place: func(a *Asterisk) {
			omid := a.Phone("1002", Behaviour{Answer: true, Ring: 1200 * ms})
			sara, neda := saraAndNeda(a)
			neda.Press("*21002")
			a.Eventually("Omid's phone does not ring", func() bool { return a.device("1002") == "RINGING" })
			a.For(300 * ms)
			neda.HangUp()
			talk(a, omid)
			sara.HangUp()
		},
	}, {
		Name:  "transfer-to-queue",
		Story: "A customer calls Neda's direct number. Neda transfers the call to the queue sales, where Sara answers. The customer hangs up.",
		Expect: one(func() Expected {
			e := handedOver("caller", blindly("1001", "sales"), transferred("1001"), agent("1003"))
			e.Queue = "sales"
			return e
		}()),
		place: func(a *Asterisk) {
			other := phones(a, "1003")[0]
			sara, neda := saraAndNeda(a)
			neda.Transfer("2002")
			talk(a, other)
			sara.HangUp()
		},
	}, {
		Name:  "transfer-to-group",
		Story: "A customer calls Reza's direct number. Reza transfers the call to the ring group; Neda's and Omid's phones ring, Omid answers. The customer hangs up.",
		Expect: one(func() Expected {
			e := handedOver("caller", blindly("1004", "2003"), transferred("1004"), rang("1001", "answered_elsewhere"), agent("1002"))
			e.Dialed = didReza
			return e
		}()),
		place: func(a *Asterisk) {
			a.Phone("1001", rings)
			list := phones(a, "1004", "1002")
			sara := a.Call(CallSpec{From: numberSara, To: didReza})
			talk(a, list[0]).Transfer("2003")
			talk(a, list[1])
			sara.HangUp()
		},
	}, {
		Name:  "transfer-outside",
		Story: "A customer calls Neda's direct number. Neda transfers the call to a mobile phone outside, which answers. The customer hangs up.",
		Expect: one(handedOver("caller", blindly("1001", mobile), transferred("1001"),
			customer(mobile))),
		place: func(a *Asterisk) {
			far := a.Carrier(Behaviour{Answer: true, Ring: 300 * ms})
			sara, neda := saraAndNeda(a)
			neda.Transfer(mobile)
			talk(a, far)
			sara.HangUp()
		},
	}, {
		Name:  "transfer-back",
		Story: "A customer calls Neda's direct number. Neda transfers the call to Omid, and Omid transfers it back to Neda. The customer hangs up.",
		Expect: one(handedOver("caller", []ExpectedTransfer{{"blind", "1001", "1002"}, {"blind", "1002", "1001"}},
			transferred("1001"), transferred("1002"), agent("1001"))),
		place: func(a *Asterisk) {
			list := phones(a, "1001", "1002")
			sara := a.Call(CallSpec{From: numberSara, To: didDirect})
			talk(a, list[0]).Transfer("1002")
			talk(a, list[1]).Transfer("1001")
			talk(a, list[0])
			sara.HangUp()
		},
	}, {
		Name:  "transfer-three-times",
		Story: "A customer calls Neda's direct number. Neda transfers the call to Omid, he to Sara, she to Reza. Reza hangs up.",
		Expect: one(handedOver("agent", []ExpectedTransfer{{"blind", "1001", "1002"}, {"blind", "1002", "1003"}, {"blind", "1003", "1004"}},
			transferred("1001"), transferred("1002"), transferred("1003"), agent("1004"))),
		place: func(a *Asterisk) {
			list := phones(a, "1001", "1002", "1003", "1004")
			a.Call(CallSpec{From: numberSara, To: didDirect})
			talk(a, list[0]).Transfer("1002")
			talk(a, list[1]).Transfer("1003")
			talk(a, list[2]).Transfer("1004")
			talk(a, list[3]).HangUp()
		},
	}, {
		Name:   "transfer-no-answer",
		Story:  "A customer calls Neda's direct number. Neda transfers the call to Omid, whose phone rings until the PBX gives up and hangs up.",
		Expect: one(handedOver("system", blindly("1001", "1002"), transferred("1001"), rang("1002", "no_answer"))),
		place: func(a *Asterisk) {
			a.Phone("1002", rings)
			_, neda := saraAndNeda(a)
			neda.Transfer("1002")
		},
	}, {
		Name: "transfer-busy",
		Story: "A customer calls Neda's direct number. Neda transfers the call to Omid, whose phone says that it is busy; the PBX hangs up, " +
			"or the customer who hears the busy tone. The call was answered, by Neda.",
		Expect: one(handedOver("", blindly("1001", "1002"), transferred("1001"), rang("1002", "busy"))),
		place: func(a *Asterisk) {
			a.Phone("1002", busy)
			phone := phones(a, "1001")[0]
			sara := a.Call(CallSpec{From: numberSara, To: didDirect, Talk: 2500 * ms})
			talk(a, phone).Transfer("1002")
			sara.Wait()
		},
	}, {
		Name:   "transfer-refused",
		Story:  "A customer calls Neda's direct number. Neda tries to transfer the call to an extension that does not exist; the PBX refuses, and they talk on. The customer hangs up. There was no transfer.",
		Expect: one(inbound("answered", didDirect, "", "caller", customer(numberSara), agent("1001"))),
		place: func(a *Asterisk) {
			sara, neda := saraAndNeda(a)
			neda.TransferRefused("1999")
			a.For(300 * ms)
			sara.HangUp()
		},
	}, {
		Name:  "transfer-from-queue",
		Story: "A customer waits in the queue support. Neda answers and transfers the call to Sara, who is in another queue. Sara answers; the customer hangs up.",
		Expect: one(func() Expected {
			e := handedOver("caller", blindly("1001", "1003"), transferred("1001"), agent("1003"))
			e.Dialed, e.Queue = didSupport, "support"
			return e
		}()),
		place: func(a *Asterisk) {
			list := phones(a, "1001", "1003")
			sara := a.Call(CallSpec{From: numberSara, To: didSupport})
			talk(a, list[0]).Transfer("1003")
			talk(a, list[1])
			sara.HangUp()
		},
	}, {
		Name: "transfer-attended-from-queue",
		Story: "A customer waits in the queue support. Neda answers, puts the customer on hold, calls Sara, talks to her and joins the two. The customer hangs up. " +
			"Neda's part ends with the transfer, whatever channels it went through.",
		Expect: one(func() Expected {
			e := held(handedOver("caller", attended("1001", "1003"), transferred("1001"), transferred("1001"), agent("1003")))
			e.Dialed, e.Queue = didSupport, "support"
			return e
		}()),
		place: func(a *Asterisk) {
			list := phones(a, "1001", "1003")
			sara := a.Call(CallSpec{From: numberSara, To: didSupport})
			neda := talk(a, list[0])
			neda.Hold()
			consult := a.Call(CallSpec{Agent: "1001", To: "1003"})
			talk(a, list[1])
			neda.TransferTo(consult.Answered())
			a.For(800 * ms)
			sara.HangUp()
		},
	}, {
		Name: "transfer-attended-outside",
		Story: "A customer calls Neda's direct number. Neda puts the customer on hold, calls a mobile phone outside, talks, and joins the two. " +
			"The customer hangs up. One call, and no outbound one beside it.",
		Expect: one(held(handedOver("caller", attended("1001", mobile),
			transferred("1001"), transferred("1001"), customer(mobile)))),
		place: func(a *Asterisk) {
			far := a.Carrier(Behaviour{Answer: true, Ring: 300 * ms})
			sara, neda := saraAndNeda(a)
			neda.Hold()
			consult := a.Call(CallSpec{Agent: "1001", To: mobile})
			talk(a, far)
			neda.TransferTo(consult.Answered())
			a.For(500 * ms)
			sara.HangUp()
		},
	}, {
		Name: "transfer-attended-to-queue",
		Story: "A customer calls Neda's direct number. Neda puts the customer on hold and calls the queue sales, where Sara answers; they talk, and Neda joins the two. " +
			"The customer hangs up.",
		Expect: one(func() Expected {
			e := held(handedOver("caller", attended("1001", "1003"), transferred("1001"), transferred("1001"), agent("1003")))
			e.Queue = "sales"
			return e
		}()),
		place: func(a *Asterisk) {
			other := phones(a, "1003")[0]
			sara, neda := saraAndNeda(a)
			neda.Hold()
			consult := a.Call(CallSpec{Agent: "1001", To: "2002"})
			talk(a, other)
			neda.TransferTo(consult.Answered())
			a.For(500 * ms)
			sara.HangUp()
		},
	}, {
		Name:  "transfer-outbound",
		Story: "Neda calls a customer over the line, who answers. Neda transfers the call to Omid. Omid answers and hangs up. The call stays outbound.",
		Expect: one(func() Expected {
			e := outbound("answered", mobile, "agent", transferred("1001"), customer(mobile), agent("1002"))
			e.Transfers = blindly("1001", "1002")
			return e
		}()),
		place: func(a *Asterisk) {
			omid := phones(a, "1002")[0]
			a.Carrier(Behaviour{Answer: true, Ring: 300 * ms})
			neda := a.Call(CallSpec{Agent: "1001", To: mobile}).Answered()
			a.For(500 * ms)
			neda.Transfer("1002")
			talk(a, omid).HangUp()
		},
	},
}
