package pbx

import (
	"context"
	"slices"
	"sync"
	"time"

	"ringbook/pbx/ari"
)

const (
	phonesEvery = time.Minute            // the PBX is asked for all phones again, for what no event told
	phonesAgain = 5 * time.Second        // after a question that failed
	phonesPause = 200 * time.Millisecond // between two that are told that something has changed: phones come back in crowds
)

// phones is what an Exchange knows of the PBX's phones without asking, and whoever wants to be told.
type phones struct {
	wanted  chan struct{} // capacity one: they are to be asked for
	changed chan struct{} // capacity one: told are to be told
	told    []func()

	mu        sync.RWMutex
	list      []ari.Endpoint    // nobody changes it; nil: not known yet
	meanwhile map[string]string // states that were told while the PBX is asked, by endpoint; nil: it is not being asked
}

// OnChange has f called when what can be done on the exchange may have changed: a phone came or went, the connection to
// the PBX or its manager did. Changes that come at once are told once. f must not wait for anything slow. Before Run.
func (x *Exchange) OnChange(f func()) { x.phones.told = append(x.phones.told, f) }

// CanDial tells whether a phone of the extension could be rung now, as far as that is known without asking: NoPhone,
// PhoneOffline or PBXAway if not.
func (x *Exchange) CanDial(extension string) Code {
	if !x.Health().Live {
		return PBXAway
	}
	x.phones.mu.RLock()
	list := x.phones.list
	x.phones.mu.RUnlock()
	if list == nil {
		return "" // nobody has told yet
	}
	phone, known := x.phoneOf(list, extension)
	switch {
	case !known:
		return NoPhone
	case phone.State == string(DeviceOffline):
		return PhoneOffline
	}
	return ""
}

// heardOfPhones takes what the stream says about phones. It never waits.
func (x *Exchange) heardOfPhones(item ari.Item) {
	switch {
	case item.Live != nil:
		nudge(x.phones.wanted)
		nudge(x.phones.changed)
	case item.Gap != nil:
		nudge(x.phones.changed)
	case item.Event != nil && item.Event.Endpoint != nil:
		x.phones.mu.Lock()
		defer x.phones.mu.Unlock()
		e := item.Event.Endpoint
		if x.phones.meanwhile != nil {
			x.phones.meanwhile[e.Technology+"/"+e.Resource] = e.State
		}
		i := slices.IndexFunc(x.phones.list, func(k ari.Endpoint) bool { return k.Technology == e.Technology && k.Resource == e.Resource })
		if i < 0 {
			nudge(x.phones.wanted)
			return
		}
		if x.phones.list[i].State != e.State {
			x.phones.list = slices.Clone(x.phones.list)
			x.phones.list[i].State = e.State
			nudge(x.phones.changed)
		}
	}
}

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // one is waiting already
	}
}

// lookAfterPhones asks for the phones when that is wanted, and tells of changes, until ctx ends.
func (x *Exchange) lookAfterPhones(ctx context.Context) {
	ask := time.NewTimer(phonesEvery)
	defer ask.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-x.phones.wanted:
			ask.Reset(x.askForPhones(ctx))
		case <-ask.C:
			ask.Reset(x.askForPhones(ctx))
		case <-x.phones.changed:
			for _, f := range x.phones.told {
				f()
			}
			pause := time.NewTimer(phonesPause)
			select {
			case <-ctx.Done():
			case <-pause.C:
			}
			pause.Stop()
		}
	}
}

// askForPhones asks once, and tells when to ask again. While the stream is away it does not: that it is back is told,
// and then the phones are wanted.
func (x *Exchange) askForPhones(ctx context.Context) time.Duration {
	if !x.Health().Live {
		return phonesEvery
	}
	x.phones.mu.Lock()
	x.phones.meanwhile = map[string]string{}
	x.phones.mu.Unlock()
	asking, cancel := context.WithTimeout(ctx, devicesTimeout)
	defer cancel()
	list, err := x.client.Endpoints(asking)
	x.phones.mu.Lock()
	defer x.phones.mu.Unlock()
	meanwhile := x.phones.meanwhile
	x.phones.meanwhile = nil
	if err != nil {
		return phonesAgain // the stream's health tells of it
	}
	for i := range list { // what was told is newer than the answer, or what made it so has been told, too
		if state, told := meanwhile[list[i].Technology+"/"+list[i].Resource]; told {
			list[i].State = state
		}
	}
	same := slices.EqualFunc(x.phones.list, list, func(a, b ari.Endpoint) bool {
		return a.Technology == b.Technology && a.Resource == b.Resource && a.State == b.State
	})
	if x.phones.list = list; list == nil {
		x.phones.list = []ari.Endpoint{}
	}
	if !same {
		nudge(x.phones.changed)
	}
	return phonesEvery
}
