package pbx

import "time"

// tombs remembers channels that are gone, in the order in which they went. There are tens of thousands of them where much is
// going on, so that of each only its times are kept.
type tombs struct {
	gone   map[string]tomb
	queue  []string
	recent map[string]*remains // by id: those that may come back for a moment, see Tracker.raise
	latest []*remains          // of recent, in the order in which they went
	locals map[string]*channel // of these the Local ones, by name
}

// tomb is of a channel that is gone. Its times are microseconds since 1970.
type tomb struct {
	ended int64 // by the PBX's clock
	at    int64 // by ours
}

// remains are what is left of a channel that has just gone.
type remains struct {
	ch    *channel
	call  *call     // that it belonged to, or nil
	text  string    // of the cause
	ended time.Time // the PBX's clock
	at    time.Time // ours
}

const (
	raiseAge = time.Second
	maxRaise = 1024
)

func (m *tombs) add(id string, ended, now time.Time) {
	if r := m.recent[id]; r != nil && ended.After(r.ended) {
		r.ended = ended
	}
	if g, ok := m.gone[id]; ok {
		g.ended = max(g.ended, ended.UnixMicro())
		m.gone[id] = g
		return
	}
	m.queue = append(m.queue, id)
	m.gone[id] = tomb{ended: ended.UnixMicro(), at: now.UnixMicro()}
	for len(m.queue) > maxTombs {
		m.drop()
	}
}

// has tells whether this channel is gone. A channel that was made after the end of another may bear its id, since
// whoever originates a call may choose the id.
func (m *tombs) has(id string, created time.Time) bool {
	g, ok := m.gone[id]
	return ok && created.UnixMicro() <= g.ended
}

// keep makes that a channel which is gone, and was added, can be raised.
func (m *tombs) keep(ch *channel, c *call, text string, ended, now time.Time) {
	r := m.recent[ch.id]
	if r == nil || r.ch != ch {
		r = &remains{ch: ch, ended: ended, at: now}
		m.recent[ch.id] = r
		m.latest = append(m.latest, r)
	}
	r.call, r.text = c, text
	if ch.local {
		m.locals[ch.name] = ch
	}
	if len(m.latest) > maxRaise {
		m.letGo()
	}
}

func (m *tombs) letGo() {
	r := m.latest[0]
	m.latest[0] = nil
	m.latest = m.latest[1:]
	if m.locals[r.ch.name] == r.ch {
		delete(m.locals, r.ch.name)
	}
	if m.recent[r.ch.id] == r {
		delete(m.recent, r.ch.id)
	}
}

func (m *tombs) forget(now time.Time) {
	for len(m.latest) > 0 && now.Sub(m.latest[0].at) > raiseAge {
		m.letGo()
	}
	for len(m.queue) > 0 && now.UnixMicro()-m.gone[m.queue[0]].at > tombAge.Microseconds() {
		m.drop()
	}
}

func (m *tombs) drop() {
	delete(m.gone, m.queue[0])
	m.queue = m.queue[1:]
}

// raise brings a channel that has just gone back for the time of one event, which comes late: who was dialled and failed
// at once, who transferred the call and left. What its call has said in its last picture stays.
func (t *Tracker) raise(id string) *channel {
	r := t.tombs.recent[id]
	if r == nil || !t.raising {
		return nil
	}
	c := r.call
	for c != nil && c.into != nil {
		c = c.into
	}
	if c != nil && c.ended {
		return nil
	}
	ch := r.ch
	t.channels[id] = ch
	if ch.local && t.locals[ch.name] == nil {
		t.locals[ch.name] = ch
	}
	if ch.call = c; c != nil {
		c.channels = append(c.channels, ch)
	}
	t.raised = append(t.raised, r)
	return ch
}

// bury lets those go again that were raised.
func (t *Tracker) bury() {
	for _, r := range t.raised {
		if t.channels[r.ch.id] == r.ch {
			t.gone(r.ch, r.text, r.ended, time.Time{})
		}
	}
	clear(t.raised)
	t.raised = t.raised[:0]
}
