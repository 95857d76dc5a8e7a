package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"ringbook/crm"
	"ringbook/db/dbtest"
	"ringbook/pbx/pbxtest"
)

// flavours are the dialplans in which every scenario is placed and recorded.
var flavours = []string{"plain", "freepbx"}

// numberedCustomer is whom the scenario of the IVR is about: known by what was typed, not by the caller's number.
const numberedCustomer = "4711"

// callLog is what the API says about calls: a program that follows PBXes, and somebody who may read all of its log.
type callLog struct {
	*person
	agents map[string]string // ids by name
}

// startCallLog starts the program for PBXes (name=URL), with a database in which the people of the laboratory are.
func startCallLog(t *testing.T, exchanges ...string) *callLog {
	t.Helper()
	database := dbtest.New(t)
	store := crm.NewStore(database, crm.Config{})
	extensions := map[string][]string{}
	for _, ext := range slices.Sorted(maps.Keys(pbxtest.Owners)) {
		name := pbxtest.Owners[ext]
		extensions[name] = append(extensions[name], ext)
	}
	l := &callLog{agents: map[string]string{}}
	for name, exts := range extensions {
		agent, err := store.CreateAgent(t.Context(), crm.System, crm.AgentInput{Username: strings.ToLower(name), Name: name, Extensions: exts})
		if err != nil {
			t.Fatal(err)
		}
		l.agents[name] = agent.ID.String()
	}
	if _, err := store.CreateCustomer(t.Context(), crm.System, crm.CustomerInput{Kind: "person", Name: numberedCustomer, Reference: numberedCustomer}); err != nil {
		t.Fatal(err)
	}
	p := startProgram(t, testSettings(t, func(c *Config) {
		c.Database.Database, c.PBX, c.LogLevel = dbtest.URL(database), strings.Join(exchanges, " "), "warn"
	}))
	awaitReady(t, p.URL)
	l.person = login(t, p.URL, "admin", testPassword)
	return l
}

// apiCall is a call of the API, as far as scenarios speak of it. It is written after the contract and not after the
// program's own types, so that a change of those cannot go unseen.
type apiCall struct {
	ID        string
	PBX       string
	Direction string
	State     string
	Outcome   *string
	Caller    struct {
		Raw, Name string
		Withheld  bool
	}
	Dialed     struct{ Raw string }
	Queue      *string
	StartedAt  time.Time  `json:"started_at"`
	AnsweredAt *time.Time `json:"answered_at"`
	EndedAt    *time.Time `json:"ended_at"`
	WaitMS     int64      `json:"wait_ms"`
	TalkMS     int64      `json:"talk_ms"`
	HoldMS     int64      `json:"hold_ms"`
	Hangup     *struct{ By string }
	Legs       []struct {
		PBX, Role, Extension, Number string
		AgentID                      *string `json:"agent_id"`
		Agent                        string
		OfferedAt                    time.Time  `json:"offered_at"`
		AnsweredAt                   *time.Time `json:"answered_at"`
		EndedAt                      *time.Time `json:"ended_at"`
		End                          *string
		TalkMS                       int64 `json:"talk_ms"`
	}
	Transfers              []struct{ Kind, By, To, PBX string }
	Customer               *struct{ Name string }
	Match                  struct{ Rule string }
	Partial, Reconstructed bool
}

// told puts the call into the words of expectations.
func (c *apiCall) told() pbxtest.Told {
	told := pbxtest.Told{
		State: c.State, Direction: c.Direction, Outcome: orNone(c.Outcome),
		Caller: c.Caller.Raw, Name: c.Caller.Name, Withheld: c.Caller.Withheld, Dialed: c.Dialed.Raw, Queue: orNone(c.Queue),
		Hold: time.Duration(c.HoldMS) * time.Millisecond, Whole: !c.Partial && !c.Reconstructed,
	}
	if c.Hangup != nil {
		told.By = c.Hangup.By
	}
	if c.Match.Rule == string(crm.RuleIVR) && c.Customer != nil {
		told.Customer = c.Customer.Name
	}
	for _, l := range c.Legs {
		leg := pbxtest.ToldLeg{
			Role: l.Role, Extension: l.Extension, Number: l.Number, End: orNone(l.End), Talk: time.Duration(l.TalkMS) * time.Millisecond,
		}
		if l.AnsweredAt != nil {
			leg.AnsweredAt = *l.AnsweredAt
		}
		told.Legs = append(told.Legs, leg)
	}
	for _, x := range c.Transfers {
		told.Transfers = append(told.Transfers, pbxtest.ExpectedTransfer{Kind: x.Kind, By: x.By, To: x.To})
	}
	return told
}

func orNone(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// during are the calls that began on one PBX in a stretch of time, oldest first.
func (l *callLog) during(t *testing.T, pbx string, from, to time.Time) []apiCall {
	t.Helper()
	var calls []apiCall
	query := url.Values{"limit": {"200"}, "from": {from.UTC().Format(time.RFC3339Nano)}, "to": {to.UTC().Format(time.RFC3339Nano)}}
	for {
		var page struct {
			Items []apiCall
			Next  *string
		}
		status, body := l.try(http.MethodGet, "/calls?"+query.Encode(), nil)
		if err := json.Unmarshal(body, &page); err != nil || status != http.StatusOK {
			t.Fatalf("the list of calls: %d, %v", status, err)
		}
		for _, c := range page.Items {
			if c.PBX == pbx {
				calls = append(calls, c)
			}
		}
		if page.Next == nil {
			slices.Reverse(calls)
			return calls
		}
		query.Set("cursor", *page.Next)
	}
}

// settled waits until the log has as many calls of a stretch as wanted, all ended, and gives what it has then.
func (l *callLog) settled(t *testing.T, pbx string, from, to time.Time, want int) []apiCall {
	t.Helper()
	var calls []apiCall
	live := func(c apiCall) bool { return c.State != "ended" }
	deadline := time.Now().Add(time.Minute)
	for tick := time.NewTicker(50 * time.Millisecond); ; <-tick.C {
		calls = l.during(t, pbx, from, to)
		if len(calls) == want && !slices.ContainsFunc(calls, live) || time.Now().After(deadline) {
			tick.Stop()
			return calls
		}
	}
}

// check holds what the API says of a scenario's calls against what the scenario expects, and each call by its own
// address against the list.
func (l *callLog) check(t *testing.T, s pbxtest.Scenario, calls []apiCall) {
	t.Helper()
	var told []pbxtest.Told
	for i := range calls {
		c := &calls[i]
		told = append(told, c.told())
		l.checkPeople(t, c)
		checkTimes(t, c)
		var alone apiCall
		if l.read(t, "/calls/"+c.ID, &alone); !same(alone, *c) {
			t.Errorf("by its own address call %s is\n%+v\nand in the list\n%+v", c.ID, alone, *c)
		}
	}
	for _, fault := range s.Faults(told) {
		t.Error(fault)
	}
	if t.Failed() {
		t.Logf("%s\nThe log has %s", s.Story, asJSON(calls))
	}
}

// read is do for a test other than the one that the person belongs to.
func (l *callLog) read(t *testing.T, path string, into any) {
	t.Helper()
	if status, body := l.try(http.MethodGet, path, nil); status != http.StatusOK {
		t.Errorf("GET %s: %d %s", path, status, body)
	} else if err := json.Unmarshal(body, into); err != nil {
		t.Errorf("GET %s: %v", path, err)
	}
}

func same(a, b apiCall) bool { return asJSON(a) == asJSON(b) }

func asJSON(v any) string {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// checkPeople holds that every leg is its phone's owner's, and nobody's where the phone has none.
func (l *callLog) checkPeople(t *testing.T, c *apiCall) {
	t.Helper()
	for _, leg := range c.Legs {
		owner := pbxtest.Owners[leg.Extension]
		if leg.Agent != owner || orNone(leg.AgentID) != l.agents[owner] {
			t.Errorf("the leg of %s %q is by %q (%s), want %q", leg.Role, leg.Extension, leg.Agent, orNone(leg.AgentID), owner)
		}
	}
}

// checkTimes holds that what a call says of time is possible, and adds up.
func checkTimes(t *testing.T, c *apiCall) {
	t.Helper()
	fault := func(format string, args ...any) {
		t.Helper()
		t.Errorf("call %s: %s", c.ID, fmt.Sprintf(format, args...))
	}
	if c.EndedAt == nil || c.EndedAt.Before(c.StartedAt) {
		fault("started %s, ended %v", c.StartedAt, c.EndedAt)
		return
	}
	if answered := c.AnsweredAt != nil; answered != (orNone(c.Outcome) == "answered") {
		fault("outcome %s, answered %v", orNone(c.Outcome), c.AnsweredAt)
	}
	if c.HoldMS > c.TalkMS || c.TalkMS < 0 || c.WaitMS < 0 {
		fault("wait %d, talk %d, hold %d ms", c.WaitMS, c.TalkMS, c.HoldMS)
	}
	var talk int64
	before := c.StartedAt
	for i, l := range c.Legs {
		if l.EndedAt == nil || l.OfferedAt.Before(before) || l.EndedAt.Before(l.OfferedAt) || l.EndedAt.After(*c.EndedAt) {
			fault("leg %d: offered %s, ended %v, in a call from %s to %s", i, l.OfferedAt, l.EndedAt, c.StartedAt, c.EndedAt)
			continue
		}
		before = l.OfferedAt
		if most := l.EndedAt.Sub(l.OfferedAt).Milliseconds(); l.TalkMS > most+1 || l.AnsweredAt != nil && l.AnsweredAt.Before(l.OfferedAt) {
			fault("leg %d: talked %d ms of %d, answered %v", i, l.TalkMS, most, l.AnsweredAt)
		}
		// Of colleagues, the talk is of those who were called.
		if l.Role == "agent" && (c.Direction != "internal" || i > 0) {
			talk += l.TalkMS
		}
	}
	// Each leg's talk is rounded for itself.
	if conference := len(c.Legs) == 1; !conference && (c.TalkMS < talk || c.TalkMS > talk+int64(len(c.Legs))) {
		fault("talk %d ms, of the legs %d ms", c.TalkMS, talk)
	}
}
