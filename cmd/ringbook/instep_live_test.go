package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"ringbook/crm"
	"ringbook/db/dbtest"
	"ringbook/pbx/pbxtest"
	"ringbook/web"
)

// promptly is how long what takes two seconds at most may take beside whatever else this machine does.
const promptly = 10 * time.Second

// TestStates_Live_P5_PausedBothWays: on a real Asterisk, in both shapes of dialplan: whoever pauses at the desk is paused in all
// queues soon, on a machine with nothing else to do within two seconds, by PJSIP as by Local members, and neither rings nor has a
// pop; whoever is paused at the phone is so on the desk. An Asterisk that starts anew is told again. Logged out one does not ring.
func TestStates_Live_P5_PausedBothWays(t *testing.T) {
	for _, flavour := range flavours {
		t.Run(flavour, func(t *testing.T) {
			t.Parallel()
			lab := pbxtest.StartAsterisk(t, "FLAVOUR="+flavour)
			database := dbtest.New(t)
			p := startProgram(t, testSettings(t, func(c *Config) {
				c.Database.Database, c.PBX, c.AMI, c.LogLevel = dbtest.URL(database), "main="+lab.URL, "main="+lab.AMI(), "info"
			}))
			awaitReady(t, p.URL)
			store := crm.NewStore(database, crm.Config{})
			for extension, name := range map[string]string{"1001": "neda", "1002": "omid"} {
				if _, err := store.CreateAgent(t.Context(), crm.System, crm.AgentInput{Username: name, Extensions: []string{extension}, Password: testPassword}); err != nil {
					t.Fatal(err)
				}
			}
			neda := login(t, p.URL, "neda", testPassword)
			desk := neda.push()
			console := func(command string) string {
				t.Helper()
				out, err := lab.CLI(command)
				if err != nil {
					t.Fatalf("%s: %v: %s", command, err, out)
				}
				return out
			}
			// phones are what the queues say of Neda's phones: how many places in queues she has, and in how many she is paused.
			phones := func() (places, paused int) {
				for line := range strings.Lines(console("queue show")) {
					if strings.Contains(line, "/1001") {
						places++
						if strings.Contains(line, "paused") {
							paused++
						}
					}
				}
				return places, paused
			}
			soon := func(what string, began time.Time, done func() bool) {
				t.Helper()
				eventually(t, what, done)
				if took := time.Since(began); took > promptly {
					t.Errorf("it took %v until %s", took, what)
				}
			}
			all := func(paused bool) func() bool {
				return func() bool {
					places, n := phones()
					return places > 2 && (n == places) == paused && (n == 0) != paused
				}
			}
			awaitDesk(t, desk, "she is available", inState(crm.Available, crm.ByDesk, "", ""))
			var reasons crm.Page[crm.PauseReason]
			neda.do(http.MethodGet, "/pause-reasons", nil, &reasons)
			set := func(state string, body map[string]any) time.Time {
				t.Helper()
				body["state"] = state
				began := time.Now()
				neda.do(http.MethodPut, "/me/state", body, nil)
				return began
			}

			began := set("paused", map[string]any{"reason_id": reasons.Items[1].ID})
			awaitDesk(t, desk, "she has lunch", inState(crm.Paused, crm.ByDesk, "Lunch", ""))
			soon("she is paused in all queues", began, all(true))
			if out := console("queue show support"); !strings.Contains(out, "Lunch") {
				t.Errorf("the queue does not say why:\n%s", out)
			}

			// A queue that rings all rings her colleague alone.
			lab.Phone("1001", pbxtest.Behaviour{Answer: true, Ring: 100 * time.Millisecond})
			lab.Phone("1002", pbxtest.Behaviour{Answer: true, Ring: 400 * time.Millisecond})
			call := lab.Call(pbxtest.CallSpec{From: "09120001001", To: "91001234", Talk: time.Second})
			<-call.Done()
			lab.Quiet()
			var taken web.Desk
			omid := login(t, p.URL, "omid", testPassword).push()
			taken = awaitDesk(t, omid, "her colleague has taken the call", func(d web.Desk) bool { return len(d.Calls) == 1 && d.Calls[0].State == "ended" })
			if taken.AgentState.State != crm.WrapUp {
				t.Errorf("after the call her colleague is %s", taken.AgentState.State)
			}
			again := neda.push()
			if d := awaitDesk(t, again, "a picture", func(web.Desk) bool { return true }); len(d.Calls) != 0 {
				t.Errorf("who is paused has a pop: %+v", d.Calls)
			}
			for _, leg := range taken.Calls[0].Call.Legs {
				if leg.Extension == "1001" {
					t.Error("the phone of one who is paused has rung")
				}
			}

			// At the phone. What a feature code does is the same as what the console does (app_queue.c, set_member_paused).
			var places []string // "member ... queue ..."
			queue := ""
			for line := range strings.Lines(console("queue show")) {
				if found := regexp.MustCompile(`^(\S+)\s+has \d+ calls`).FindStringSubmatch(line); found != nil {
					queue = found[1]
				} else if found := regexp.MustCompile(`\(((?:PJSIP|Local)/1001[^ )]*)`).FindStringSubmatch(line); found != nil {
					places = append(places, "member "+found[1]+" queue "+queue)
				}
			}
			everywhere := func(command, reason string) time.Time {
				began := time.Now()
				for _, place := range places {
					console(command + place + reason)
				}
				return began
			}
			unpause := func() time.Time { return everywhere("queue unpause ", "") }
			pause := func(reason string) time.Time { return everywhere("queue pause ", " reason "+reason) }
			quick := func(began time.Time, what string, wanted func(web.Desk) bool) {
				t.Helper()
				awaitDesk(t, desk, what, wanted)
				if took := time.Since(began); took > promptly {
					t.Errorf("it took %v until %s", took, what)
				}
			}
			quick(unpause(), "she is available by the phone", inState(crm.Available, crm.ByPhone, "", ""))
			quick(pause("Break"), "she has a break by the phone", inState(crm.Paused, crm.ByPhone, "Break", ""))
			began = set("available", map[string]any{})
			soon("no queue has her paused", began, all(false))
			awaitDesk(t, desk, "she is available", inState(crm.Available, crm.ByDesk, "", ""))
			began = time.Now()
			iface := "PJSIP/1001"
			if flavour == "freepbx" {
				iface = "Local/1001@from-queue/n"
			}
			console("queue pause member " + iface + " queue support")
			quick(began, "she is told that one queue has her paused", inState(crm.Available, crm.ByDesk, "", syncPartly))

			began = set("paused", map[string]any{})
			soon("all queues have her paused", began, all(true))
			awaitDesk(t, desk, "she is paused", inState(crm.Paused, crm.ByDesk, "", ""))
			if flavour == "plain" {
				lab.Restart() // which forgets who was paused
				eventually(t, "the queues are told again", all(true))
				awaitDesk(t, neda.push(), "she is paused still", inState(crm.Paused, crm.ByDesk, "", ""))
			}
			set("available", map[string]any{})
			eventually(t, "she is available", all(false))
			began = time.Now()
			neda.do(http.MethodDelete, "/session", nil, nil)
			soon("who has logged out does not ring", began, all(true))
		})
	}
}
