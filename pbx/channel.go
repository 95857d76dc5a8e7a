package pbx

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"ringbook/pbx/ari"
)

// channel is what the tracker knows about one of Asterisk's channels.
type channel struct {
	id       string
	name     string
	local    bool   // half of a Local channel: a pipe between two places of the dialplan, nobody's phone
	endpoint string // "PJSIP/1001"; empty if local
	phone    bool   // an agent's, else a line to the outside
	ext      string // of a phone
	created  time.Time
	heard    time.Time // our clock, of the first item that told of it
	at       time.Time // of the latest snapshot
	born     uint64
	seen     bool // ChannelCreated was seen, so nothing before it was missed

	state     string
	dialog    string // Call-ID of a line
	caller    ari.CallerID
	connected ari.CallerID
	dialplan  ari.Dialplan
	queuedAt  time.Time // when it ran Queue() first there

	call *call
	leg  *leg   // the latest of this channel in call; nil for Local channels
	legs int    // how many it had
	via  string // ID of the leg that led to this channel

	bridge    *bridge
	bridgedAt time.Time // when it last said to have entered or left one
	entries   [2]entry  // the last two, newest first
	left      string    // ID of the bridge it left last, and when at the latest
	leftAt    time.Time
	holding   bool
	keyed     time.Time // when the hold key was pressed last, by the PBX
	holdingIn *bridge   // where it pressed its hold key

	outgoing  bool       // Asterisk dialled it
	number    string     // that it was asked for, if it is a line
	attempt   int        // how often
	dialedAt  time.Time  // first Dial event of the last attempt
	answered  time.Time  // its Dial ANSWER
	failed    time.Time  // its Dial status that says otherwise
	status    string     // that status
	dialer    *channel   // that dialled it
	half      *channel   // the other one of a Local channel, also when it is gone
	forwards  bool       // it asked for another to be called in its place
	forwardTo *channel   // that other
	dialed    []*channel // by this one while it belongs to no call yet

	cause int // Q.850, of the request to hang up or of the end
}

// service are the technologies of channels that Asterisk or we make for our own purposes. They never make a call.
func service(name string) bool {
	tech, _, _ := strings.Cut(name, "/")
	switch tech {
	case "Snoop", "Surrogate", "Message", "UnicastRTP", "WebSocket", "AudioSocket", "CBAnn", "CBRec",
		"Announcer", "Recorder", "CLIExec", "Calendar", "AsyncGoto", "MulticastRTP":
		return true
	}
	return false
}

// ours tells whether ringbook itself made the channel, for a supervisor who listens: its id begins with "ringbook-", so that
// it is known while it still rings, or it is in an application of ringbook.
func ours(s *ari.Channel) bool {
	return strings.HasPrefix(s.ID, "ringbook-") ||
		s.Dialplan.AppName == "Stasis" && strings.HasPrefix(s.Dialplan.AppData, "ringbook-")
}

// endpointOf strips what makes a channel's name unique: "PJSIP/trunk-a-0000001f" gives "PJSIP/trunk-a".
func endpointOf(name string) string {
	name, _, _ = strings.Cut(name, "<") // "<ZOMBIE>", "<MASQ>"
	i := strings.LastIndexByte(name, '-')
	if i < 0 || i == len(name)-1 {
		return name
	}
	for _, r := range name[i+1:] {
		if !('0' <= r && r <= '9' || 'a' <= r && r <= 'f') {
			return name
		}
	}
	return name[:i]
}

// digitsAreExtensions is the default of Config.Extension.
func digitsAreExtensions(endpoint string) (string, bool) {
	_, name, _ := strings.Cut(endpoint, "/")
	return name, isExtension(name)
}

func isExtension(s string) bool {
	if len(s) < 2 || len(s) > 6 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// channel finds the tracker's channel for a snapshot and brings it up to date; a channel never seen is added.
// It returns nil for service channels and for channels that are gone. at is the time of the event.
func (t *Tracker) channel(s *ari.Channel, at time.Time) *channel {
	if s == nil || s.ID == "" {
		return nil
	}
	ch := t.channels[s.ID]
	if ch == nil {
		if service(s.Name) || ours(s) {
			return nil
		}
		if t.tombs.has(s.ID, s.CreationTime) {
			if ch = t.raise(s.ID); ch != nil {
				t.update(ch, s, at)
			}
			return ch
		}
		if len(t.channels) >= maxChannels {
			t.evict(at)
		}
		created := s.CreationTime
		if created.IsZero() {
			created = at
		}
		t.born++
		ch = &channel{id: s.ID, created: created.UTC(), heard: t.now, born: t.born}
		t.channels[s.ID] = ch
	}
	t.update(ch, s, at)
	return ch
}

// known is channel for a snapshot of the past, such as those of a transfer, which the PBX took before it began: what is
// known of a channel stays.
func (t *Tracker) known(s *ari.Channel, at time.Time) *channel {
	if s != nil {
		if ch := t.channels[s.ID]; ch != nil {
			return ch
		}
	}
	return t.channel(s, at)
}

// update takes over what a snapshot says, and makes the channel the root of a call if it shows to be one.
func (t *Tracker) update(ch *channel, s *ari.Channel, at time.Time) {
	if !t.surveying {
		if late(at, ch.at) {
			t.missed(ch, s, at)
			return
		}
		ch.at = at
	}
	if s.Name != ch.name && s.Name != "" {
		t.rename(ch, s.Name)
	}
	if s.State != "" {
		ch.state = s.State
	}
	if s.ProtocolID != "" && ch.dialog == "" && !ch.phone && !ch.local {
		if ch.dialog = clean(s.ProtocolID); ch.leg != nil {
			ch.leg.Dialog = ch.dialog
			t.touch(ch.call)
		}
	}
	if s.Caller != ch.caller {
		ch.caller = s.Caller
		if c := ch.call; c != nil && ch.leg != nil && ch.leg == c.first() {
			t.setCaller(c, ch, ch.caller, false)
		}
	}
	ch.connected = s.Connected
	if s.Dialplan != ch.dialplan {
		before := ch.dialplan
		ch.dialplan = s.Dialplan
		if ch.dialplan.AppData == outgoingLine {
			ch.outgoing = true
		}
		// On its way out of a queue a channel still runs Queue(), at another place of the dialplan.
		enters := ch.dialplan.AppName == "Queue" && (before.AppName != "Queue" || before.AppData != ch.dialplan.AppData)
		if enters {
			ch.queuedAt = ch.at
		}
		if ch.call != nil {
			if s.Dialplan.AppName != before.AppName || s.Dialplan.AppData != before.AppData ||
				s.Dialplan.Exten != before.Exten || s.Dialplan.Priority != before.Priority {
				t.application(ch)
			}
			if enters {
				t.transferredTo(ch.call, ch.call.pic.Queue)
			}
		}
	}
	t.find(ch, at)
	t.shown(ch)
	// Only with "channelvars" in the PBX's ari.conf; others are asked for, see Exchange.
	if ch.call != nil {
		for name, value := range s.Vars {
			t.variable(ch, name, value)
		}
	}
}

// shown takes what was dialled from the screen: until the agent picks up only the phone tells, which shows it.
func (t *Tracker) shown(ch *channel) {
	c := ch.call
	if c == nil || c.root != ch || ch.connected.Number == "" || c.pic.Dialed != "" && c.pic.Dialed != "s" {
		return
	}
	if _, ours := attemptOf(ch.id); ours {
		c.pic.Dialed = clean(ch.connected.Number)
		t.guess(c)
		t.touch(c)
	}
}

// find looks for the call of a channel that has none yet.
func (t *Tracker) find(ch *channel, at time.Time) {
	if ch.call != nil {
		return
	}
	if other := t.otherHalf(ch); other != nil && other.call != nil {
		if other.via != "" {
			t.lead(ch, other.via)
		}
		t.join(ch, other.call, at)
	} else if c := t.company[ch.id]; c != nil && !c.ended {
		t.join(ch, c, at)
	} else if ch.isRoot() {
		t.begin(ch, at)
	}
	if ch.call != nil {
		delete(t.company, ch.id)
	}
}

// missed takes from a snapshot that comes late, what later ones no longer show.
func (t *Tracker) missed(ch *channel, s *ari.Channel, at time.Time) {
	if s.Dialplan.AppData == outgoingLine {
		ch.outgoing = true
	}
	if ch.call == nil && s.State == "Ring" {
		ch.state = s.State
		t.find(ch, at)
	}
	c := ch.call
	if c == nil {
		return
	}
	if ch.leg != nil && ch.leg == c.first() {
		t.setCaller(c, ch, s.Caller, false)
	}
	switch {
	case s.Dialplan.AppName == "VoiceMail":
		c.voicemail = true
	case s.Dialplan.AppName == "Queue" && c.pic.Queue == "":
		c.enterQueue(s.Dialplan.AppData)
		t.touch(c)
	}
}

// outgoingLine is the application data that Dial(), Queue() and originate give to the channels they dial
// (Asterisk source: apps/app_dial.c, apps/app_queue.c, main/dial.c).
const outgoingLine = "(Outgoing Line)"

// isRoot tells whether the snapshot alone shows that a call begins with this channel: somebody called in
// (state Ring), or it runs the dialplan although nobody dialled it.
func (ch *channel) isRoot() bool {
	if ch.local || ch.outgoing || ch.name == "" {
		return false
	}
	return ch.state == "Ring" || ch.state == "Up" && ch.dialplan.AppName != "" || ch.state == "Busy" && ch.refused()
}

func (t *Tracker) rename(ch *channel, name string) {
	if ch.local && t.locals[ch.name] == ch {
		delete(t.locals, ch.name)
	}
	ch.name = name
	if ch.local = strings.HasPrefix(name, "Local/"); ch.local {
		t.locals[name] = ch
		other := t.otherHalf(ch)
		if other == nil {
			other = t.tombs.locals[otherName(name)]
		}
		if other != nil {
			ch.half, other.half = other, ch
		}
		ch.endpoint, ch.phone, ch.ext = "", false, ""
		return
	}
	if e := endpointOf(name); e != ch.endpoint {
		ch.endpoint = e
		ch.ext, ch.phone = t.config.Extension(e)
		if !ch.phone {
			ch.ext = ""
		}
	}
	if ch.leg != nil && ch.leg.EndedAt.IsZero() {
		ch.leg.Channel = name
		t.touch(ch.call)
	}
}

// otherHalf is the half of a Local channel that is joined to this one: ";1" was dialled, ";2" runs the dialplan.
func (t *Tracker) otherHalf(ch *channel) *channel {
	if !ch.local {
		return nil
	}
	if ch.half != nil && t.locals[ch.half.name] == ch.half {
		return ch.half
	}
	return t.locals[otherName(ch.name)]
}

// otherName is the name of the other half of a Local channel, or one that none has.
func otherName(name string) string {
	stem := name[:max(0, len(name)-1)]
	switch name[len(stem):] {
	case "1":
		return stem + "2"
	case "2":
		return stem + "1"
	}
	return ""
}

// remove forgets a channel for ever.
func (t *Tracker) remove(ch *channel, at time.Time) {
	delete(t.channels, ch.id)
	if ch.local && t.locals[ch.name] == ch {
		delete(t.locals, ch.name)
	}
	t.tombs.add(ch.id, maxTime(at, ch.created), t.now)
}

// evict lets go of the oldest channels when there are too many: their ends must have been lost.
func (t *Tracker) evict(at time.Time) {
	all := t.oldest()
	for _, ch := range all[:len(all)/16+1] {
		t.lose(ch, at, at)
	}
}

// oldest lists all channels in the order in which they were first seen.
func (t *Tracker) oldest() []*channel {
	all := make([]*channel, 0, len(t.channels))
	for _, ch := range t.channels {
		all = append(all, ch)
	}
	slices.SortFunc(all, func(a, b *channel) int { return cmp.Compare(a.born, b.born) })
	return all
}
