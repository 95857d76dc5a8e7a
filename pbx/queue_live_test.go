package pbx_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"ringbook/pbx"
	"ringbook/pbx/ami"
	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

var recordQueues = flag.Bool("record-queues", false, "write what the real Asterisk's manager said to pbx/testdata/ami")

// promptly is how long what takes two seconds at most may take beside whatever else this machine does.
const promptly = 10 * time.Second

// queueLog keeps the last picture of every queue, and how many there were.
type queueLog struct {
	mu    sync.Mutex
	last  map[string]pbx.Queue
	count int
}

func (l *queueLog) follow(_ context.Context, q pbx.Queue) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == nil {
		l.last = map[string]pbx.Queue{}
	}
	l.last[q.Name] = q
	l.count++
}

func (l *queueLog) queue(name string) pbx.Queue {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last[name]
}

// member is the queue's member with that extension.
func (l *queueLog) member(queue, extension string) (pbx.Member, bool) {
	q := l.queue(queue)
	i := slices.IndexFunc(q.Members, func(m pbx.Member) bool { return m.Extension == extension })
	if i < 0 {
		return pbx.Member{}, false
	}
	return q.Members[i], true
}

// What happens to queues on a real Asterisk is in their pictures soon, in both shapes of dialplan. A machine with nothing else to
// do has it there within two seconds.
func TestExchange_Live_Queues(t *testing.T) {
	t.Parallel()
	for _, flavour := range []string{"plain", "freepbx"} {
		t.Run(flavour, func(t *testing.T) {
			t.Parallel()
			liveQueues(t, flavour)
		})
	}
}

func liveQueues(t *testing.T, flavour string) {
	lab := pbxtest.StartAsterisk(t, "FLAVOUR="+flavour, "QUEUE_SECONDS=30")
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	stream, err := ari.New(ari.Config{Name: "lab", URL: lab.URL, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	var recording bytes.Buffer
	manager, err := ami.New(ami.Config{Name: "lab", URL: lab.AMI(), Log: log, Record: &recording})
	if err != nil {
		t.Fatal(err)
	}
	exchange := pbx.NewExchange(stream, labConfig, log)
	exchange.UseAMI(manager)
	var seen queueLog
	exchange.OnQueue(seen.follow)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- exchange.Run(ctx, func(context.Context, pbx.Call) {}) }()
	stop := sync.OnceFunc(func() { cancel(); <-done })
	defer func() {
		stop()
		if *recordQueues {
			keep(t, filepath.Join("testdata", "ami", flavour+".jsonl"), recording.Bytes())
		}
	}()
	lab.Eventually("the PBX is not followed", func() bool {
		_, known := exchange.Queues()
		return known && exchange.Health().Live
	})
	if h, configured := exchange.AMI(); !configured || !h.Live || h.Version == "" || !h.Rights.Can("QueuePause") || h.Rights.Can("Originate") {
		t.Errorf("health is %+v, %v", h, configured)
	}
	// soon waits for a state that must come long before the PBX would be asked again by a client that has fallen behind.
	soon := func(what string, cond func() bool) {
		t.Helper()
		began := time.Now()
		lab.Eventually(what, cond)
		if took := time.Since(began); took > promptly {
			t.Errorf("%s: it took %v", what, took)
		}
	}
	console := func(command string) {
		t.Helper()
		if out, err := lab.CLI(command); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	member := func(ext string) string {
		if flavour == "plain" {
			return "PJSIP/" + ext
		}
		return "Local/" + ext + "@from-queue/n"
	}
	do := func(name string, fields ...ami.Field) {
		t.Helper()
		if _, err := manager.Do(ctx, ami.Action{Name: name, Fields: fields}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}

	if q := seen.queue("support"); q.PBX != "lab" || q.Strategy != "ringall" || !q.Known || len(q.Members) != 2 {
		t.Errorf("support is %+v", q)
	}
	if m, ok := seen.member("support", "1001"); !ok || m.Name != "Neda" || m.Status != pbx.MemberUnavailable || m.Dynamic || m.Paused {
		t.Errorf("Neda is %+v, %v", m, ok)
	}

	lab.Phone("1001", pbxtest.Behaviour{})
	soon("Neda's phone registered", func() bool { m, _ := seen.member("support", "1001"); return m.Status == pbx.MemberFree })
	console("queue add member " + member("1003") + " to support penalty 2 as Sara")
	soon("a member added at the PBX is not there", func() bool {
		m, ok := seen.member("support", "1003")
		return ok && m.Dynamic && m.Penalty == 2 && m.Name == "Sara"
	})
	console("queue set penalty 5 on " + member("1003") + " in support")
	soon("its penalty", func() bool { m, _ := seen.member("support", "1003"); return m.Penalty == 5 })
	do("QueuePause", ami.Field{Key: "Interface", Value: member("1002")}, ami.Field{Key: "Paused", Value: "true"}, ami.Field{Key: "Reason", Value: "ناهار"})
	soon("Omid's pause", func() bool {
		a, _ := seen.member("support", "1002")
		b, _ := seen.member("vip", "1002")
		return a.Paused && b.Paused && a.Reason == "ناهار" && !a.PausedAt.IsZero()
	})
	do("QueuePause", ami.Field{Key: "Interface", Value: member("1002")}, ami.Field{Key: "Paused", Value: "false"})
	soon("Omid's return", func() bool { m, _ := seen.member("support", "1002"); return !m.Paused && m.Reason == "" })
	console("queue remove member " + member("1003") + " from support")
	soon("a member removed at the PBX is there still", func() bool { _, ok := seen.member("support", "1003"); return !ok })

	first := lab.Call(pbxtest.CallSpec{From: "09120001001", Name: "Sara Ahmadi", To: "91001234"})
	soon("the first caller does not wait", func() bool { return len(seen.queue("support").Callers) == 1 })
	second := lab.Call(pbxtest.CallSpec{From: "09120002002", To: "91001234"})
	soon("the second caller does not wait", func() bool {
		callers := seen.queue("support").Callers
		return len(callers) == 2 && callers[0].Position == 1 && callers[1].Position == 2 &&
			callers[0].CallID != uuid.Nil && callers[1].CallID != uuid.Nil
	})
	calls := map[uuid.UUID]string{}
	for _, c := range exchange.Live() {
		calls[c.ID] = c.Caller.Number
	}
	for i, number := range []string{"09120001001", "09120002002"} {
		if got := calls[seen.queue("support").Callers[i].CallID]; got != number {
			t.Errorf("caller %d is the call of %q, not of %q", i+1, got, number)
		}
	}
	first.HangUp()
	soon("the second caller is not the next", func() bool {
		q := seen.queue("support")
		return len(q.Callers) == 1 && q.Callers[0].Position == 1 && calls[q.Callers[0].CallID] == "09120002002" && q.Abandoned == 1
	})
	lab.Phone("1002", pbxtest.Behaviour{Answer: true, Ring: 100 * time.Millisecond})
	soon("Omid's phone registered", func() bool { m, _ := seen.member("support", "1002"); return m.Status != pbx.MemberUnavailable })
	defer func() {
		if t.Failed() {
			t.Logf("support: %+v", seen.queue("support"))
		}
	}()
	lab.Eventually("Omid does not talk", func() bool {
		m, _ := seen.member("support", "1002")
		return len(seen.queue("support").Callers) == 0 && m.InCall && m.Status == pbx.MemberInUse
	})
	second.HangUp()
	soon("the call is not counted", func() bool {
		m, _ := seen.member("support", "1002")
		return seen.queue("support").Completed == 1 && !m.InCall && m.Calls == 1
	})
	lab.Quiet()

	// The pictures are what the PBX says when it is asked. That a member has taken a call elsewhere it counts in silence
	// ("shared_lastcall"): then only asking tells.
	asListed := func(counted bool) func() bool {
		return func() bool {
			answer, err := manager.Do(ctx, ami.Action{Name: "QueueStatus"})
			if err != nil {
				t.Fatal(err)
			}
			words := func(calls any, more ...any) string {
				if !counted {
					calls = nil
				}
				return fmt.Sprintln(append(more, calls)...)
			}
			listed := map[string]string{}
			for i := range answer.Events {
				if e := &answer.Events[i]; e.Name == "QueueMember" {
					listed[e.Get("Queue")+" "+e.Get("Location")] = words(e.Get("CallsTaken"), e.Get("Paused"), e.Get("InCall"), e.Get("Penalty"))
				}
			}
			all, _ := exchange.Queues()
			pictured := map[string]string{}
			for _, q := range all {
				for _, m := range q.Members {
					pictured[q.Name+" "+m.Interface] = words(m.Calls, bit[m.Paused], bit[m.InCall], m.Penalty)
				}
			}
			return len(listed) > 30 && maps.Equal(listed, pictured)
		}
	}
	soon("the pictures are not what the PBX lists", asListed(false))
	console("module reload app_queue.so") // which tells that it did
	soon("the pictures are not what the PBX lists, calls and all", asListed(true))
}

var bit = map[bool]int{true: 1}

func keep(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, content, 0o644); err != nil {
		t.Fatal(err)
	}
}
