package main

import (
	"runtime"
	"slices"
	"testing"

	"ringbook/crm"
	"ringbook/db/dbtest"
	"ringbook/pbx/pbxtest"
	"ringbook/web"
)

// TestNodes_MemoryDoesNotGrowWithTheCalls: two nodes show, record and stand by for one call after the other, answered ones and
// missed ones. What is left of a call in memory is that its channels were there (ten minutes, and so many at the most; see
// package pbx), on each node, and what the fake exchange keeps of it.
func TestNodes_MemoryDoesNotGrowWithTheCalls(t *testing.T) {
	const (
		perCall = 1200    // bytes, of both nodes and the fake
		noise   = 2 << 20 // buffers, pools and prepared statements that happen to be there or not
	)
	calls := size("MEMORY_CALLS", 150) // make test-go asks for thousands
	first := min(calls, 300)
	database := dbtest.New(t)
	fake := startFake(t, pbxtest.FakeConfig{})
	var nodes []*program
	var browsers []*browser
	for _, name := range []string{"node-a", "node-b"} {
		settings := testSettings(t, func(c *Config) {
			c.Database.Database = dbtest.URL(database)
			c.PBX = "main=" + fake.URL()
			c.LogLevel = "error"
			c.Node = name
		})
		if browsers == nil {
			browsers = newBrowsers(t, crm.NewStore(database, crm.Config{Numbering: settings.Numbering}), 100)
		}
		p := startProgram(t, settings)
		awaitReady(t, p.URL)
		nodes = append(nodes, p)
	}
	var all []*browser
	for i, b := range browsers {
		b.answers = i%2 == 0 || calls < 1000 // calls that were missed stay on their desks for seconds
		b.open(t, nodes[0].URL)
		other := &browser{token: b.token, rings: make(chan web.Pop)} // on the other node
		end := make(chan struct{})
		t.Cleanup(func() { close(end) })
		go func() {
			for {
				select {
				case <-other.rings:
				case <-end:
					return
				}
			}
		}()
		other.open(t, nodes[1].URL)
		all = append(all, b, other)
	}
	rung := 0
	used := func(more int) int64 {
		ringAll(t, fake, browsers, rung, rung+more)
		rung += more
		eventually(t, "all calls are in the log", func() bool { return ended(t, database) == rung })
		eventually(t, "the other node knows that they are", func() bool {
			return metricOf(t, nodes[0].URL, "ringbook_calllog_pending") == 0
		})
		eventually(t, "no desk shows a call that was missed", func() bool {
			return !slices.ContainsFunc(all, func(b *browser) bool { return b.missed.Load() > 0 })
		})
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc + m.StackInuse)
	}
	before := used(first)
	after := used(calls)
	t.Logf("%d kB after %d calls, %d kB after %d more: %+d bytes for each", before/1000, first, after/1000, calls, (after-before)/int64(calls))
	if grown := after - before; grown > noise+perCall*int64(calls) {
		t.Errorf("%d bytes more after %d calls", grown, calls)
	}
}
