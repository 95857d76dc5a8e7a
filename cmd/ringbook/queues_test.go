package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"ringbook/crm"
	"ringbook/db/dbtest"
	"ringbook/pbx"
	"ringbook/pbx/pbxtest"
)

// apiQueue is a queue of the API, after the contract.
type apiQueue struct {
	ID, PBX, Name, Label, Strategy, Unknown string
	Numbers                                 []string
	ServiceLevelS                           int `json:"service_level_s"`
	Known                                   bool
	Waiting                                 *int
	Members                                 []struct{ Interface, Extension, Name, Status string }
	GoneAt                                  *time.Time `json:"gone_at"`
}

func queuesOf(b *person) map[string]apiQueue {
	var page struct{ Items []apiQueue }
	b.do(http.MethodGet, "/queues", nil, &page)
	queues := map[string]apiQueue{}
	for _, q := range page.Items {
		queues[q.PBX+" "+q.Name] = q
	}
	return queues
}

// learnedQueues checks that every queue which a call of the log names is there, and no other, with numbers that lead to it.
func (l *callLog) learnedQueues(t *testing.T) {
	t.Helper()
	var want []string
	for _, flavour := range flavours {
		for _, c := range l.during(t, flavour, time.Now().AddDate(-1, 0, 0), time.Now().Add(time.Hour)) {
			if name := orNone(c.Queue); c.Queue != nil && !slices.Contains(want, flavour+" "+name) {
				want = append(want, flavour+" "+name)
			}
		}
	}
	slices.Sort(want)
	queues := queuesOf(l.person)
	var got []string
	for name, q := range queues {
		got = append(got, name)
		if q.Known || q.Unknown != string(pbx.AMINeeded) || q.Label != q.Name || len(q.Numbers) == 0 {
			t.Errorf("%s: %+v", name, q)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) || len(want) < 2 {
		t.Errorf("queues %q, want %q", got, want)
	}
}

// Two nodes hear the same manager: a queue is learned once, with what goes on in it on either; what is gone is said and kept.
func TestQueues_LearnedFromTheManagerByTwoNodes(t *testing.T) {
	fake := startFake(t, pbxtest.FakeConfig{Endpoints: []string{"PJSIP/1001"}})
	manager := pbxtest.NewAMI(pbxtest.AMIConfig{})
	t.Cleanup(manager.Close)
	if err := manager.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	manager.AddQueue("support", "rrmemory", "PJSIP/1001", "PJSIP/1002")
	manager.AddQueue("sales", "ringall")
	database := dbtest.New(t)
	if _, err := crm.NewStore(database, crm.Config{}).CreateAgent(t.Context(), crm.System, crm.AgentInput{Username: "neda", Name: "Neda", Extensions: []string{"1001"}}); err != nil {
		t.Fatal(err)
	}
	var nodes []*person
	for _, name := range []string{"a", "b"} {
		p := startProgram(t, testSettings(t, func(c *Config) {
			c.Database.Database, c.Node, c.LogLevel = dbtest.URL(database), name, "warn"
			c.PBX, c.AMI = "main="+fake.URL(), "main="+manager.URL()
		}))
		awaitReady(t, p.URL)
		nodes = append(nodes, login(t, p.URL, "admin", testPassword))
	}
	for _, node := range nodes {
		eventually(t, "both queues", func() bool {
			queues := queuesOf(node)
			return len(queues) == 2 && queues["main support"].Known && queues["main sales"].Known
		})
		q := queuesOf(node)["main support"]
		if q.Strategy != "rrmemory" || q.ServiceLevelS != 60 || q.Waiting == nil || *q.Waiting != 0 || len(q.Members) != 2 ||
			q.Members[0].Name != "Neda" || q.Members[0].Extension != "1001" || q.Unknown != "" || q.GoneAt != nil {
			t.Errorf("support: %+v", q)
		}
	}
	manager.DropQueue("sales")
	for _, node := range nodes {
		eventually(t, "the queue to be gone", func() bool { q := queuesOf(node)["main sales"]; return q.GoneAt != nil && !q.Known })
	}
	manager.Close()
	for _, node := range nodes {
		eventually(t, "the manager to be away", func() bool { return queuesOf(node)["main support"].Unknown == string(pbx.AMIAway) })
		if q := queuesOf(node)["main support"]; q.Known || q.Waiting != nil || len(q.Members) != 0 || q.Strategy != "rrmemory" || q.GoneAt != nil {
			t.Errorf("while the manager is away: %+v", q)
		}
	}
	var rows int
	if err := database.Pool().QueryRow(t.Context(), `SELECT count(*) FROM event WHERE kind = 'queue'`).Scan(&rows); err != nil || rows != 3 {
		t.Errorf("told of %d times, want 3: two learned, one gone (%v)", rows, err)
	}
}

// What an exchange had when ringbook was last there, and has no more, is missed.
func TestQueues_Missing(t *testing.T) {
	queue := func(exchange, name string, gone bool) crm.Queue {
		q := crm.Queue{ID: crm.QueueID(exchange, name), PBX: exchange, Name: name}
		if gone {
			q.GoneAt = &time.Time{}
		}
		return q
	}
	known := []crm.Queue{
		queue("main", "support", false), queue("main", "sales", false), queue("main", "old", true), queue("branch", "sales", false),
	}
	var names []string
	for _, q := range missing(known, "main", []pbx.Queue{{Name: "SUPPORT"}}) {
		if !q.Gone {
			t.Errorf("%+v is not gone", q)
		}
		names = append(names, q.PBX+" "+q.Name)
	}
	if got := strings.Join(names, ","); got != "main sales" {
		t.Errorf("missing: %s", got)
	}
}
