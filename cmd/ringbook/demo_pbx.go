package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"ringbook/crm"
	"ringbook/pbx/pbxtest"
)

// traces are recordings of a real Asterisk, copied from pbx/testdata (a test keeps them the same).
//
//go:embed traces/*.jsonl
var traces embed.FS

// The customers of the recordings, who call or are called, and the name that one of them sends.
const (
	recordedCaller = "09120001001"
	recordedCallee = "09120002002"
	recordedName   = "Sara Ahmadi"
)

var (
	demoExtensions = []string{"1001", "1002", "1003", "1004"}
	// The names of the phones, as recorded and as the demo's agents have them.
	recordedNames = map[string]string{"1001": "Neda", "1002": "Omid", "1003": "Sara", "1004": "Reza"}
	demoNames     = map[string]string{"1001": "Neda", "1002": "Sara", "1003": "Amir", "1004": "Reza"}
	demoEndpoints = []string{"PJSIP/1001", "PJSIP/1002", "PJSIP/1003", "PJSIP/1004", "PJSIP/trunk"}
)

// scenario is a recording with a rhythm that a person can follow: pauses are how long its silences last instead of
// as recorded, in order; the last one is for all that follow.
type scenario struct {
	trace  string
	weight int
	phones []string // the extensions that it rings, as recorded
	pauses []pauseRange
}

type pauseRange struct{ from, to time.Duration }

func (p pauseRange) draw() time.Duration {
	if p.to <= p.from {
		return p.from
	}
	return p.from + rand.N(p.to-p.from)
}

var (
	ringTime  = pauseRange{6 * time.Second, 10 * time.Second}
	talkTime  = pauseRange{15 * time.Second, 40 * time.Second}
	queueTime = pauseRange{2 * time.Second, 4 * time.Second}
	fullRing  = pauseRange{12 * time.Second, 16 * time.Second}
)

var scenarios = []scenario{
	{"direct-answered-caller-hangs-up", 8, []string{"1001"}, []pauseRange{ringTime, talkTime}},
	{"direct-answered-agent-hangs-up", 4, []string{"1001"}, []pauseRange{ringTime, talkTime}},
	{"direct-no-answer", 1, []string{"1001"}, []pauseRange{fullRing}},
	{"direct-caller-gives-up", 1, []string{"1001"}, []pauseRange{ringTime}},
	{"queue-ringall-answered", 3, []string{"1002", "1001"}, []pauseRange{queueTime, ringTime, talkTime}},
	{"withheld-by-privacy-header", 2, []string{"1001"}, []pauseRange{ringTime, talkTime}},
	{"outbound-answered", 1, []string{"1001"}, []pauseRange{ringTime, talkTime}},
	{"internal-answered", 1, []string{"1002", "1001"}, []pauseRange{ringTime, talkTime}},
}

// demoPBX lets a fake exchange ring: now and then somebody calls, mostly one agent at a time.
type demoPBX struct {
	fake    *pbxtest.Fake
	pause   time.Duration
	callers callers

	mu   sync.Mutex
	busy map[string]bool // extensions
}

func newDemoPBX(fake *pbxtest.Fake, _ *crm.Store, pause time.Duration) *demoPBX {
	return &demoPBX{fake: fake, pause: pause, callers: callers{known: crm.DemoNumbers(200)}, busy: map[string]bool{}}
}

// run rings until ctx ends, then waits for the calls under way to be cut off.
func (d *demoPBX) run(ctx context.Context) error {
	var calls sync.WaitGroup
	defer calls.Wait()
	failed := make(chan error, 1)
	for wait := 2 * time.Second; ; wait = d.pause*3/4 + rand.N(d.pause/2+1) {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case <-time.After(wait):
		}
		s := drawScenario()
		phones, ok := d.take(len(s.phones))
		if !ok {
			continue // everybody talks
		}
		calls.Go(func() {
			defer d.release(phones)
			if err := d.call(ctx, s, phones, d.callers.next()); err != nil && ctx.Err() == nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
	}
}

// call plays one scenario from a caller to phones.
func (d *demoPBX) call(ctx context.Context, s scenario, phones []string, caller string) error {
	recording, err := traces.ReadFile("traces/" + s.trace + ".jsonl")
	if err != nil {
		return err
	}
	paced, err := pace(recording, s.pauses)
	if err != nil {
		return fmt.Errorf("trace %s: %w", s.trace, err)
	}
	replace := map[string]string{recordedCaller: caller, recordedCallee: caller, recordedName: ""}
	for i, recorded := range s.phones {
		replace[recorded] = phones[i]
		replace[recordedNames[recorded]] = demoNames[phones[i]]
	}
	return d.fake.Play(ctx, bytes.NewReader(paced), pbxtest.PlayOptions{Replace: replace})
}

// take reserves n phones: the first agent's if it is free, mostly, for that is whose screen people look at.
func (d *demoPBX) take(n int) ([]string, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var free []string
	for _, extension := range demoExtensions {
		if !d.busy[extension] {
			free = append(free, extension)
		}
	}
	if len(free) < n {
		return nil, false
	}
	if rand.N(4) == 0 {
		rand.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
	}
	for _, extension := range free[:n] {
		d.busy[extension] = true
	}
	return free[:n], true
}

func (d *demoPBX) release(phones []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, extension := range phones {
		delete(d.busy, extension)
	}
}

func drawScenario() scenario {
	total := 0
	for _, s := range scenarios {
		total += s.weight
	}
	n := rand.N(total)
	for _, s := range scenarios {
		if n -= s.weight; n < 0 {
			return s
		}
	}
	return scenarios[0]
}

// callers invents who calls next. Used by one goroutine at a time.
type callers struct {
	known []string // E.164
}

// next is a number as an Iranian trunk would deliver it.
func (c *callers) next() string {
	switch n := rand.N(10); {
	case n <= 1 || len(c.known) == 0:
		return fmt.Sprintf("0935%07d", rand.N(10_000_000))
	}
	return national(c.known[rand.N(len(c.known))])
}

// national turns +989121234567 into 09121234567.
func national(number string) string {
	if rest, ok := strings.CutPrefix(number, "+98"); ok {
		return "0" + rest
	}
	return number
}

// silence is the shortest time between two events of a recording that a person would notice.
const silence = 150 * time.Millisecond

// pace keeps the events of calls in a recording and lets its silences last as given.
func pace(recording []byte, pauses []pauseRange) ([]byte, error) {
	if len(pauses) == 0 {
		return nil, errors.New("no pause")
	}
	var (
		out   bytes.Buffer
		paces stretch
	)
	for line := range bytes.Lines(recording) {
		var item struct {
			At    time.Time      `json:"at"`
			Event map[string]any `json:"event"`
		}
		in := json.NewDecoder(bytes.NewReader(line))
		in.UseNumber()
		if err := in.Decode(&item); err != nil {
			return nil, err
		}
		switch item.Event["type"] {
		case nil, "PeerStatusChange", "ContactStatusChange", "ChannelUserevent":
			continue
		}
		if len(paces) == 0 {
			paces = stretch{{item.At, item.At}}
		}
		last := paces[len(paces)-1]
		gap := item.At.Sub(last.recorded)
		if gap >= silence {
			gap = pauses[0].draw()
			if len(pauses) > 1 {
				pauses = pauses[1:]
			}
		}
		now := last.paced.Add(gap)
		paces = append(paces, moment{item.At, now})
		paces.renew(item.Event)
		paced, err := json.Marshal(map[string]any{"at": now, "event": item.Event})
		if err != nil {
			return nil, err
		}
		out.Write(paced)
		out.WriteByte('\n')
	}
	return out.Bytes(), nil
}

// stretch tells when the moments of a recording happen in its paced copy, in order.
type stretch []moment

type moment struct{ recorded, paced time.Time }

// at maps any time of the recording, such as the one at which a channel was made.
func (s stretch) at(t time.Time) time.Time {
	for i := len(s) - 1; i > 0; i-- {
		if !t.Before(s[i].recorded) {
			return s[i].paced.Add(t.Sub(s[i].recorded))
		}
		// An event is stamped a little before it is received: the silence before it is over by then.
		if early := s[i].recorded.Sub(t); early < silence/2 && s[i].recorded.Sub(s[i-1].recorded) >= silence {
			return s[i].paced.Add(-early)
		}
	}
	return s[0].paced.Add(t.Sub(s[0].recorded))
}

// renew changes the times inside an event.
func (s stretch) renew(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			text, ok := value.(string)
			if !ok || key != "timestamp" && key != "creationtime" {
				s.renew(value)
				continue
			}
			if t, err := time.Parse(ariTime, text); err == nil {
				v[key] = s.at(t).Format(ariTime)
			}
		}
	case []any:
		for _, value := range v {
			s.renew(value)
		}
	}
}

// ariTime is how Asterisk writes times.
const ariTime = "2006-01-02T15:04:05.000-0700"
