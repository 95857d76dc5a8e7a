package pbx

import "time"

// tombs remembers channels that are gone, in the order in which they went.
type tombs struct {
	gone   map[string]tomb
	queue  []string
	recent []*channel          // that may come back for a moment, see Tracker.raise
	locals map[string]*channel // of these the Local ones, by name
}

type tomb struct {
	ended time.Time // the PBX's clock
	at    time.Time // ours
	ch    *channel  // nil: not recent
	call  *call     // that it belonged to, or nil
	text  string    // of the cause
}

const (
	raiseAge = time.Second
	maxRaise = 1024
)

func (m *tombs) add(id string, ended, now time.Time) {
	if g, ok := m.gone[id]; ok {
		if ended.After(g.ended) {
			g.ended = ended
			m.gone[id] = g
		}
		return
	}
	m.queue = append(m.queue, id)
	m.gone[id] = tomb{ended: ended, at: now}
	for len(m.queue) > maxTombs {
		m.drop()
	}
}

// has tells whether this channel is gone. A channel that was made after the end of another may bear its id, since
// whoever originates a call may choose the id.
func (m *tombs) has(id string, created time.Time) bool {
	g, ok := m.gone[id]
	return ok && !created.After(g.ended)
}

// keep makes that the channel can be raised.
func (m *tombs) keep(ch *channel, c *call, text string) {
	g := m.gone[ch.id]
	if g.ch != ch {
		m.recent = append(m.recent, ch)
	}
	g.ch, g.call, g.text = ch, c, text
	m.gone[ch.id] = g
	if ch.local {
		m.locals[ch.name] = ch
	}
	if len(m.recent) > maxRaise {
		m.letGo()
	}
}

func (m *tombs) letGo() {
	ch := m.recent[0]
	m.recent[0] = nil
	m.recent = m.recent[1:]
	if m.locals[ch.name] == ch {
		delete(m.locals, ch.name)
	}
	if g := m.gone[ch.id]; g.ch == ch {
		g.ch, g.call = nil, nil
		m.gone[ch.id] = g
	}
}

func (m *tombs) forget(now time.Time) {
	for len(m.recent) > 0 && now.Sub(m.gone[m.recent[0].id].at) > raiseAge {
		m.letGo()
	}
	for len(m.queue) > 0 && now.Sub(m.gone[m.queue[0]].at) > tombAge {
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
	g := t.tombs.gone[id]
	if g.ch == nil || !t.raising {
		return nil
	}
	for g.call != nil && g.call.into != nil {
		g.call = g.call.into
	}
	if g.call != nil && g.call.ended {
		return nil
	}
	ch := g.ch
	t.channels[id] = ch
	if ch.local && t.locals[ch.name] == nil {
		t.locals[ch.name] = ch
	}
	if ch.call = g.call; ch.call != nil {
		ch.call.channels = append(ch.call.channels, ch)
	}
	t.raised = append(t.raised, ch)
	return ch
}

// bury lets those go again that were raised.
func (t *Tracker) bury() {
	for _, ch := range t.raised {
		if t.channels[ch.id] == ch {
			g := t.tombs.gone[ch.id]
			t.gone(ch, g.text, g.ended, time.Time{})
		}
	}
	clear(t.raised)
	t.raised = t.raised[:0]
}
