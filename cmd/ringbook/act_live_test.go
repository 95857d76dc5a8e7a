package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/db/dbtest"
	"ringbook/pbx"
	"ringbook/pbx/pbxtest"
	"ringbook/web"
)

// deskAtWork is an agent of one exchange, at work: what they ask of the API, with the exchange behind it.
type deskAtWork struct {
	*person
	t    *testing.T
	lab  *pbxtest.Asterisk
	ids  map[string]string // of the exchange's agents, by extension
	from string            // the extension
	far  *pbxtest.Phone    // the far end of the line
}

// refusal is the code with which a request is refused; empty if it is not.
func (d *deskAtWork) refusal(method, path string, body any) string {
	d.t.Helper()
	status, answer := d.try(method, path, body)
	if status/100 == 2 {
		return ""
	}
	var problem struct{ Code string }
	if err := json.Unmarshal(answer, &problem); err != nil || problem.Code == "" {
		d.t.Errorf("%s %s: %d %s", method, path, status, answer)
	}
	return problem.Code
}

// call waits until the log has a call as wanted.
func (d *deskAtWork) call(id, what string, wanted func(calllog.Record) bool) calllog.Record {
	d.t.Helper()
	var r calllog.Record
	eventually(d.t, what, func() bool {
		status, body := d.try(http.MethodGet, "/calls/"+id, nil)
		return status == http.StatusOK && json.Unmarshal(body, &r) == nil && wanted(r)
	})
	return r
}

func hasEnded(r calllog.Record) bool { return r.State == pbx.StateEnded }

// talking has a customer call the agent, and gives the call's id when they talk.
func (d *deskAtWork) talking(number string) (*pbxtest.PlacedCall, string) {
	d.t.Helper()
	placed := d.lab.Call(pbxtest.CallSpec{From: number, To: "91001236"})
	var found page
	eventually(d.t, "they talk", func() bool {
		d.do(http.MethodGet, "/calls?state=talking&number="+number, nil, &found)
		return len(found.Items) == 1
	})
	return placed, found.Items[0].ID.String()
}

// Everything that agents do to calls from their screens, through the API and on real exchanges of both shapes: to whom the
// call goes, and what the log says of it.
func TestActing_Live(t *testing.T) {
	labs := map[string]*pbxtest.Asterisk{}
	var exchanges, managers []string
	for _, flavour := range flavours {
		labs[flavour] = pbxtest.StartAsterisk(t, "FLAVOUR="+flavour)
		exchanges = append(exchanges, flavour+"="+labs[flavour].URL)
		managers = append(managers, flavour+"="+labs[flavour].AMI())
	}
	database := dbtest.New(t)
	p := startProgram(t, testSettings(t, func(c *Config) {
		c.Database.Database, c.LogLevel = dbtest.URL(database), "info"
		c.PBX, c.AMI, c.DialContext = strings.Join(exchanges, " "), strings.Join(managers, " "), "from-internal plain=internal"
	}))
	awaitReady(t, p.URL)
	admin := login(t, p.URL, "admin", testPassword)
	desks := map[string]*deskAtWork{}
	for _, flavour := range flavours {
		d := &deskAtWork{lab: labs[flavour], ids: map[string]string{}, from: "1001"}
		for _, extension := range []string{"1001", "1002", "1003"} {
			var a crm.Agent
			admin.do(http.MethodPost, "/agents", map[string]any{
				"username": flavour + extension, "password": testPassword, "role": "agent", "extensions": []string{extension + "@" + flavour},
			}, &a)
			d.ids[extension] = a.ID.String()
			labs[flavour].Phone(extension, pbxtest.Behaviour{Answer: true, Ring: 200 * time.Millisecond})
		}
		d.far = labs[flavour].Carrier(pbxtest.Behaviour{Answer: true, Ring: 200 * time.Millisecond})
		d.person = login(t, p.URL, flavour+"1001", testPassword)
		desks[flavour] = d
	}
	var sara crm.Customer
	admin.do(http.MethodPost, "/customers", map[string]any{"name": "Sara Ahmadi"}, &sara)
	salesOf := map[string]string{}
	eventually(t, "the exchanges' queues are known", func() bool {
		var queues struct{ Items []web.Queue }
		admin.do(http.MethodGet, "/queues?q=sales", nil, &queues)
		for _, q := range queues.Items {
			salesOf[q.PBX] = q.ID.String()
		}
		return len(salesOf) == len(flavours)
	})
	for _, id := range salesOf {
		admin.do(http.MethodPatch, "/queues/"+id, map[string]any{"numbers": []string{"2002"}}, nil)
	}
	// In turn: a person works at both.
	for _, flavour := range flavours {
		t.Run(flavour, func(t *testing.T) {
			d := *desks[flavour]
			p := *d.person
			p.t, d.t, d.person = t, t, &p
			testDialled(t, &d, sara)
			testHandedOver(t, &d, salesOf[flavour])
			testFollowedUp(t, &d)
		})
	}
}

// L9: one outbound row, from the agent to the customer.
func testDialled(t *testing.T, d *deskAtWork, sara crm.Customer) {
	desk := d.push()
	awaitDesk(t, desk, "dialling is possible", func(d web.Desk) bool { return d.Abilities.Dial == "" })
	var placed web.Attempt
	d.do(http.MethodPost, "/calls", map[string]any{"number": "۰۹۱۲ ۰۰۰ ۲۰۰۲", "customer_id": sara.ID}, &placed)
	awaitDesk(t, desk, "the customer is on the line", func(d web.Desk) bool {
		return len(d.Calls) == 1 && d.Calls[0].State == "talking" && d.Calls[0].Customer != nil && d.Calls[0].Customer.ID == sara.ID
	})
	if code := d.refusal(http.MethodPost, "/calls", map[string]any{"number": "09120002003"}); code != "phone_busy" {
		t.Errorf("dialled while talking: %q", code)
	}
	id := placed.CallID.String()
	d.do(http.MethodDelete, "/calls/"+id, nil, nil)
	r := d.call(id, "the call has ended", hasEnded)
	if r.Direction != pbx.Outbound || *r.Outcome != pbx.Answered || r.Caller.Number != d.from || r.Dialed.Number != "+989120002002" ||
		len(r.Legs) != 2 || r.Legs[0].Extension != d.from || r.Customer == nil || r.Customer.ID != sara.ID || r.Hangup.By != pbx.ByAgent {
		t.Errorf("the log has %s", asJSON(r))
	}
	var all page
	d.do(http.MethodGet, "/calls", nil, &all)
	if len(all.Items) != 1 {
		t.Errorf("the log has %s", asJSON(all))
	}
	for path, code := range map[string]string{"": "call_ended", "/transfer": "call_ended", "/hold": "call_ended", "/transfer/complete": "call_ended"} {
		method, body := http.MethodPost, any(nil)
		switch path {
		case "":
			method = http.MethodDelete
		case "/transfer":
			body = map[string]any{"kind": "blind", "number": "1002"}
		case "/hold":
			body = map[string]any{"held": true}
		}
		if got := d.refusal(method, "/calls/"+id+path, body); got != code {
			t.Errorf("%s %s of a call that is over: %q, want %q", method, path, got, code)
		}
	}
	awaitDesk(t, desk, "the phone is free", func(d web.Desk) bool { return d.Abilities.Dial == "" })
}

func testHandedOver(t *testing.T, d *deskAtWork, sales string) {
	for n, v := range []struct {
		name string
		body map[string]any
		to   string
		ends string // what follows: complete, cancel, or nothing
	}{
		{"blind to a colleague", map[string]any{"kind": "blind", "agent_id": d.ids["1002"]}, "1002", ""},
		{"blind to a queue", map[string]any{"kind": "blind", "queue_id": sales}, "sales", ""},
		{"blind to a number outside", map[string]any{"kind": "blind", "number": "+98 912 000 3003"}, "09120003003", ""},
		{"attended to a colleague", map[string]any{"kind": "attended", "agent_id": d.ids["1002"]}, "1002", "complete"},
		{"attended to a number outside", map[string]any{"kind": "attended", "number": "09120003003"}, "09120003003", "complete"},
		{"attended and taken back", map[string]any{"kind": "attended", "agent_id": d.ids["1003"]}, "", "cancel"},
	} {
		customer, id := d.talking("0912000100" + string(rune('1'+n)))
		path := "/calls/" + id + "/transfer"
		if n == 0 {
			for number, code := range map[string]string{"09092300000": "forbidden_destination", "1001": "to_yourself", "1999": "no_destination"} {
				if got := d.refusal(http.MethodPost, path, map[string]any{"kind": "blind", "number": number}); got != code {
					t.Errorf("transferred to %s: %q, want %q", number, got, code)
				}
			}
			if code := d.refusal(http.MethodPost, "/calls/"+id+"/hold", map[string]any{"held": true}); code != "phone_did_not_obey" {
				t.Errorf("hold at a phone that knows none: %q", code)
			}
			for _, end := range []string{"complete", "cancel"} {
				if code := d.refusal(http.MethodPost, path+"/"+end, nil); code != "not_consulting" {
					t.Errorf("%s without anybody asked: %q", end, code)
				}
			}
		}
		if code := d.refusal(http.MethodPost, path, v.body); code != "" {
			t.Errorf("%s: %q", v.name, code)
			customer.HangUp()
			continue
		}
		if v.ends != "" {
			d.call(id, v.name+": somebody is asked", func(r calllog.Record) bool {
				return len(r.Legs) == 3 && r.Legs[2].AnsweredAt != nil && r.State == pbx.StateHeld
			})
			if code := d.refusal(http.MethodPost, path, v.body); code != "consulting" {
				t.Errorf("%s, once more: %q", v.name, code)
			}
			d.do(http.MethodPost, path+"/"+v.ends, nil, nil)
		}
		var r calllog.Record
		if v.to != "" {
			d.call(id, v.name+": the call has changed hands", func(r calllog.Record) bool {
				return len(r.Transfers) == 1 && len(r.Legs) > 2 && r.Legs[len(r.Legs)-1].AnsweredAt != nil
			})
			customer.HangUp()
		} else {
			d.call(id, v.name+": they talk again", func(r calllog.Record) bool {
				return r.State == pbx.StateTalking && len(r.Legs) == 3 && r.Legs[2].EndedAt != nil
			})
			d.do(http.MethodDelete, "/calls/"+id, nil, nil)
		}
		r = d.call(id, v.name+": the call has ended", hasEnded)
		switch {
		case v.to == "":
			if len(r.Transfers) != 0 || r.HoldMS == 0 {
				t.Errorf("%s: the log has %s", v.name, asJSON(r))
			}
		case len(r.Transfers) != 1 || r.Transfers[0].To != v.to || string(r.Transfers[0].Kind) != v.body["kind"] || r.Transfers[0].By != d.from:
			t.Errorf("%s: the log has %s", v.name, asJSON(r))
		}
		d.lab.Quiet()
	}
}
