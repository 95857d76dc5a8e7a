package main

import (
	"net/http"
	"testing"

	"ringbook/crm"
	"ringbook/db/dbtest"
	"ringbook/pbx/ami"
	"ringbook/pbx/pbxtest"
	"ringbook/web"
)

// pauses are how often the fake manager was told to pause or unpause somebody.
func pauses(manager *pbxtest.AMI) (n int) {
	for _, a := range manager.Actions() {
		if a.Name == "QueuePause" {
			n++
		}
	}
	return n
}

// inState wants a desk in a state, chosen so, for that reason, and followed or not.
func inState(state crm.State, by crm.SetBy, reason, synced string) func(web.Desk) bool {
	return func(d web.Desk) bool {
		said := ""
		if d.ReasonEN != nil {
			said = *d.ReasonEN
		}
		return d.AgentState.State == state && d.By == by && said == reason && d.Synced == synced
	}
}

// TestTwoNodes_StatesAndQueuesInStep: an agent's state is the same on both nodes' desks within moments, whoever changes it and
// where; the queues follow, told by one node only; what is paused at the phone is paused on the desks. Without a manager, or
// with one that may not, the desk says so; when it is back, or another node leads, the later change counts.
func TestTwoNodes_StatesAndQueuesInStep(t *testing.T) {
	fake := startFake(t, pbxtest.FakeConfig{Endpoints: demoEndpoints})
	manager := pbxtest.NewAMI(pbxtest.AMIConfig{})
	t.Cleanup(manager.Close)
	if err := manager.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	manager.AddQueue("support", "ringall", "PJSIP/1001", "PJSIP/1002")
	manager.AddQueue("vip", "ringall", "PJSIP/1001")
	manager.AddQueue("local", "ringall", "Local/1001@from-queue/n")
	database := dbtest.New(t)
	var nodes [2]*program
	for i, name := range []string{"node-a", "node-b"} {
		nodes[i] = startProgram(t, testSettings(t, func(c *Config) {
			c.Node, c.Database.Database, c.PBX, c.AMI, c.LogLevel = name, dbtest.URL(database), "main="+fake.URL(), "main="+manager.URL(), "info"
		}))
		awaitReady(t, nodes[i].URL)
	}
	admin := login(t, nodes[0].URL, "admin", testPassword)
	var neda crm.Agent
	admin.do(http.MethodPost, "/agents", map[string]any{"username": "neda", "password": testPassword, "extensions": []string{"1001"}}, &neda)
	here, there := login(t, nodes[0].URL, "neda", testPassword), login(t, nodes[1].URL, "neda", testPassword)
	first, second := here.push(), there.push()
	both := func(what string, wanted func(web.Desk) bool) {
		t.Helper()
		awaitDesk(t, first, what, wanted)
		awaitDesk(t, second, what+", at the other node", wanted)
	}
	both("nobody has changed anything", inState(crm.Available, crm.ByDesk, "", ""))
	var reasons crm.Page[crm.PauseReason]
	here.do(http.MethodGet, "/pause-reasons", nil, &reasons)
	var lunch string
	for _, r := range reasons.Items {
		if r.LabelEN == "Lunch" {
			lunch = r.ID.String()
		}
	}

	told := pauses(manager)
	there.do(http.MethodPut, "/me/state", map[string]any{"state": "paused", "reason_id": lunch}, nil)
	both("she is paused", inState(crm.Paused, crm.ByDesk, "Lunch", ""))
	paused := func(iface string, want bool) func() bool {
		return func() bool { return manager.Paused(iface) == want }
	}
	for _, iface := range []string{"PJSIP/1001", "Local/1001@from-queue/n"} {
		eventually(t, iface+" is paused", paused(iface, true))
	}
	if manager.Paused("PJSIP/1002") {
		t.Error("her colleague is paused")
	}
	eventually(t, "one node told each of her phones once", func() bool { return pauses(manager) == told+2 })

	for _, iface := range []string{"PJSIP/1001", "Local/1001@from-queue/n"} { // at the phone
		manager.SetMember(iface, "Paused", "0", true)
	}
	both("she is available by the phone", inState(crm.Available, crm.ByPhone, "", ""))
	for _, iface := range []string{"PJSIP/1001", "Local/1001@from-queue/n"} {
		manager.SetMember(iface, "PausedReason", "coffee", false)
		manager.SetMember(iface, "Paused", "1", true)
	}
	both("she is paused by the phone", inState(crm.Paused, crm.ByPhone, "coffee", ""))
	manager.SetMember("Local/1001@from-queue/n", "Paused", "0", true)
	both("she is told that only some queues are paused", inState(crm.Paused, crm.ByPhone, "coffee", syncPartly))
	if n := pauses(manager); n != told+2 {
		t.Errorf("what the phone did was told to the queues again: %d times", n-told-2)
	}
	here.do(http.MethodPut, "/me/state", map[string]any{"state": "available"}, nil)
	both("she is available", inState(crm.Available, crm.ByDesk, "", ""))
	eventually(t, "all her phones are", func() bool { return !manager.Paused("PJSIP/1001") && !manager.Paused("Local/1001@from-queue/n") })

	// A supervisor; and many changes at once end where the last one was.
	for _, state := range []string{"paused", "available", "offline", "available", "paused", "offline"} {
		admin.do(http.MethodPut, "/agents/"+neda.ID.String()+"/state", map[string]any{"state": state}, nil)
	}
	both("she is offline", inState(crm.Offline, crm.BySupervisor, "", ""))
	eventually(t, "her phones are paused", func() bool { return manager.Paused("PJSIP/1001") && manager.Paused("Local/1001@from-queue/n") })

	// The manager is away: what is chosen meanwhile counts when it is back.
	manager.Set(pbxtest.AMIFaults{Silent: true})
	manager.Cut()
	both("nobody knows what the queues do", inState(crm.Offline, crm.BySupervisor, "", syncAMIAway))
	here.do(http.MethodPut, "/me/state", map[string]any{"state": "paused", "reason_id": lunch}, nil)
	here.do(http.MethodPut, "/me/state", map[string]any{"state": "available"}, nil)
	manager.SetMember("PJSIP/1002", "Paused", "1", false) // her colleague has no account
	manager.Set(pbxtest.AMIFaults{})
	manager.Cut()
	eventually(t, "the queues follow what was chosen while the manager was away", func() bool {
		return !manager.Paused("PJSIP/1001") && !manager.Paused("Local/1001@from-queue/n") && manager.Paused("PJSIP/1002")
	})
	// And what the phone does meanwhile.
	manager.Set(pbxtest.AMIFaults{Silent: true})
	manager.Cut()
	for _, iface := range []string{"PJSIP/1001", "Local/1001@from-queue/n"} {
		manager.SetMember(iface, "PausedReason", "Lunch", false)
		manager.SetMember(iface, "Paused", "1", false)
	}
	manager.Set(pbxtest.AMIFaults{})
	manager.Cut()
	awaitDesk(t, second, "the phone's change while the manager was away counts", inState(crm.Paused, crm.ByPhone, "Lunch", ""))

	// The other node takes over. Logging out makes offline, logging in available.
	nodes[0].stop()
	<-nodes[0].done
	eventually(t, "the second node leads", func() bool { return leader(t, nodes[1].URL) == "here" })
	there.do(http.MethodPut, "/me/state", map[string]any{"state": "available"}, nil)
	awaitDesk(t, second, "she is available at the node that is left", inState(crm.Available, crm.ByDesk, "", ""))
	eventually(t, "her phones are not paused", func() bool { return !manager.Paused("PJSIP/1001") && !manager.Paused("Local/1001@from-queue/n") })
	manager.Answer("QueuePause", func(ami.Action) string { return "Response: Error\r\nMessage: Permission denied\r\n" })
	there.do(http.MethodPut, "/me/state", map[string]any{"state": "paused"}, nil)
	awaitDesk(t, second, "the desk says that the manager may not pause", inState(crm.Paused, crm.ByDesk, "", syncAMIDenied))
	manager.Answer("QueuePause", nil)
	awaitDesk(t, second, "it may again", inState(crm.Paused, crm.ByDesk, "", ""))
	there.do(http.MethodDelete, "/session", nil, nil)
	again := login(t, nodes[1].URL, "admin", testPassword)
	var page crm.Page[struct {
		State crm.State `json:"state"`
		By    *crm.SetBy
	}]
	again.do(http.MethodGet, "/agents/"+neda.ID.String()+"/states", nil, &page)
	if len(page.Items) < 10 || page.Items[0].State != crm.Offline || page.Items[1].State != crm.Paused {
		t.Errorf("the day was %+v", page.Items)
	}
	login(t, nodes[1].URL, "neda", testPassword)
	eventually(t, "logged in again her phones ring", func() bool { return !manager.Paused("PJSIP/1001") })
}
