package pbx_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ringbook/pbx"
	"ringbook/pbx/ami"
	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

// board is an exchange that follows a fake manager, and a fake ARI with nothing on it.
type board struct {
	*pbx.Exchange
	manager *pbxtest.AMI
	log     bytes.Buffer
	queueLog
}

func startBoard(t *testing.T, config pbxtest.AMIConfig) *board {
	t.Helper()
	b := &board{manager: pbxtest.NewAMI(config)}
	fake := pbxtest.NewFake(pbxtest.FakeConfig{})
	log := slog.New(slog.NewTextHandler(&b.log, nil))
	stream, err := ari.New(ari.Config{Name: "main", URL: fake.URL(), DialContext: fake.Dial, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	client, err := ami.New(ami.Config{Name: "main", URL: b.manager.URL(), DialContext: b.manager.Dial, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	b.Exchange = pbx.NewExchange(stream, labConfig, log)
	b.UseAMI(client)
	b.OnQueue(b.follow)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = b.Run(ctx, func(context.Context, pbx.Call) {}) }()
	t.Cleanup(func() { cancel(); <-done; fake.Close(); b.manager.Close() })
	return b
}

// told is how many pictures there were since the last time it was asked.
func (b *board) told() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.count
	b.count = 0
	return n
}

// The events alone lead to where the real PBX's queues ended.
func TestExchange_QueuesOfRecordings(t *testing.T) {
	for _, flavour := range []string{"plain", "freepbx"} {
		t.Run(flavour, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := startBoard(t, pbxtest.AMIConfig{})
				file, err := os.Open(filepath.Join("testdata", "ami", flavour+".jsonl"))
				if err != nil {
					t.Fatal(err)
				}
				defer file.Close()
				events, err := b.manager.Load(file)
				if err != nil {
					t.Fatal(err)
				}
				pass(2 * time.Second)
				all, known := b.Queues()
				if len(all) != 10 || !known {
					t.Fatalf("%d queues, %v", len(all), known)
				}
				var most, waits int
				paused := map[string]bool{}
				for _, e := range events {
					if e.Name == "Reload" { // makes the fake be asked, which lists what was there at the beginning
						continue
					}
					b.manager.Emit(e)
					synctest.Wait()
					q := b.queue("support")
					most, waits = max(most, len(q.Members)), max(waits, len(q.Callers))
					for _, m := range q.Members {
						if m.Paused {
							paused[m.Extension+" "+m.Reason] = true
						}
					}
				}
				if most != 3 || waits != 2 || len(paused) != 1 || !paused["1002 ناهار"] {
					t.Errorf("support had %d members, %d callers, %v paused", most, waits, paused)
				}
				q := b.queue("support")
				if len(q.Members) != 2 || len(q.Callers) != 0 || q.Completed != 1 || q.Abandoned != 1 {
					t.Errorf("support ended as %+v", q)
				}
				m, ok := b.member("support", "1002")
				if !ok || m.Calls != 1 || m.InCall || m.Paused || m.Status != pbx.MemberFree || m.LastCall.IsZero() || m.Name != "Omid" {
					t.Errorf("Omid ended as %+v, %v", m, ok)
				}
			})
		})
	}
}

func TestExchange_QueueMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBoard(t, pbxtest.AMIConfig{})
		b.manager.AddQueue("support", "ringall", "PJSIP/1001", "Local/1002@from-queue/n", "SIP/1003", "PJSIP/trunk")
		b.manager.AddQueue("empty", "linear")
		pass(2 * time.Second)
		if q := b.queue("support"); q.ServiceLevel != time.Minute || q.PBX == "" || !q.Known || q.Gone {
			t.Errorf("support is %+v", q)
		}
		var extensions []string
		for _, m := range b.queue("support").Members {
			extensions = append(extensions, m.Extension)
		}
		if !slices.Equal(extensions, []string{"1002", "1001", "", "1003"}) {
			t.Errorf("the members' extensions are %v", extensions)
		}
		b.told()

		// A status that changes nothing is not told.
		b.manager.SetMember("PJSIP/1001", "Status", "1", true)
		synctest.Wait()
		if n := b.told(); n != 0 {
			t.Errorf("nothing happened, and %d pictures came", n)
		}
		b.manager.SetMember("PJSIP/1001", "Status", "6", true)
		synctest.Wait()
		if m, _ := b.member("support", "1001"); m.Status != pbx.MemberRinging || b.told() != 1 {
			t.Errorf("the member is %+v", m)
		}
		// What no event tells is found within two seconds: so a reload adds and removes members and queues.
		b.manager.AddQueue("night", "rrmemory", "PJSIP/1004")
		b.manager.DropQueue("empty")
		b.manager.SetMember("PJSIP/1001", "Penalty", "7", false)
		pass(2 * time.Second)
		if m, _ := b.member("support", "1001"); m.Penalty != 7 {
			t.Errorf("the member is %+v", m)
		}
		if q := b.queue("night"); len(q.Members) != 1 || q.Strategy != "rrmemory" {
			t.Errorf("night is %+v", q)
		}
		if q := b.queue("empty"); !q.Gone {
			t.Errorf("empty is %+v", q)
		}
		all, known := b.Queues()
		if len(all) != 2 || all[0].Name != "night" || all[1].Name != "support" || !known {
			t.Errorf("the queues are %+v, %v", all, known)
		}
	})
}

// While the manager is away nothing is said of queues, and afterwards everything is.
func TestExchange_QueuesWhileTheManagerIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBoard(t, pbxtest.AMIConfig{})
		b.manager.AddQueue("support", "ringall", "PJSIP/1001")
		pass(2 * time.Second)
		b.manager.Set(pbxtest.AMIFaults{Refuse: "Authentication failed"})
		b.manager.Cut()
		pass(2 * time.Second)
		if all, known := b.Queues(); all != nil || known {
			t.Errorf("the queues are %+v, %v", all, known)
		}
		if q := b.queue("support"); q.Known || len(q.Members) != 1 {
			t.Errorf("support is %+v", q)
		}
		if h, configured := b.AMI(); h.Live || !configured || !h.Refused {
			t.Errorf("health is %+v, %v", h, configured)
		}
		b.manager.SetMember("PJSIP/1001", "Paused", "1", true)
		b.manager.Set(pbxtest.AMIFaults{})
		pass(time.Minute)
		if m, _ := b.member("support", "1001"); !m.Paused || !b.queue("support").Known {
			t.Errorf("support is %+v", b.queue("support"))
		}
		// Half an event and half a list end the connection, not the pictures.
		b.manager.Set(pbxtest.AMIFaults{HalfEvent: true, HalfList: true})
		b.manager.SetMember("PJSIP/1001", "Paused", "0", true)
		pass(10 * time.Second)
		if m, _ := b.member("support", "1001"); m.Paused || !b.queue("support").Known || len(b.queue("support").Members) != 1 {
			t.Errorf("support is %+v", b.queue("support"))
		}
	})
}

// A PBX lets us in while it starts, and has no queues then. That is not told as their end.
func TestExchange_QueuesWhileThePBXStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBoard(t, pbxtest.AMIConfig{})
		b.manager.AddQueue("support", "ringall", "PJSIP/1001")
		pass(2 * time.Second)
		unknown := func(ami.Action) string { return "Response: Error\r\nMessage: Invalid/unknown command: QueueStatus\r\n" }
		b.manager.Answer("QueueStatus", unknown)
		b.manager.Cut()
		pass(20 * time.Second)
		if _, known := b.Queues(); known || b.queue("support").Gone {
			t.Errorf("support is %+v, %v", b.queue("support"), known)
		}
		b.manager.Answer("QueueStatus", nil)
		pass(2 * time.Second)
		if q := b.queue("support"); !q.Known || q.Gone {
			t.Errorf("support is %+v", q)
		}
		// One that never has any has none.
		b.manager.Answer("QueueStatus", unknown)
		pass(2 * time.Minute)
		if all, known := b.Queues(); len(all) != 0 || !known || !b.queue("support").Gone {
			t.Errorf("the queues are %+v, %v", all, known)
		}
	})
}

// A manager that does not answer this one question is told of once, and once when it does.
func TestExchange_QueuesThatCannotBeAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBoard(t, pbxtest.AMIConfig{})
		b.manager.AddQueue("support", "ringall", "PJSIP/1001")
		pass(2 * time.Second)
		b.manager.Answer("QueueStatus", func(ami.Action) string { return "Response: Error\r\nMessage: Out of order\r\n" })
		pass(5 * time.Minute)
		b.manager.Answer("QueueStatus", nil)
		pass(5 * time.Minute)
		if s := b.log.String(); strings.Count(s, "does not say which queues") != 1 || strings.Count(s, "says again which queues") != 1 || strings.Count(s, "level=WARN") != 1 {
			t.Errorf("the log:\n%s", s)
		}
	})
}

func TestExchange_WithoutAManager(t *testing.T) {
	x := pbx.NewExchange(nil, labConfig, slog.New(slog.DiscardHandler))
	if all, known := x.Queues(); all != nil || known {
		t.Errorf("the queues are %+v, %v", all, known)
	}
	if h, configured := x.AMI(); configured || h.Live {
		t.Errorf("health is %+v, %v", h, configured)
	}
}

// Callers keep their order, whoever leaves, and events that come twice or too early do no harm.
func TestExchange_QueueCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBoard(t, pbxtest.AMIConfig{})
		b.manager.AddQueue("support", "ringall", "PJSIP/1001")
		pass(2 * time.Second)
		say := func(name, channel, position string) {
			b.manager.Emit(ami.Event{Name: name, Fields: []ami.Field{
				{Key: "Privilege", Value: "agent,all"}, {Key: "Uniqueid", Value: channel}, {Key: "Queue", Value: "support"}, {Key: "Position", Value: position},
			}})
			synctest.Wait()
		}
		expect := func(want ...string) {
			t.Helper()
			var got []string
			for i, w := range b.queue("support").Callers {
				got = append(got, w.Channel)
				if w.Position != i+1 {
					t.Errorf("%s is at %d, not %d", w.Channel, w.Position, i+1)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("waiting are %v, not %v", got, want)
			}
		}
		say("QueueCallerLeave", "0.0", "1")
		say("QueueCallerJoin", "1.1", "1")
		say("QueueCallerJoin", "1.2", "2")
		say("QueueCallerJoin", "1.2", "2")
		expect("1.1", "1.2")
		say("QueueCallerJoin", "1.3", "1") // of a higher priority
		expect("1.3", "1.1", "1.2")
		say("QueueCallerAbandon", "1.1", "2")
		say("QueueCallerLeave", "1.1", "2")
		expect("1.3", "1.2")
		say("QueueCallerJoin", "1.4", "77")
		expect("1.3", "1.2", "1.4")
		say("QueueCallerLeave", "1.3", "1")
		say("QueueCallerLeave", "1.4", "2")
		say("QueueCallerLeave", "1.4", "2")
		expect("1.2")
		if q := b.queue("support"); q.Abandoned != 1 {
			t.Errorf("support is %+v", q)
		}
	})
}

// The words of older Asterisks: other names, fields that are missing.
func TestExchange_QueuesOfOlderAsterisks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := startBoard(t, pbxtest.AMIConfig{Write: "-"})
		b.manager.AddQueue("support", "ringall", "SIP/1001")
		pass(2 * time.Second)
		b.manager.Emit(ami.Event{Name: "QueueMemberPaused", Fields: []ami.Field{
			{Key: "Queue", Value: "support"},
			{Key: "Location", Value: "SIP/1001"},
			{Key: "MemberName", Value: "Neda"},
			{Key: "Paused", Value: "1"},
			{Key: "Reason", Value: "prayer"},
		}})
		synctest.Wait()
		m, ok := b.member("support", "1001")
		if !ok || !m.Paused || m.Reason != "prayer" || m.Name != "Neda" || m.Status != pbx.MemberUnknown || !m.LoginAt.IsZero() {
			t.Errorf("the member is %+v", m)
		}
		b.manager.Emit(ami.Event{Name: "Join", Fields: []ami.Field{{Key: "Queue", Value: "support"}, {Key: "Uniqueid", Value: "1.1"}, {Key: "Position", Value: "1"}}})
		synctest.Wait()
		if q := b.queue("support"); len(q.Callers) != 1 {
			t.Errorf("support is %+v", q)
		}
	})
}

// No event, whatever it holds, makes a picture that contradicts itself.
func FuzzQueueEvents(f *testing.F) {
	f.Add("QueueCallerJoin\nUniqueid 1\nPosition 1\n\nQueueCallerLeave\nUniqueid 1")
	f.Add("QueueMemberAdded\nInterface PJSIP/1001\nPaused 1\n\nQueueMemberRemoved\nInterface PJSIP/1001\n\nQueueParams\nMax -1")
	f.Add("QueueMemberStatus\nInterface Local/\nStatus 99\nLastCall 99999999999999999999\n\nAgentComplete\n")
	f.Fuzz(func(t *testing.T, script string) {
		var events []ami.Event
		for text := range strings.SplitSeq(script, "\n\n") {
			lines := strings.Split(text, "\n")
			e := ami.Event{Name: lines[0], Fields: []ami.Field{{Key: "Queue", Value: "support"}}}
			for _, l := range lines[1:] {
				key, value, _ := strings.Cut(l, " ")
				e.Fields = append(e.Fields, ami.Field{Key: key, Value: value})
			}
			events = append(events, e)
		}
		for _, q := range pbx.FoldQueueEvents(events) {
			seen := map[string]bool{}
			for _, m := range q.Members {
				if m.Interface == "" || seen[m.Interface] || m.Penalty < 0 || m.Status == "" || m.Reason != "" && !m.Paused {
					t.Fatalf("a member is %+v", m)
				}
				seen[m.Interface] = true
			}
			for i, w := range q.Callers {
				if w.Channel == "" || seen[w.Channel+"!"] || w.Position != i+1 {
					t.Fatalf("callers are %+v", q.Callers)
				}
				seen[w.Channel+"!"] = true
			}
			if q.Max < 0 || q.Completed < 0 || q.Abandoned < 0 {
				t.Fatalf("the queue is %+v", q)
			}
		}
	})
}
