package pbx

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"ringbook/pbx/ami"
)

// Queue is a picture of one of the PBX's queues: complete, and nobody changes it any more.
type Queue struct {
	PBX      string
	Name     string
	Strategy string // as the PBX names it: "ringall", "rrmemory", ...; empty if it did not say
	Max      int    // callers that may wait; 0: any number
	Weight   int
	// ServiceLevel is the time within which a call should be answered; 0: the PBX did not say.
	ServiceLevel time.Duration
	Members      []Member  // by interface
	Callers      []Waiting // by position
	Completed    int       // calls, since the PBX started or its figures were reset
	Abandoned    int
	Known        bool      // the picture is live; false: the connection ended, and this is what it was then
	Gone         bool      // the PBX no longer has the queue
	At           time.Time // our clock, of the last change that was heard
}

// Member is one phone that a queue rings.
type Member struct {
	Interface string // that the queue rings: "PJSIP/1001", "Local/1001@from-queue/n"
	State     string // whose state counts, if another: "hint:1001@ext-local"
	Name      string
	Extension string // behind it, by Config.Extension; empty: not one of ours
	Penalty   int
	Paused    bool
	Reason    string // of the pause; empty: none was given
	InCall    bool   // in one of the queue's own calls
	Status    MemberStatus
	Dynamic   bool // added while it ran: by the desk, a phone or the console; false: by configuration
	Calls     int  // taken from this queue
	LastCall  time.Time
	PausedAt  time.Time     // since when; zero: not paused, or not known
	LoginAt   time.Time     // added; zero: the PBX did not say (before Asterisk 18)
	Wrapup    time.Duration // after each call, of this member alone; 0: the queue's, which the PBX does not tell
}

// MemberStatus is what the PBX takes the member's phone to be.
type MemberStatus string

const (
	MemberUnknown     MemberStatus = "unknown" // nothing is told of the phone; it is rung all the same
	MemberFree        MemberStatus = "free"
	MemberInUse       MemberStatus = "in_use"
	MemberBusy        MemberStatus = "busy"
	MemberInvalid     MemberStatus = "invalid"     // there is no such phone
	MemberUnavailable MemberStatus = "unavailable" // the phone is not registered
	MemberRinging     MemberStatus = "ringing"
	MemberHeld        MemberStatus = "held"
)

var memberStates = []MemberStatus{MemberUnknown, MemberFree, MemberInUse, MemberBusy, MemberInvalid, MemberUnavailable, MemberRinging, MemberInUse, MemberHeld}

// Waiting is one caller in a queue.
type Waiting struct {
	Channel  string    // its id
	CallID   uuid.UUID // zero if no call is known that it belongs to
	Position int       // 1: the next
	Since    time.Time // our clock; to the second
}

// What a queue board holds at the most.
const (
	maxQueues  = 10_000
	maxMembers = 20_000 // of one queue
	maxWaiting = 20_000 // in one queue
)

// queueBoard keeps the pictures of one PBX's queues. It does no input or output and is not safe for concurrent use.
type queueBoard struct {
	pbx       string
	extension func(endpoint string) (string, bool)
	queues    map[string]*Queue
	known     bool
}

func newQueueBoard(pbx string, extension func(string) (string, bool)) *queueBoard {
	if extension == nil {
		extension = digitsAreExtensions
	}
	return &queueBoard{pbx: pbx, extension: extension, queues: map[string]*Queue{}}
}

// lost notes that the connection ended, and returns what there is to say of it.
func (b *queueBoard) lost() []Queue {
	b.known = false
	var out []Queue
	for _, q := range b.queues {
		if q.Known {
			q.Known = false
			out = append(out, q.picture())
		}
	}
	return sorted(out)
}

// survey takes the events of a whole QueueStatus and returns the queues that it shows to be others than they were.
func (b *queueBoard) survey(events []ami.Event, at time.Time) []Queue {
	seen := map[string]*Queue{}
	for i := range events {
		e := &events[i]
		name := e.Get("Queue")
		if e.Name == "QueueParams" && name != "" && len(seen) < maxQueues {
			seen[name] = b.params(e, at)
		}
	}
	for i := range events {
		e := &events[i]
		q := seen[e.Get("Queue")]
		if q == nil {
			continue
		}
		switch e.Name {
		case "QueueMember":
			if m := b.member(e, at); m.Interface != "" && len(q.Members) < maxMembers {
				q.Members = append(q.Members, m)
			}
		case "QueueEntry":
			if w := waiting(e, at); w.Channel != "" && len(q.Callers) < maxWaiting {
				w.Since = at.Add(-seconds(e.Get("Wait"))).Truncate(time.Second)
				q.Callers = append(q.Callers, w)
			}
		}
	}
	b.known = true
	var out []Queue
	for name, q := range seen {
		q.sort()
		q.once()
		before := b.queues[name]
		if before != nil {
			q.keep(before)
			if before.same(q) {
				continue
			}
		}
		b.queues[name] = q
		out = append(out, q.picture())
	}
	for name, q := range b.queues {
		if seen[name] == nil {
			delete(b.queues, name)
			q.Gone, q.Known, q.At = true, true, at
			out = append(out, q.picture())
		}
	}
	return sorted(out)
}

// event takes one event and returns the queue that it changed. A queue of which nothing was known is told by unknown:
// the PBX must be asked for it.
func (b *queueBoard) event(e *ami.Event, at time.Time) (changed []Queue, unknown bool) {
	name := e.Get("Queue")
	if name == "" || !b.known {
		return nil, false
	}
	change := b.change(e, at)
	if change == nil {
		return nil, false
	}
	q := b.queues[name]
	if q == nil {
		return nil, true
	}
	if !change(q) {
		return nil, false
	}
	q.At = at
	q.sort()
	return []Queue{q.picture()}, false
}

// change is what an event does to its queue; nil: nothing. It tells whether it did.
func (b *queueBoard) change(e *ami.Event, at time.Time) func(*Queue) bool {
	switch e.Name {
	case "QueueMemberAdded", "QueueMemberPause", "QueueMemberPaused", "QueueMemberPenalty", "QueueMemberStatus":
		m := b.member(e, at)
		return func(q *Queue) bool { return m.Interface != "" && q.setMember(m) }
	case "QueueMemberRemoved":
		iface := interfaceOf(e)
		return func(q *Queue) bool {
			n := len(q.Members)
			q.Members = slices.DeleteFunc(q.Members, func(m Member) bool { return m.Interface == iface })
			return len(q.Members) != n
		}
	case "QueueCallerJoin", "Join":
		w := waiting(e, at)
		w.Since = at.Truncate(time.Second)
		return func(q *Queue) bool { return w.Channel != "" && q.join(w) }
	case "QueueCallerLeave", "Leave":
		channel := e.Get("Uniqueid")
		return func(q *Queue) bool { return q.leave(channel) }
	case "QueueCallerAbandon":
		channel := e.Get("Uniqueid")
		return func(q *Queue) bool { q.leave(channel); q.Abandoned++; return true }
	case "AgentConnect", "AgentComplete":
		// QueueMemberStatus comes before these and tells of a call too late.
		iface, connected := interfaceOf(e), e.Name == "AgentConnect"
		return func(q *Queue) bool {
			if i := q.memberAt(iface); i >= 0 {
				q.Members[i].InCall = connected
			}
			if !connected {
				q.Completed++
			}
			return true
		}
	case "QueueParams":
		p := b.params(e, at)
		return func(q *Queue) bool {
			p.Members, p.Callers = q.Members, q.Callers
			same := p.same(q)
			*q = *p
			return !same
		}
	}
	return nil
}

func (b *queueBoard) params(e *ami.Event, at time.Time) *Queue {
	return &Queue{
		PBX: b.pbx, Name: e.Get("Queue"), Strategy: e.Get("Strategy"), Max: number(e.Get("Max")), Weight: number(e.Get("Weight")),
		ServiceLevel: seconds(e.Get("ServiceLevel")), Completed: number(e.Get("Completed")), Abandoned: number(e.Get("Abandoned")),
		Known: true, At: at,
	}
}

// member reads one from a QueueMember of a list, or from an event; both tell all of it.
func (b *queueBoard) member(e *ami.Event, at time.Time) Member {
	m := Member{
		Interface: interfaceOf(e), Name: first(e, "MemberName", "Name"), State: e.Get("StateInterface"),
		Penalty: number(e.Get("Penalty")), Paused: yes(e.Get("Paused")), Reason: first(e, "PausedReason", "Reason"),
		InCall: yes(e.Get("InCall")), Status: MemberUnknown, Dynamic: e.Get("Membership") == "dynamic",
		Calls: number(e.Get("CallsTaken")), LastCall: moment(e.Get("LastCall")), LoginAt: moment(e.Get("LoginTime")),
		Wrapup: seconds(e.Get("Wrapuptime")),
	}
	if m.Name == m.Interface {
		m.Name = ""
	}
	if m.State == m.Interface {
		m.State = ""
	}
	if n, err := strconv.Atoi(e.Get("Status")); err == nil && n >= 0 && n < len(memberStates) {
		m.Status = memberStates[n]
	}
	if m.Paused {
		m.PausedAt = moment(e.Get("LastPause"))
	} else {
		m.Reason = ""
	}
	m.Extension = b.extensionOf(m.Interface, m.State)
	return m
}

// extensionOf is the extension behind a member: that of its phone, or the one that its Local channel dials, or that of
// its hint.
func (b *queueBoard) extensionOf(iface, state string) string {
	for _, s := range []string{iface, state} {
		place, hint := strings.CutPrefix(s, "hint:")
		if ext, ok := b.extension(s); ok && !hint {
			return ext
		}
		local, isLocal := strings.CutPrefix(place, "Local/")
		number, context, _ := strings.Cut(local, "@")
		context, _, _ = strings.Cut(context, "/")
		// A hint is that of an extension; a Local channel of a queue dials one.
		if !hint && !(isLocal && slices.Contains(ofQueues, context)) {
			continue
		}
		for _, technology := range []string{"PJSIP/", "SIP/"} {
			if ext, ok := b.extension(technology + number); ok {
				return ext
			}
		}
	}
	return ""
}

// ofQueues are the contexts by which FreePBX and Issabel reach an extension over a Local channel.
var ofQueues = []string{"from-queue", "from-internal", "ext-local"}

func interfaceOf(e *ami.Event) string { return first(e, "Interface", "Location") }

// first is the value of the first key that the event has: Asterisk's names changed.
func first(e *ami.Event, keys ...string) string {
	for _, k := range keys {
		if v := e.Get(k); v != "" {
			return v
		}
	}
	return ""
}

func waiting(e *ami.Event, at time.Time) Waiting {
	return Waiting{Channel: e.Get("Uniqueid"), Position: number(e.Get("Position")), Since: at}
}

// memberAt is the index of the member with that interface; -1: there is none.
func (q *Queue) memberAt(iface string) int {
	return slices.IndexFunc(q.Members, func(m Member) bool { return m.Interface == iface })
}

func (q *Queue) setMember(m Member) bool {
	i := q.memberAt(m.Interface)
	switch {
	case i < 0 && len(q.Members) >= maxMembers:
		return false
	case i < 0:
		q.Members = append(q.Members, m)
		return true
	}
	before := q.Members[i]
	if m.Name == "" {
		m.Name = before.Name
	}
	q.Members[i] = m
	return before != m
}

func (q *Queue) join(w Waiting) bool {
	if slices.ContainsFunc(q.Callers, func(o Waiting) bool { return o.Channel == w.Channel }) || len(q.Callers) >= maxWaiting {
		return false // it was in the survey already
	}
	if w.Position < 1 || w.Position > len(q.Callers)+1 {
		w.Position = len(q.Callers) + 1
	}
	for i := range q.Callers {
		if q.Callers[i].Position >= w.Position {
			q.Callers[i].Position++
		}
	}
	q.Callers = append(q.Callers, w)
	return true
}

func (q *Queue) leave(channel string) bool {
	i := slices.IndexFunc(q.Callers, func(w Waiting) bool { return w.Channel == channel })
	if i < 0 {
		return false
	}
	position := q.Callers[i].Position
	q.Callers = slices.Delete(q.Callers, i, i+1)
	for i := range q.Callers {
		if q.Callers[i].Position > position {
			q.Callers[i].Position--
		}
	}
	return true
}

// keep takes over what a survey tells less exactly than was known.
func (q *Queue) keep(before *Queue) {
	for i := range q.Callers {
		for _, w := range before.Callers {
			if w.Channel == q.Callers[i].Channel {
				q.Callers[i].Since, q.Callers[i].CallID = w.Since, w.CallID
			}
		}
	}
}

// same tells whether two pictures differ in nothing but their time.
func (q *Queue) same(o *Queue) bool {
	return q.Strategy == o.Strategy && q.Max == o.Max && q.Weight == o.Weight && q.ServiceLevel == o.ServiceLevel &&
		q.Completed == o.Completed && q.Abandoned == o.Abandoned && q.Known == o.Known &&
		slices.Equal(q.Members, o.Members) && slices.Equal(q.Callers, o.Callers)
}

func (q *Queue) sort() {
	slices.SortFunc(q.Members, func(a, b Member) int { return strings.Compare(a.Interface, b.Interface) })
	slices.SortStableFunc(q.Callers, func(a, b Waiting) int { return cmp.Compare(a.Position, b.Position) })
}

// once makes a listed queue, sorted already, hold nobody twice, and its callers' positions follow one another: a list that is
// made while callers come and go need not be of one moment.
func (q *Queue) once() {
	q.Members = slices.CompactFunc(q.Members, func(a, b Member) bool { return a.Interface == b.Interface })
	seen := make(map[string]bool, len(q.Callers))
	q.Callers = slices.DeleteFunc(q.Callers, func(w Waiting) bool {
		twice := seen[w.Channel]
		seen[w.Channel] = true
		return twice
	})
	for i := range q.Callers {
		q.Callers[i].Position = i + 1
	}
}

// picture is a copy that nobody changes.
func (q *Queue) picture() Queue {
	c := *q
	c.Members, c.Callers = slices.Clone(q.Members), slices.Clone(q.Callers)
	return c
}

func sorted(queues []Queue) []Queue {
	slices.SortFunc(queues, func(a, b Queue) int { return strings.Compare(a.Name, b.Name) })
	return queues
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func seconds(s string) time.Duration {
	return time.Duration(min(number(s), 1<<31)) * time.Second
}

// moment is a time of the PBX's clock, as seconds since 1970; 0 is never.
func moment(s string) time.Time {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || n > 1<<40 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

func yes(s string) bool {
	return s == "1" || strings.EqualFold(s, "yes") || strings.EqualFold(s, "true")
}
