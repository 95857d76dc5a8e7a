package pbxtest

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
)

// PlayOptions say how a recording is replayed.
type PlayOptions struct {
	// Speed is how much faster than recorded it goes; 0 means as recorded, math.Inf(1) without any pause.
	Speed float64
	// Start, if set, is the time of its beginning, whatever the clock says: it goes without any pause, and every time in
	// it is as far from Start as it was from the recording's beginning.
	Start time.Time
	// Replace puts other words in: numbers, names, extensions. A key replaces a value that equals it, and a word
	// of letters, digits and "+" inside a value: with "1001": "2001" the channel PJSIP/1001-0000000a becomes
	// PJSIP/2001-..., too.
	Replace map[string]string
	// Keep leaves channels alive that the recording does not end; else they are hung up after it.
	Keep bool
}

// Play replays a recording (the format of ari.ReadRecording) in its rhythm to every application that is
// subscribed, as calls of their own: with ids, channel names and times never used before. A Live line that comes
// first fills the table of channels and bridges; later Live and Gap lines are left out. Several recordings may
// be played at once. Play returns when the last event has been published, or with ctx's error.
func (f *Fake) Play(ctx context.Context, recording io.Reader, o PlayOptions) error {
	p := &play{fake: f, replace: o.Replace, ids: map[string]string{}, start: time.Now(), speed: cmp.Or(o.Speed, 1)}
	if !o.Start.IsZero() {
		p.start, p.speed, p.past = o.Start, 1, true
	}
	defer p.end(o.Keep)

	in := bufio.NewReaderSize(recording, 64<<10)
	for n := 1; ; n++ {
		b, err := in.ReadBytes('\n')
		if len(strings.TrimSpace(string(b))) > 0 {
			var l playLine
			if err := unmarshal(b, &l); err != nil {
				return fmt.Errorf("play line %d: %w", n, err)
			}
			if err := p.line(ctx, l); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("play line %d: %w", n, err)
		}
	}
}

type playLine struct {
	At    time.Time `json:"at"`
	Event object    `json:"event"`
	Live  *struct {
		Snapshot struct {
			Channels []object `json:"channels"`
			Bridges  []object `json:"bridges"`
		} `json:"snapshot"`
	} `json:"live"`
}

// play is one replay under way. Everything but speed, past and start is guarded by Fake.mu.
type play struct {
	fake    *Fake
	speed   float64
	past    bool // it does not wait for its times
	start   time.Time
	first   time.Time // of the recording
	replace map[string]string
	ids     map[string]string // recorded id, name suffix or Call-ID -> fresh one
	began   bool
}

func (p *play) line(ctx context.Context, l playLine) error {
	if p.first.IsZero() {
		p.first = l.At
	}
	if wait := time.Until(p.shift(l.At)); wait > 0 && !p.past && !math.IsInf(p.speed, 1) {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		case <-p.fake.done:
			return errors.New("play: the fake PBX is closed")
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	f := p.fake
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case l.Event != nil:
		p.began = true
		event := p.renew("", l.Event).(object)
		if ch, _ := event["channel"].(object); ch != nil && f.dead[text(ch["id"])] {
			return nil // hung up by a client meanwhile
		}
		f.publish(event)
	case l.Live != nil && !p.began:
		p.began = true
		for _, ch := range l.Live.Snapshot.Channels {
			fresh := p.renew("channel", ch).(object)
			f.channels[text(fresh["id"])] = fresh
		}
		for _, b := range l.Live.Snapshot.Bridges {
			fresh := p.renew("bridge", b).(object)
			f.bridges[text(fresh["id"])] = fresh
		}
	}
	return nil
}

// end hangs up what is left of the replay and forgets its ids.
func (p *play) end(keep bool) {
	f := p.fake
	f.mu.Lock()
	defer f.mu.Unlock()
	if keep {
		return
	}
	for _, id := range p.ids {
		if ch := f.channels[id]; ch != nil {
			f.destroy(ch, 16)
		}
	}
	for _, id := range p.ids {
		if b := f.bridges[id]; b != nil {
			f.publish(object{"type": "BridgeDestroyed", "bridge": b})
		}
		delete(f.dead, id) // fresh ids are never used again
	}
}

// shift moves a time of the recording to this replay.
func (p *play) shift(t time.Time) time.Time {
	if math.IsInf(p.speed, 1) {
		return time.Now()
	}
	return p.start.Add(time.Duration(float64(t.Sub(p.first)) / p.speed))
}

// renew copies a JSON value with fresh ids, names and times, and with replaced words. key is the value's name.
func (p *play) renew(key string, v any) any {
	switch v := v.(type) {
	case object:
		out := make(object, len(v))
		for k, value := range v {
			out[k] = p.renew(k, value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = p.renew(key, value)
		}
		return out
	case string:
		return p.renewText(key, v)
	}
	return v
}

func (p *play) renewText(key, s string) string {
	switch key {
	case "type", "dialstatus", "state", "cause_txt", "technology", "bridge_type", "bridge_class", "result", "destination_type", "video_mode":
		return s
	case "timestamp", "creationtime":
		if t, err := time.Parse("2006-01-02T15:04:05-0700", s); err == nil {
			return p.fake.stamp(p.shift(t))
		}
		return s
	case "id", "channels", "destination_bridge", "video_source_id", "CHANNEL(linkedid)":
		return p.id(s)
	case "protocol_id":
		return p.fresh("call-id "+s, s, func() string { return uuid.NewString() })
	}
	if fresh, ok := p.ids[s]; ok {
		return fresh
	}
	return p.word(channelName.ReplaceAllStringFunc(s, p.name))
}

// id maps a channel's or bridge's id. Those of Local pairs made with a chosen id share it: "abc" and "abc;2".
func (p *play) id(s string) string {
	base, half, paired := strings.Cut(s, ";")
	fresh := p.fresh(base, base, func() string {
		if uniqueID.MatchString(base) {
			return fmt.Sprintf("%d.%d", time.Now().Unix(), p.fake.number())
		}
		return uuid.NewString()
	})
	if !paired {
		return fresh
	}
	p.ids[s] = fresh + ";" + half
	return p.ids[s]
}

func (p *play) fresh(key, s string, make func() string) string {
	if s == "" {
		return ""
	}
	if p.ids[key] == "" {
		p.ids[key] = make()
	}
	return p.ids[key]
}

var (
	uniqueID    = regexp.MustCompile(`^([\w.]+-)?\d+\.\d+$`)
	channelName = regexp.MustCompile(`\w+/[^\s,|&;]+-[0-9a-f]{8}\b`) // "PJSIP/1001-0000000a", "Local/1@x-0000000a" of ";1"
	word        = regexp.MustCompile(`[\pL\pN+]+`)
)

// name gives a channel's name a fresh number; both halves of a Local pair get the same.
func (p *play) name(s string) string {
	cut := len(s) - 8
	return s[:cut] + p.fresh("name "+s, s, func() string { return fmt.Sprintf("%08x", p.fake.number()) })
}

func (p *play) word(s string) string {
	if len(p.replace) == 0 || s == "" {
		return s
	}
	if other, ok := p.replace[s]; ok {
		return other
	}
	return word.ReplaceAllStringFunc(s, func(w string) string {
		if other, ok := p.replace[w]; ok {
			return other
		}
		return w
	})
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
