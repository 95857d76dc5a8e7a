package pbx

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"ringbook/pbx/ari"
)

// dialPrefix begins the ids of the channels by which agents dial from the screen; the attempt's id follows. All have the
// same length, so none is the beginning of another: see ari.Originate.
const dialPrefix = "dial-"

// AttemptOf is the attempt that began a call; false if it was not dialled from the screen.
func AttemptOf(c *Call) (uuid.UUID, bool) {
	if len(c.Legs) == 0 {
		return uuid.Nil, false
	}
	return attemptOf(c.Legs[0].ID)
}

func attemptOf(channel string) (uuid.UUID, bool) {
	rest, ok := strings.CutPrefix(channel, dialPrefix)
	if !ok || len(rest) < 36 {
		return uuid.Nil, false
	}
	id, err := uuid.Parse(rest[:36])
	return id, err == nil
}

// DialRequest is a call from an agent's phone. The phone rings first; when it is picked up the exchange goes on in the
// dialplan, as if the number had been dialled at the phone: with its outbound rules, and its recordings.
type DialRequest struct {
	ID        uuid.UUID     // of the attempt: the same again is no second call
	Extension string        // of the agent's phone
	Number    string        // as the dialplan wants it; the phone shows it while it rings
	Context   string        // of the dialplan, in which the phone dials
	Timeout   time.Duration // how long the phone rings; 0: 30 s
}

const (
	askTimeout    = 3 * time.Second        // of finding the phone
	placeTimeout  = 4 * time.Second        // of having it rung
	settleTimeout = 3 * time.Second        // of finding out what became of it, where the answer did not say
	dialQuestions = 4                      // how often the exchange is asked whether a channel is there
	dialPause     = 250 * time.Millisecond // between those
	lateAgain     = time.Second            // between two attempts to hang one up
	unwantedAge   = 10 * time.Minute       // for how long a channel that came too late is hung up
	maxUnwanted   = 256
)

// Dial places a call and returns its id. It takes ten seconds at the most, and does not end with ctx: a request that was
// given up must not leave it open whether a phone rings. A failure is a *Refusal: PBXAway, NoPhone, PhoneOffline,
// PhoneBusy, AlreadyDialing or NotPlaced, and then no phone rings, nor will.
func (x *Exchange) Dial(ctx context.Context, r DialRequest) (uuid.UUID, error) {
	ctx = context.WithoutCancel(ctx)
	if !x.Health().Live {
		return uuid.Nil, &Refusal{Code: PBXAway}
	}
	endpoint, err := x.freePhone(ctx, r.Extension)
	if err != nil {
		return uuid.Nil, err
	}
	channel := dialPrefix + r.ID.String()
	placing, cancel := context.WithTimeout(ctx, placeTimeout)
	defer cancel()
	placed, err := x.client.Originate(placing, ari.Originate{
		Endpoint: endpoint, ID: channel, Context: r.Context, Extension: r.Number, Timeout: cmp.Or(r.Timeout, 30*time.Second),
		// The phone shows the connected line; the dialplan sees the caller's, which must be the agent, as its outbound rules
		// go by that. ARI's callerId would set both to the number that is dialled.
		Variables: map[string]string{"CALLERID(num)": r.Extension, "CONNECTEDLINE(num,i)": r.Number},
	})
	if err == nil {
		return CallID(x.name, placed.ID, placed.CreationTime), nil
	}
	return x.settleDial(ctx, channel, endpoint, err)
}

// settleDial finds out what has become of a call whose placing did not answer with success: the answer may have been lost,
// and an ErrConflict may stand for another failure. What is not there then is unwanted, should it still come.
func (x *Exchange) settleDial(ctx context.Context, channel, endpoint string, failed error) (uuid.UUID, error) {
	var rest *ari.Error
	answered := errors.As(failed, &rest) && rest.Status != 0
	if answered && !errors.Is(failed, ari.ErrConflict) {
		return uuid.Nil, x.notPlaced(ctx, endpoint, failed)
	}
	asking, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	pause := time.NewTicker(dialPause)
	defer pause.Stop()
	for n := range dialQuestions {
		if n > 0 {
			<-pause.C
		}
		ch, err := x.client.Channel(asking, channel)
		switch {
		case err == nil && ch.ID == channel:
			return CallID(x.name, ch.ID, ch.CreationTime), nil
		case errors.Is(err, ari.ErrNotFound) && answered:
			return uuid.Nil, x.notPlaced(ctx, endpoint, failed)
		}
	}
	x.unwanted.add(channel, time.Now())
	x.hangUpLater(channel) // it may have come before it was known to be unwanted
	return uuid.Nil, &Refusal{Code: PBXAway, Err: failed}
}

// notPlaced says why the exchange did not place a call.
func (x *Exchange) notPlaced(ctx context.Context, endpoint string, failed error) error {
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	if state, err := x.client.DeviceState(ctx, endpoint); err == nil {
		switch state {
		case "UNAVAILABLE", "INVALID", "UNKNOWN":
			return &Refusal{Code: PhoneOffline, Err: failed}
		case "BUSY", "INUSE", "RINGING", "RINGINUSE":
			return &Refusal{Code: PhoneBusy, Err: failed}
		}
	}
	return &Refusal{Code: NotPlaced, Err: failed}
}

// freePhone finds the device of an extension that can ring now.
func (x *Exchange) freePhone(ctx context.Context, extension string) (endpoint string, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	endpoints, err := x.client.Endpoints(ctx)
	if err != nil {
		return "", &Refusal{Code: PBXAway, Err: err}
	}
	phone, known := x.phoneOf(endpoints, extension)
	switch {
	case !known:
		return "", &Refusal{Code: NoPhone}
	case phone.State == string(DeviceOffline):
		return "", &Refusal{Code: PhoneOffline}
	}
	endpoint = phone.Technology + "/" + phone.Resource
	if len(phone.Channels) == 0 {
		return endpoint, nil
	}
	if slices.ContainsFunc(phone.Channels, func(id string) bool { return x.dialling(id) }) {
		return "", &Refusal{Code: AlreadyDialing}
	}
	// Who has put a customer on hold may call somebody else meanwhile.
	state, err := x.client.DeviceState(ctx, endpoint)
	switch {
	case err != nil:
		return "", &Refusal{Code: PBXAway, Err: err}
	case state == "ONHOLD" || state == "NOT_INUSE":
		return endpoint, nil
	}
	return "", &Refusal{Code: PhoneBusy}
}

// dialling tells whether a channel was made by an attempt and its phone has not been picked up.
func (x *Exchange) dialling(channel string) bool {
	if _, ours := attemptOf(channel); !ours {
		return false
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, c := range x.live {
		if len(c.Legs) > 0 && c.Legs[0].ID == channel {
			return c.AnsweredAt.IsZero()
		}
	}
	return true
}

// phoneOf is the device of an extension: one that is there before one that is not, then a desk phone before the browser's
// twin of it (99 and the extension), then by name.
func (x *Exchange) phoneOf(endpoints []ari.Endpoint, extension string) (ari.Endpoint, bool) {
	var phones []ari.Endpoint
	for _, e := range endpoints {
		if ext, ok := x.extension(e.Technology + "/" + e.Resource); ok && ext == extension && e.Technology != "Local" {
			phones = append(phones, e)
		}
	}
	rank := func(e ari.Endpoint) int {
		n := 0
		if e.State == string(DeviceOffline) {
			n += 2
		}
		if e.Resource != extension {
			n++
		}
		return n
	}
	slices.SortFunc(phones, func(a, b ari.Endpoint) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a.Technology, b.Technology), strings.Compare(a.Resource, b.Resource))
	})
	if len(phones) == 0 {
		return ari.Endpoint{}, false
	}
	return phones[0], true
}

// unwanted are the channels of attempts of which it was told that they were not placed: should the exchange make one after
// all, it is hung up.
type unwanted struct {
	mu    sync.Mutex
	since map[string]time.Time // by channel
}

func (u *unwanted) add(channel string, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.since == nil {
		u.since = make(map[string]time.Time)
	}
	for id, at := range u.since {
		if now.Sub(at) > unwantedAge || len(u.since) >= maxUnwanted {
			delete(u.since, id)
		}
	}
	u.since[channel] = now
}

// has tells whether a channel is unwanted.
func (u *unwanted) has(channel string) bool {
	if !strings.HasPrefix(channel, dialPrefix) {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	at, yes := u.since[channel]
	return yes && time.Since(at) <= unwantedAge
}

// refuseLate hangs up what comes although it was told that it does not. It is called with every item of the stream.
func (x *Exchange) refuseLate(item ari.Item) {
	switch {
	case item.Event != nil && item.Event.Channel != nil && item.Event.Type == "ChannelCreated":
		if x.unwanted.has(item.Event.Channel.ID) {
			x.hangUpLater(item.Event.Channel.ID)
		}
	case item.Live != nil:
		for i := range item.Live.Snapshot.Channels {
			if id := item.Live.Snapshot.Channels[i].ID; x.unwanted.has(id) {
				x.hangUpLater(id)
			}
		}
	}
}

// hangUpLater has a channel hung up beside the stream.
func (x *Exchange) hangUpLater(channel string) {
	select {
	case x.late <- channel:
	default: // so many at once are not placed
		x.log.Error("a channel that came too late is left to its timeout", "channel", channel)
	}
}

// hangUpLate hangs up channels that nobody waits for any more, until ctx ends. One that cannot be hung up is tried again while
// the PBX is there; when it comes back, its snapshot has the channel (refuseLate).
func (x *Exchange) hangUpLate(ctx context.Context) {
	failed := make(map[string]bool)
	again := time.NewTicker(lateAgain)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case channel := <-x.late:
			x.hangUpOne(ctx, channel, failed)
		case <-again.C:
			for channel := range failed {
				if !x.unwanted.has(channel) || !x.Health().Live {
					delete(failed, channel)
					continue
				}
				x.hangUpOne(ctx, channel, failed)
			}
		}
	}
}

// hangUpOne hangs one such channel up, and notes whether that failed.
func (x *Exchange) hangUpOne(ctx context.Context, channel string, failed map[string]bool) {
	hanging, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	err := x.client.Hangup(hanging, channel, "")
	switch {
	case err == nil:
		x.log.Warn("a call that was given up came after all, and was hung up", "channel", channel)
	case !errors.Is(err, ari.ErrNotFound):
		if !failed[channel] {
			x.log.Warn("a call that was given up cannot be hung up; trying again", "channel", channel, "err", err)
		}
		failed[channel] = true
		return
	}
	delete(failed, channel)
}
