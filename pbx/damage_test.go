package pbx_test

import (
	"bufio"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"ringbook/pbx"
	"ringbook/pbx/ari"
)

// TestTracker_L4_L8_DamagedRecordings damages every recording, again and again: what was received within 50 ms of each other
// comes in any order, one event in a hundred comes twice, and then, beside that, one in a hundred is lost. Nothing panics and
// no picture is impossible. Every call is there and no other, none is missed that was answered, none goes on after its
// end, whatever is lost. Where nothing is, the log says the same as of the sound recording.
//
// Each is damaged 100 times, or RINGBOOK_ROUNDS times (make properties). Round n does the same in every run, so those of
// every test are the first of the many. A finding is written to the output in the form of testdata/damaged.txt, which keeps it.
func TestTracker_L4_L8_DamagedRecordings(t *testing.T) {
	rounds := 100
	if s := os.Getenv("RINGBOOK_ROUNDS"); s != "" {
		var err error
		if rounds, err = strconv.Atoi(s); err != nil || rounds < 1 {
			t.Fatalf("RINGBOOK_ROUNDS=%s", s)
		}
	}
	for name, items := range recordings(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sound := soundly(items)
			for round := range rounds {
				r := dice(name, round)
				o := shuffled(r, items)
				for _, o := range []order{o, o.without(r, items)} {
					if len(damage(items, sound, o)) > 0 {
						o = shrink(o, len(items), func(o order) bool { return len(damage(items, sound, o)) > 0 })
						t.Errorf("round %d: keep this:\n%s: %s\n%s", round, name, o, strings.Join(damage(items, sound, o), "\n"))
						return
					}
				}
			}
		})
	}
}

// TestTracker_L8_DamageFoundEarlier is what the test above found in earlier versions of the tracker.
func TestTracker_L8_DamageFoundEarlier(t *testing.T) {
	f, err := os.Open(filepath.Join("testdata", "damaged.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := recordings(t)
	found := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, text, ok := strings.Cut(lines.Text(), ": ")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		items := all[name]
		o, err := parseOrder(text, len(items))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		found++
		if wrong := damage(items, soundly(items), o); len(wrong) > 0 {
			t.Errorf("%s: %s\n%s", name, o, strings.Join(wrong, "\n"))
		}
	}
	if found == 0 {
		t.Error("there is nothing in the file")
	}
}

// dice are those of one round for one recording.
func dice(name string, round int) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(h.Sum64(), uint64(round)))
}

// order is a damaged stream: the places of a recording's events in the order in which they arrive. A place that is
// missing was lost, one that is there twice was repeated.
type order []int

// shuffled is one in which everything comes up to 50 ms late, and one event in a hundred again as much later.
func shuffled(r *rand.Rand, items []ari.Item) order {
	type arrival struct {
		place int
		at    time.Time
	}
	late := func() time.Duration { return time.Duration(r.Int64N(int64(50 * time.Millisecond))) }
	var all []arrival
	for i, item := range items {
		a := arrival{i, item.At.Add(late())}
		all = append(all, a)
		if r.IntN(100) == 0 {
			all = append(all, arrival{i, a.at.Add(late())})
		}
	}
	slices.SortStableFunc(all, func(a, b arrival) int { return a.at.Compare(b.at) })
	o := make(order, len(all))
	for i, a := range all {
		o[i] = a.place
	}
	return o
}

// without is the same without one event in a hundred.
func (o order) without(r *rand.Rand, items []ari.Item) order {
	lost := make([]bool, len(items))
	for i := range lost {
		lost[i] = r.IntN(100) == 0
	}
	return slices.DeleteFunc(slices.Clone(o), func(place int) bool { return lost[place] })
}

// first tells where each place comes first, -1 where it does not.
func (o order) first(n int) []int {
	first := slices.Repeat([]int{-1}, n)
	for i, place := range slices.Backward(o) {
		first[place] = i
	}
	return first
}

// String writes stretches of the sound order short: "0-12 14 13 15-99".
func (o order) String() string {
	var b strings.Builder
	for i := 0; i < len(o); {
		j := i + 1
		for j < len(o) && o[j] == o[j-1]+1 {
			j++
		}
		if j-i > 2 {
			fmt.Fprintf(&b, "%d-%d ", o[i], o[j-1])
			i = j
			continue
		}
		fmt.Fprintf(&b, "%d ", o[i])
		i++
	}
	return strings.TrimSpace(b.String())
}

func parseOrder(s string, n int) (order, error) {
	var o order
	for _, word := range strings.Fields(s) {
		from, to, stretch := strings.Cut(word, "-")
		i, err := strconv.Atoi(from)
		if err != nil {
			return nil, err
		}
		j := i
		if stretch {
			if j, err = strconv.Atoi(to); err != nil {
				return nil, err
			}
		}
		if i < 0 || j < i || j >= n {
			return nil, fmt.Errorf("%s of %d events", word, n)
		}
		for ; i <= j; i++ {
			o = append(o, i)
		}
	}
	return o, nil
}

// shrink undoes what it can of the damage without making it good.
func shrink(o order, n int, bad func(order) bool) order {
	for again := true; again; {
		again = false
		try := func(p order) bool {
			if slices.Equal(p, o) || !bad(p) {
				return false
			}
			o, again = p, true
			return true
		}
		for i := 0; i < len(o); i++ { // repeated
			if slices.Contains(o[:i], o[i]) && try(slices.Delete(slices.Clone(o), i, i+1)) {
				i--
			}
		}
		for place := range n { // lost
			if !slices.Contains(o, place) {
				i, _ := slices.BinarySearch(o, place)
				try(slices.Insert(slices.Clone(o), i, place))
			}
		}
		for size := len(o); size > 1; size /= 2 { // out of order, in ever smaller stretches
			for i := 0; i < len(o); i += max(1, size/2) {
				p := slices.Clone(o)
				slices.Sort(p[i:min(len(p), i+size)])
				try(p)
			}
		}
	}
	return o
}

// fed is what a tracker told of a stream, and in which place of it each call ended.
func fed(items []ari.Item, o order) (story, map[uuid.UUID]int) {
	tracker := pbx.NewTracker(labConfig)
	var s story
	ends := map[uuid.UUID]int{}
	for i, place := range o {
		for _, c := range tracker.Apply(items[place]) {
			s.pictures = append(s.pictures, c)
			if c.State == pbx.StateEnded {
				ends[c.ID] = i
			}
		}
	}
	s.live = tracker.Live()
	return s, ends
}

// sound is what became of a recording as it is: the last pictures of its calls, and the events of which each was made.
type sound struct {
	calls  []pbx.Call
	events map[uuid.UUID][]int // places of those that speak of a channel with a leg, before the end
}

func soundly(items []ari.Item) sound {
	o := make(order, len(items))
	for i := range o {
		o[i] = i
	}
	s, ends := fed(items, o)
	m := sound{calls: s.last(), events: map[uuid.UUID][]int{}}
	for _, c := range m.calls {
		for i := range ends[c.ID] {
			if slices.ContainsFunc(c.Legs, func(l pbx.Leg) bool { return mentions(items[i].Event, l) }) {
				m.events[c.ID] = append(m.events[c.ID], i)
			}
		}
	}
	return m
}

func mentions(e *ari.Event, l pbx.Leg) bool {
	channels := []*ari.Channel{e.Channel, e.Caller, e.Peer, e.Forwarded, e.ReplaceChannel}
	if x := e.Transfer; x != nil {
		channels = append(channels, x.FirstLeg, x.SecondLeg, x.Transferee, x.Target)
	}
	id, _, _ := strings.Cut(l.ID, "/")
	return slices.ContainsFunc(channels, func(ch *ari.Channel) bool { return ch != nil && ch.ID == id })
}

// complaints are what checks found.
type complaints []string

func (c *complaints) Helper() {}
func (c *complaints) Errorf(format string, args ...any) {
	if len(*c) < 20 {
		*c = append(*c, fmt.Sprintf(format, args...))
	}
}

// damage is what is wrong with what the tracker makes of a damaged stream. An event that comes after the end of its call
// is as good as lost: the last picture of a call is the last.
func damage(items []ari.Item, sound sound, o order) (wrong complaints) {
	defer func() {
		if p := recover(); p != nil {
			wrong.Errorf("panic: %v", p)
		}
	}()
	s, ends := fed(items, o)
	checkInvariants(&wrong, s, jumbled)
	got := map[uuid.UUID]pbx.Call{}
	for _, c := range s.last() {
		got[c.ID] = c
	}
	first := o.first(len(items))
	lost := slices.Contains(first, -1)
	for _, want := range sound.calls {
		c, ok := got[want.ID]
		delete(got, want.ID)
		tooLate := slices.ContainsFunc(sound.events[want.ID], func(place int) bool { return first[place] > ends[want.ID] })
		switch {
		case want.MergedInto != uuid.Nil:
		case !ok:
			wrong.Errorf("there is no call %s", want.ID)
		case c.MergedInto != uuid.Nil:
			wrong.Errorf("call %s is part of another", want.ID)
		case !lost && !tooLate:
			checkWhole(&wrong, c)
			checkSameRecord(&wrong, c, want)
		}
	}
	for _, c := range got {
		if c.MergedInto == uuid.Nil {
			wrong.Errorf("there is one call more: %s", strings.Join(history([]pbx.Call{c}), " "))
		}
	}
	if !lost && len(s.live) > 0 {
		wrong.Errorf("%d calls never end", len(s.live))
	}
	return wrong
}

// checkSameRecord compares what the log says of a call with what it should. Times may differ by as much as events came late.
func checkSameRecord(t failer, got, want pbx.Call) {
	check := func(what string, got, want any) {
		if got != want {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	near := func(what string, got, want time.Duration) {
		if (got - want).Abs() > 100*time.Millisecond {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	check("direction", got.Direction, want.Direction)
	check("outcome", got.Outcome, want.Outcome)
	if len(want.Transfers) == 0 {
		check("hung up by", got.Hangup.By, want.Hangup.By) // else two hang up at nearly the same time
	}
	check("caller", got.Caller, want.Caller)
	check("dialed", got.Dialed, want.Dialed)
	check("trunk", got.Trunk, want.Trunk)
	check("queue", got.Queue, want.Queue)
	check("customer", got.CustomerRef, want.CustomerRef)
	check("transfers", transferWords(got), transferWords(want))
	legs := map[string]pbx.Leg{}
	for _, l := range got.Legs {
		legs[l.ID] = l
	}
	for _, w := range want.Legs {
		l, ok := legs[w.ID]
		delete(legs, w.ID)
		if !ok {
			// One that was over within the time by which events come late may be known by no event but such as tell nothing.
			if !w.AnsweredAt.IsZero() || w.EndedAt.Sub(w.OfferedAt) > 50*time.Millisecond {
				t.Errorf("there is no leg %s", w.ID)
			}
			continue
		}
		check("leg "+w.ID, legWords(l), legWords(w))
		check("parent of leg "+w.ID, l.Parent, w.Parent)
		near("talk of leg "+w.ID, l.Talk, w.Talk)
		near("hold of leg "+w.ID, l.Hold, w.Hold)
	}
	for id := range legs {
		t.Errorf("there is one leg more: %s", id)
	}
}

func transferWords(c pbx.Call) string {
	var words []string
	for _, x := range c.Transfers {
		words = append(words, fmt.Sprintf("%s by %s to %s", x.Kind, x.By, x.To))
	}
	return strings.Join(words, ", ")
}

func legWords(l pbx.Leg) string {
	return fmt.Sprintf("%s %s%s, answered %v, %s", l.Role, l.Extension, l.Number, !l.AnsweredAt.IsZero(), l.End)
}
