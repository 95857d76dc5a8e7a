package pbx

import (
	"cmp"
	"slices"
	"time"

	"ringbook/pbx/ari"
)

// Config describes one exchange to a Tracker.
type Config struct {
	// Name is the configured name of the exchange; it is part of every call's id.
	Name string
	// Extension tells the internal number behind an endpoint ("PJSIP/1001" gives "1001"), and whether the
	// endpoint is an agent's phone at all; every other endpoint is a line to the outside. It must not block.
	// If nil, endpoints whose names are 2 to 6 digits are phones.
	Extension func(endpoint string) (extension string, ok bool)
}

// What a Tracker holds at the most. A PBX that keeps within them never meets them; a stream that lost the ends of
// calls, or was made up, meets them instead of the machine's memory.
const (
	maxChannels = 1 << 16
	maxTombs    = 1 << 15
	maxLegs     = 500 // of one call; the oldest that merely rang make room
	maxSpans    = 100 // of one leg
	maxCompany  = 500
	maxDialed   = 500 // that wait for one Local channel's call
	tombAge     = 10 * time.Minute
)

// Tracker folds the event stream of one exchange into calls. It does no input or output and has no clock: the
// same items give the same pictures. It is not safe for concurrent use.
type Tracker struct {
	config Config

	channels map[string]*channel // by id; without service channels
	locals   map[string]*channel // halves of Local channels, by name ("Local/1@c-0000000a;1")
	bridges  map[string]*bridge  // that have a member
	calls    map[*call]struct{}  // that have not ended
	company  map[string]*call    // of channels that were in a bridge with one of a call, and are not known yet
	tombs    tombs               // channels that are gone, so that late events do not bring them back

	raising bool       // channels that have just gone may come back for the event at hand
	raised  []*remains // of those that did

	touched []*call // changed by the item at hand
	out     []Call  // what Apply returned last
	parties []*channel
	visit   []*bridge
	mark    uint64 // of the last walk through bridges, see bridge.mark
	born    uint64 // counts channels, to tell the oldest

	surveying bool // the item at hand is a survey of the whole PBX: events that follow may be older than our clock tells of it

	now     time.Time     // our clock, of the item at hand
	skew    time.Duration // the PBX's clock less ours, as of the last event
	gapFrom time.Time     // our clock; since when the stream was interrupted; zero: it is not
	listed  time.Time     // our clock; what was heard of before was there when the PBX was last asked which channels it has
	started time.Time     // when the PBX that was last live started; zero: not known
}

// NewTracker makes a Tracker that has seen nothing yet.
func NewTracker(c Config) *Tracker {
	if c.Extension == nil {
		c.Extension = digitsAreExtensions
	}
	return &Tracker{
		config:   c,
		channels: make(map[string]*channel),
		locals:   make(map[string]*channel),
		bridges:  make(map[string]*bridge),
		calls:    make(map[*call]struct{}),
		company:  make(map[string]*call),
		tombs:    tombs{gone: make(map[string]tomb), recent: make(map[string]*remains), locals: make(map[string]*channel)},
	}
}

// Apply takes the next item of the stream and returns a picture of every call that it changed. The slice is
// valid until the next Apply or SetVariable; the calls in it are copies that nobody changes any more.
func (t *Tracker) Apply(item ari.Item) []Call {
	t.now, t.surveying = item.At, item.Live != nil
	switch {
	case item.Event != nil:
		t.tombs.forget(item.At)
		t.event(item.Event, item.At)
	case item.Live != nil:
		clear(t.company)
		t.resync(item.Live, item.At)
	case item.Check != nil:
		t.check(item.Check)
	case item.Gap != nil:
		if t.gapFrom.IsZero() {
			t.gapFrom = item.Gap.From
		}
	}
	return t.pictures(item.At)
}

// SetVariable tells the value of a channel variable, which the exchange was asked for: RINGBOOK_CUSTOMER or
// CALLERID(num-pres). It returns pictures as Apply does.
func (t *Tracker) SetVariable(channelID, name, value string, at time.Time) []Call {
	if ch := t.channels[channelID]; ch != nil && ch.call != nil {
		t.variable(ch, name, value)
	}
	return t.pictures(at)
}

// variable takes over a variable of a channel that belongs to a call.
func (t *Tracker) variable(ch *channel, name, value string) {
	c := ch.call
	switch name {
	case VariableCustomer:
		if value != "" && value != c.pic.CustomerRef {
			c.pic.CustomerRef = clean(value)
			t.touch(c)
		}
	case VariablePresentation:
		if ch.leg != nil && ch.leg == c.first() && prohibited(value) {
			t.withhold(c)
		}
	}
}

// Live returns the last picture of every call that has not ended, oldest first.
func (t *Tracker) Live() []Call {
	live := make([]Call, 0, len(t.calls))
	for c := range t.calls {
		if c.pic.Version != 0 {
			live = append(live, c.pic)
		}
	}
	slices.SortFunc(live, func(a, b Call) int {
		return cmp.Or(a.StartedAt.Compare(b.StartedAt), slices.Compare(a.ID[:], b.ID[:]))
	})
	return live
}

// touch notes that the picture of a call is no longer true. The last picture of a call that has ended stays: whoever
// still refers to the call, such as a transfer that has not arrived, comes too late to change it.
func (t *Tracker) touch(c *call) {
	if !c.touched && c.pic.State != StateEnded {
		c.touched = true
		t.touched = append(t.touched, c)
	}
}

// pictures draws the calls that were touched and lets go of those that ended.
func (t *Tracker) pictures(received time.Time) []Call {
	clear(t.out)
	t.out = t.out[:0]
	for _, c := range t.touched {
		c.touched = false
		if len(c.legs) > 0 {
			t.out = append(t.out, c.draw(received))
		}
	}
	clear(t.touched)
	t.touched = t.touched[:0]
	return t.out
}
