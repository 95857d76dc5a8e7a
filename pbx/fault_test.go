package pbx_test

import (
	"fmt"
	"math"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"ringbook/pbx"
	"ringbook/pbx/pbxtest"
)

// The socket is cut for a minute in the middle of fifty calls, of which twenty end meanwhile, and one begins: within two
// seconds of the reconnect thirty-one go on, the twenty are closed with both bounds, and none is there twice.
func TestExchange_A1_AMinuteAway(t *testing.T) {
	withFake(t, func(t *testing.T, fake *pbxtest.Fake, x *pbx.Exchange, f *follower) {
		answered := firstLines(t, "direct-answered-caller-hangs-up", "ChannelEnteredBridge")
		caller := func(n int) string { return fmt.Sprintf("0912%07d", n) }
		ring := func(n int) {
			if err := fake.Play(t.Context(), strings.NewReader(answered), pbxtest.PlayOptions{
				Speed: math.Inf(1), Keep: true, Replace: map[string]string{"09120001001": caller(n)},
			}); err != nil {
				t.Fatal(err)
			}
		}
		for n := range 50 {
			ring(n)
		}
		synctest.Wait()
		before := map[string]pbx.Call{}
		for _, c := range x.Live() {
			before[c.Caller.Number] = c
		}
		if len(before) != 50 {
			t.Fatalf("%d calls are live", len(before))
		}
		pass(30 * time.Second)
		cut := time.Now()
		fake.Set(func(f *pbxtest.Faults) { f.Answer = func(*http.Request) int { return http.StatusServiceUnavailable } })
		fake.Cut(pbxtest.CutReset)
		pass(30 * time.Second)
		for n := range 20 {
			for _, l := range before[caller(n)].Legs {
				if err := fake.Emit(`{"type":"ChannelDestroyed","cause":16,"channel":{"id":"` + l.ID + `"}}`); err != nil {
					t.Fatal(err)
				}
			}
		}
		ring(50)
		pass(30 * time.Second)
		fake.Set(func(f *pbxtest.Faults) { f.Answer = nil })
		mended := time.Now()
		for !x.Health().Live {
			<-time.After(10 * time.Millisecond)
		}
		if took := time.Since(mended); took > 6*time.Second {
			t.Errorf("the reconnect took %v", took)
		}
		back := time.Now()
		for len(x.Live()) != 31 && time.Since(back) < 2*time.Second {
			<-time.After(10 * time.Millisecond)
		}
		synctest.Wait() // what is live is told, too
		live := map[string]pbx.Call{}
		for _, c := range x.Live() {
			live[c.Caller.Number] = c
		}
		for n := 20; n <= 50; n++ {
			if c := live[caller(n)]; c.State != pbx.StateTalking || c.Partial != (n == 50) || n < 50 && c.ID != before[caller(n)].ID {
				t.Errorf("call %d: %s, partial %v", n, c.State, c.Partial)
			}
		}
		all := f.story().last()
		if len(all) != 51 || len(live) != 31 {
			t.Errorf("%d calls, of which %d live; there were 51 and 31", len(all), len(live))
		}
		for _, c := range all {
			if c.State != pbx.StateEnded {
				continue
			}
			if !c.Reconstructed || c.Outcome != pbx.Answered || c.EndedAt.After(cut.Add(time.Second)) || c.EndedBefore.Before(mended.Add(-time.Second)) || c.EndedBefore.After(back.Add(time.Second)) {
				t.Errorf("%s: reconstructed %v, ended between %v and %v; nobody listened from %v to %v",
					c.Outcome, c.Reconstructed, c.EndedAt, c.EndedBefore, cut, back)
			}
		}
		periods := x.Periods()
		if len(periods) != 2 || periods[0].End != pbx.GapDisconnected || periods[0].Until.After(cut) || periods[1].From.Before(mended) {
			t.Errorf("periods %+v", periods)
		}
	})
}

// A call that was joined in the middle turns out to be one that an earlier run knew by another id, because it had seen
// the one who placed it: from then on it has that id, and the other says that it is part of it. What was seen from its
// beginning stays what it is.
func TestExchange_A2_ACallThatAnEarlierRunKnew(t *testing.T) {
	withFake(t, func(t *testing.T, fake *pbxtest.Fake, x *pbx.Exchange, f *follower) {
		half := firstLines(t, "direct-answered-caller-hangs-up", "ChannelEnteredBridge")
		play := func() {
			if err := fake.Play(t.Context(), strings.NewReader(half), pbxtest.PlayOptions{Speed: math.Inf(1), Keep: true}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		play()
		whole := x.Live()[0]
		fake.Set(func(f *pbxtest.Faults) { f.Answer = func(*http.Request) int { return http.StatusServiceUnavailable } })
		fake.Cut(pbxtest.CutReset)
		synctest.Wait()
		play()
		fake.Set(func(f *pbxtest.Faults) { f.Answer = nil })
		pass(10 * time.Second)
		var joined pbx.Call
		for _, c := range x.Live() {
			if c.Partial {
				joined = c
			}
		}
		earlier, startedAt := uuid.New(), joined.StartedAt.Add(-time.Minute)
		x.Assume(t.Context(), joined.ID, earlier, startedAt)
		x.Assume(t.Context(), whole.ID, uuid.New(), startedAt)
		x.Assume(t.Context(), uuid.New(), uuid.New(), startedAt)
		live := x.Live()
		if len(live) != 2 || live[0].ID != earlier || !live[0].StartedAt.Equal(startedAt) || live[1].ID != whole.ID || !live[1].StartedAt.Equal(whole.StartedAt) {
			t.Fatalf("live are %+v", live)
		}
		for _, l := range joined.Legs {
			if err := fake.Emit(`{"type":"ChannelDestroyed","cause":16,"channel":{"id":"` + l.ID + `"}}`); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		ends := map[uuid.UUID]pbx.Call{}
		for _, c := range f.story().last() {
			ends[c.ID] = c
		}
		if c := ends[joined.ID]; c.State != pbx.StateEnded || c.MergedInto != earlier {
			t.Errorf("the id that it had: %s, part of %s", c.State, c.MergedInto)
		}
		if c := ends[earlier]; c.State != pbx.StateEnded || c.MergedInto != uuid.Nil || c.Outcome != pbx.Answered || !c.Partial || len(c.Legs) != 2 {
			t.Errorf("the id that it has: %+v", c)
		}
		for _, c := range ends {
			checkPicture(t, c)
		}
	})
}

// Five hundred events in every second for a minute, as from a call centre of many phones: every call is seen to its end,
// the stream never breaks, and memory is the same in the end as in the middle.
func TestExchange_P7_FiveHundredEventsPerSecond(t *testing.T) {
	withFake(t, func(t *testing.T, fake *pbxtest.Fake, x *pbx.Exchange, f *follower) {
		const seconds, perCall = 60, 5
		calls := 500 * seconds / perCall
		heap := func() uint64 {
			f.mu.Lock()
			f.s.pictures = nil // the test's own
			f.mu.Unlock()
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		began, ended := map[uuid.UUID]bool{}, map[uuid.UUID]bool{}
		var middle uint64
		tick := time.NewTicker(perCall * 2 * time.Millisecond)
		defer tick.Stop()
		for n := range calls {
			<-tick.C
			for _, event := range shortCall(n) {
				if err := fake.Emit(event); err != nil {
					t.Fatal(err)
				}
			}
			if n%500 == 499 {
				synctest.Wait()
				for _, c := range f.story().pictures {
					began[c.ID] = true
					if c.State == pbx.StateEnded {
						ended[c.ID] = true
					}
				}
				if now := heap(); n < calls/2 {
					middle = now
				} else if now > middle+8<<20 {
					t.Fatalf("%d MB after %d calls, %d MB in the middle", now>>20, n, middle>>20)
				}
			}
		}
		synctest.Wait()
		if len(began) != calls || len(ended) != calls || len(x.Live()) != 0 {
			t.Errorf("%d calls began and %d ended of %d; %d are live", len(began), len(ended), calls, len(x.Live()))
		}
		if n := len(x.Periods()); n != 1 {
			t.Errorf("the stream broke: %d periods", n)
		}
	})
}

// shortCall is a call that rings at a phone and is given up, in five events.
func shortCall(n int) []string {
	now := time.Now().Format("2006-01-02T15:04:05.000-0700")
	channel := func(id, name, state, caller, connected, dialplan string) string {
		return fmt.Sprintf(`{"id":"%s","name":"%s","state":"%s","caller":{"name":"","number":"%s"},"connected":{"name":"","number":"%s"},`+
			`"accountcode":"","dialplan":%s,"creationtime":"%s","language":"en"}`, id, name, state, caller, connected, dialplan, now)
	}
	number := fmt.Sprintf("0912%07d", n)
	line := channel(fmt.Sprintf("a.%d", n), fmt.Sprintf("PJSIP/trunk-%08x", 2*n), "Ring", number, "",
		`{"context":"from-trunk","exten":"91001236","priority":1,"app_name":"Dial","app_data":"PJSIP/1001"}`)
	phone := channel(fmt.Sprintf("b.%d", n), fmt.Sprintf("PJSIP/1001-%08x", 2*n+1), "Ringing", "", number,
		`{"context":"internal","exten":"","priority":1,"app_name":"AppDial","app_data":"(Outgoing Line)"}`)
	return []string{
		`{"type":"ChannelCreated","channel":` + line + `}`,
		`{"type":"Dial","dialstatus":"","dialstring":"1001","forward":"","caller":` + line + `,"peer":` + phone + `}`,
		`{"type":"Dial","dialstatus":"RINGING","dialstring":"1001","forward":"","caller":` + line + `,"peer":` + phone + `}`,
		`{"type":"ChannelDestroyed","cause":26,"cause_txt":"Answered elsewhere","channel":` + phone + `}`,
		`{"type":"ChannelDestroyed","cause":16,"cause_txt":"Normal Clearing","channel":` + line + `}`,
	}
}
