package ari_test

import (
	"net/http"
	"testing"
	"time"

	"ringbook/pbx/ari"
	"ringbook/pbx/pbxtest"
)

// Subscriptions that the PBX has lost are found although the socket is open and test events come back, and the gap
// begins when they were last seen.
func TestRun_A3_LostSubscriptionsAreFound(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.run()
		b.lives(1)
		b.after(time.Minute)
		b.fake.Forget()
		lost := time.Now()
		b.emit(`{"type":"ChannelCreated","channel":{"id":"1.1"}}`) // nobody hears it
		items := b.lives(2)
		if got := describe(items); got != "gap:start live gap:deaf live" {
			t.Fatalf("the stream said %s", got)
		}
		gap := items[2]
		if took := gap.At.Sub(lost); took > 21*time.Second {
			t.Errorf("found after %s", took)
		}
		if from := gap.Gap.From; from.After(lost) || lost.Sub(from) > 21*time.Second {
			t.Errorf("the gap begins %s before they were lost", lost.Sub(from))
		}
	})
}

// A socket that delivers something and loses the rest was complete only until the last test event that came back.
func TestRun_A1_ADeafStreamWasCompleteUntilItsLastTest(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.run()
		b.lives(1)
		b.after(15 * time.Second)
		b.fake.Set(func(f *pbxtest.Faults) { f.Deaf = true })
		deaf := time.Now()
		b.after(3 * time.Second)
		b.fake.Set(func(f *pbxtest.Faults) { f.Deaf = false })
		b.emit(`{"type":"ChannelCreated","channel":{"id":"1.1"}}`) // comes, after what was lost
		b.after(time.Second)
		b.fake.Set(func(f *pbxtest.Faults) { f.Deaf = true })
		items := b.until("gap", func(items []ari.Item) bool { return items[len(items)-1].Gap != nil })
		b.fake.Set(func(f *pbxtest.Faults) { f.Deaf = false })
		if from := items[len(items)-1].Gap.From; from.After(deaf) || deaf.Sub(from) > 11*time.Second {
			t.Errorf("the gap begins %s after the socket was deaf", from.Sub(deaf))
		}
		if !b.client.Health().Complete.Equal(items[len(items)-1].Gap.From) {
			t.Errorf("complete until %v", b.client.Health().Complete)
		}
	})
}

// What the PBX has is asked every 20 s, and told when everything that happened before has been told.
func TestRunTellsWhatThePBXHas(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.run()
		b.lives(1)
		b.emit(`{"type":"ChannelCreated","channel":{"id":"1.1","name":"PJSIP/1","state":"Ring","creationtime":"2026-11-22T14:00:00.000+0330"}}`)
		b.event("ChannelCreated")
		asked := time.Now()
		b.after(time.Minute)
		b.mu.Lock()
		checks := b.seen
		b.mu.Unlock()
		if len(checks) < 2 || len(checks) > 3 {
			t.Fatalf("%d checks in a minute", len(checks))
		}
		for i, c := range checks {
			if len(c.Check.Channels) != 1 || c.Check.Channels[0].ID != "1.1" {
				t.Errorf("the PBX has %+v", c.Check.Channels)
			}
			if c.Check.Asked.Before(asked) || c.At.Before(c.Check.Asked) || c.At.Sub(c.Check.Asked) > time.Second {
				t.Errorf("check %d was asked at %v and told at %v", i, c.Check.Asked, c.At)
			}
		}
		if n := b.fake.Seen().Sockets; n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}

// An Asterisk that starts anew says for a moment that there is no ARI, or no such user: that was right until just now, and
// is not waited for as for a person.
func TestRun_A3_APBXThatStartsIsFoundSoon(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.run()
		b.lives(1)
		for i, status := range []int{http.StatusNotFound, http.StatusUnauthorized, http.StatusForbidden, http.StatusServiceUnavailable} {
			b.after(5 * time.Minute)
			b.fake.Set(func(f *pbxtest.Faults) { f.Answer = func(*http.Request) int { return status } })
			b.fake.Cut(pbxtest.CutReset)
			if status == http.StatusUnauthorized {
				b.after(2 * time.Second) // for longer it is a wrong password, see TestRun_ARefusedUserIsTriedSeldom
			} else {
				b.after(40 * time.Second)
			}
			b.fake.Set(func(f *pbxtest.Faults) { f.Answer = nil })
			there := time.Now()
			b.lives(2 + i)
			if took := time.Since(there); took > 6*time.Second {
				t.Errorf("after %d it took %s", status, took)
			}
		}
	})
}

// Health tells how many events come.
func TestRunTellsTheRate(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bench) {
		b.run()
		b.lives(1)
		for range 600 {
			b.emit(`{"type":"ChannelDialplan","channel":{"id":"1.1"}}`)
			b.after(50 * time.Millisecond)
		}
		if rate := b.client.Health().Rate; rate < 18 || rate > 22 {
			t.Errorf("%v events per second, want 20", rate)
		}
		b.after(time.Minute)
		if rate := b.client.Health().Rate; rate != 0 {
			t.Errorf("%v events per second when nothing happens", rate)
		}
	})
}
