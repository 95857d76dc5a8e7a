package main

import (
	"slices"
	"testing"
	"time"

	"ringbook/crm"
	"ringbook/db/dbtest"
	"ringbook/pbx/pbxtest"
)

// crew are the agents of two exchanges. The same extensions are on both, and are other people's.
var crew = map[string]string{"1001@a": "neda", "1002@a": "omid", "1001@b": "nadia", "1002@b": "omar"}

// L1: a call that passes two exchanges is one call in the log, whoever of either took part in it; and the desk of the one
// whom it reaches on the second exchange shows who called the first.
func TestTwoExchanges_Live_L1_OneCallAndItsCaller(t *testing.T) {
	for _, flavour := range flavours {
		t.Run(flavour, func(t *testing.T) {
			t.Parallel()
			a, b := pbxtest.StartPair(t, "FLAVOUR="+flavour)
			database := dbtest.New(t)
			store := crm.NewStore(database, crm.Config{})
			log := &callLog{agents: map[string]string{}}
			for extension, name := range crew {
				agent, err := store.CreateAgent(t.Context(), crm.System, crm.AgentInput{
					Username: name, Name: name, Extensions: []string{extension}, Password: testPassword, Role: crm.RoleAgent,
				})
				if err != nil {
					t.Fatal(err)
				}
				log.agents[name] = agent.ID.String()
			}
			if _, err := store.CreateCustomer(t.Context(), crm.System, crm.CustomerInput{
				Kind: "person", Name: "Sara Ahmadi", Numbers: []crm.NumberInput{{Number: "+989120001001"}},
			}); err != nil {
				t.Fatal(err)
			}
			p := startProgram(t, testSettings(t, func(c *Config) {
				c.Database.Database, c.PBX, c.LogLevel = dbtest.URL(database), "a="+a.URL+" b="+b.URL, "warn"
			}))
			awaitReady(t, p.URL)
			log.person = login(t, p.URL, "admin", testPassword)
			// What omar's desk shows while the customer's call rings there, and while they talk.
			desk := login(t, p.URL, "omar", testPassword).push()
			shown := make(chan string, len(pbxtest.PairScenarios)*100)
			go func() {
				defer close(shown)
				for {
					frame, err := readDesk(desk)
					if err != nil {
						return
					}
					for _, pop := range frame.Desk.Calls {
						if c := pop.Call; c.PBX == "a" && c.Caller.Raw == "09120001001" && pop.Customer != nil && pop.Customer.Name == "Sara Ahmadi" {
							shown <- pop.State
						}
					}
				}
			}()

			for _, s := range pbxtest.PairScenarios {
				t.Run(s.Name, func(t *testing.T) {
					from := time.Now().Truncate(time.Millisecond)
					s.Play(t, a, b)
					log.checkPair(t, s, from)
				})
			}
			desk.Close()
			states := map[string]bool{}
			for state := range shown {
				states[state] = true
			}
			for _, state := range []string{"ringing", "talking", "ended"} {
				if !states[state] {
					t.Errorf("the desk of the one who was reached on b never showed the customer of a as %s", state)
				}
			}
		})
	}
}

// checkPair holds what the API says of a scenario's calls, of both exchanges, against what the scenario expects.
func (l *callLog) checkPair(t *testing.T, s pbxtest.PairScenario, from time.Time) {
	t.Helper()
	var calls []apiCall
	deadline := time.Now().Add(time.Minute)
	for tick := time.NewTicker(50 * time.Millisecond); ; <-tick.C {
		calls = append(l.during(t, "a", from, time.Now()), l.during(t, "b", from, time.Now())...)
		live := slices.ContainsFunc(calls, func(c apiCall) bool { return c.State != "ended" })
		if len(calls) == len(s.Expect) && !live || time.Now().After(deadline) {
			tick.Stop()
			break
		}
	}
	var told []pbxtest.Told
	for i := range calls {
		c := &calls[i]
		checkTimes(t, c)
		one := c.told()
		for k, leg := range c.Legs {
			if leg.Role != "agent" {
				continue
			}
			place := leg.Extension + "@" + leg.PBX
			one.Legs[k].Extension = place
			if leg.Agent != crew[place] || orNone(leg.AgentID) != l.agents[crew[place]] {
				t.Errorf("the leg of %s is by %q, want %q", place, leg.Agent, crew[place])
			}
		}
		for k := range one.Transfers {
			one.Transfers[k].By += "@" + c.Transfers[k].PBX
		}
		told = append(told, one)
	}
	for _, fault := range (pbxtest.Scenario{Story: s.Story, Expect: s.Expect}).Faults(told) {
		t.Error(fault)
	}
	if t.Failed() {
		t.Logf("%s\nThe log has %s", s.Story, asJSON(calls))
	}
}
