package web

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ringbook/crm"
)

// Never are more being let in than there are places, each who came gets in, in the order of coming, and who has waited for
// too long is told so.
func TestEntrance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEntrance()
		places := cap(e.places)
		var leaves []func()
		for range places {
			leave, err := e.enter(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			leaves = append(leaves, leave)
		}
		crowd := 10 * places // as many times as there are processors, whatever this machine has
		order := make(chan int, crowd)
		var all sync.WaitGroup
		for n := range crowd {
			all.Go(func() {
				leave, err := e.enter(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				order <- n
				time.Sleep(time.Second) // in the bubble's time: what letting in costs
				leave()
			})
			synctest.Wait()
		}
		if n := e.waiting.Load(); int(n) != crowd || len(order) > 0 {
			t.Fatalf("%d wait, %d are in", n, len(order))
		}
		hasty, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := e.enter(hasty); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who waited in vain: %v", err)
		}
		began := time.Now()
		for _, leave := range leaves {
			leave()
			leave() // which does nothing
		}
		all.Wait()
		if took, least := time.Since(began), time.Duration(crowd/places)*time.Second; took < least {
			t.Errorf("all were in after %v: more than %d at a time", took, places)
		}
		for n := 0; n < crowd; n += places {
			for range places { // who goes in at the same moment is not told apart
				if got := <-order; got/places != n/places {
					t.Fatalf("%d came in among %d..", got, n)
				}
			}
		}
		if e.waiting.Load() != 0 || len(e.places) != 0 {
			t.Errorf("%d wait, %d places are taken", e.waiting.Load(), len(e.places))
		}
	})
}

// While others are being let in a browser waits, and gets in when a place is free; one that has waited too long is told to
// come back; and who is in, and reads nothing, keeps nobody out.
func TestPush_ACrowdIsLetInAFewAtATime(t *testing.T) {
	h := newHouse(t, func(s *Server) { s.timings.entry = 200 * time.Millisecond })
	program := h.program(h.agent("neda", crm.RoleAgent, "1001"))
	e := h.server.entrance
	var leaves []func()
	for range cap(e.places) {
		leave, err := e.enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, leave)
	}
	_, answer, err := program.dial()
	if err == nil || answer == nil || answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
		t.Fatalf("while nobody gets in: %v, %v", answer, err)
	}
	for _, leave := range leaves {
		leave()
	}
	const crowd = 30
	for range crowd { // none of which reads
		if !waitFor(func() bool { return len(e.places) < cap(e.places) }) {
			t.Fatal("who is in keeps others out")
		}
		conn, answer, err := program.dial()
		if err != nil {
			t.Fatalf("not let in: %v, %v", answer, err)
		}
		defer conn.Close()
	}
	if !waitFor(func() bool { return h.openSockets() == crowd && len(e.places) == 0 }) {
		t.Errorf("%d are in, %d are being let in", h.openSockets(), len(e.places))
	}
}
