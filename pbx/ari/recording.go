package ari

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"time"
)

// line is one line of a recording. A recording is a stream kept as lines of JSON, one item each, with the time at which it was received:
//
//	{"at":"2026-11-22T14:40:00.123456789Z","event":{...}}
//	{"at":...,"live":{"app":"...","version":"...","started":"...","snapshot":{"channels":[...],"bridges":[...]}}}
//	{"at":...,"gap":{"from":"...","reason":"disconnected"}}
//
// Events and snapshots are the PBX's own JSON, less the digits that callers typed and the values of variables.
// Canaries and messages that are not JSON are left out.
type line struct {
	At    time.Time       `json:"at"`
	Event json.RawMessage `json:"event,omitempty"`
	Live  *lineLive       `json:"live,omitempty"`
	Gap   *lineGap        `json:"gap,omitempty"`
}

type lineLive struct {
	App      string    `json:"app"`
	Version  string    `json:"version"`
	Started  time.Time `json:"started,omitzero"`
	Snapshot struct {
		Channels json.RawMessage `json:"channels"`
		Bridges  json.RawMessage `json:"bridges"`
	} `json:"snapshot"`
}

type lineGap struct {
	From   time.Time `json:"from,omitzero"`
	Reason GapReason `json:"reason"`
}

// ReadRecording reads what Config.Record got. Every event keeps its whole message in Raw, known type or not.
// It ends with the first line that cannot be read, yielding the error.
func ReadRecording(r io.Reader) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		in := bufio.NewReaderSize(r, 64<<10)
		for n := 1; ; n++ {
			b, err := in.ReadBytes('\n')
			if len(bytes.TrimSpace(b)) > 0 {
				item, err := parseLine(b)
				if err != nil {
					yield(Item{}, fmt.Errorf("recording line %d: %w", n, err))
					return
				}
				if !yield(item, nil) {
					return
				}
			}
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(Item{}, fmt.Errorf("recording line %d: %w", n, err))
				return
			}
		}
	}
}

func parseLine(b []byte) (Item, error) {
	var l line
	if err := json.Unmarshal(b, &l); err != nil {
		return Item{}, err
	}
	item := Item{At: l.At}
	switch {
	case l.Event != nil:
		e, err := Decode(l.Event)
		if err != nil {
			return Item{}, err
		}
		e.Raw = l.Event
		item.Event = e
	case l.Live != nil:
		live := &Live{App: l.Live.App, Version: l.Live.Version, Started: l.Live.Started}
		var err error
		if raw := l.Live.Snapshot.Channels; raw != nil {
			if live.Snapshot.Channels, err = decodeChannels(raw); err != nil {
				return Item{}, err
			}
		}
		if raw := l.Live.Snapshot.Bridges; raw != nil {
			if live.Snapshot.Bridges, err = decodeBridges(raw); err != nil {
				return Item{}, err
			}
		}
		item.Live = live
	case l.Gap != nil:
		item.Gap = &Gap{From: l.Gap.From, Reason: l.Gap.Reason}
	default:
		return Item{}, fmt.Errorf("neither event nor live nor gap")
	}
	return item, nil
}

// tee writes the recording. Only the goroutine of Run uses it, so that a slow disk delays the consumer and
// never the reader of the socket. After a failed write it records nothing more.
type tee struct {
	out      *bufio.Writer // nil: nothing is recorded
	log      *slog.Logger
	raw      []byte      // of the event to be written next
	snapshot rawSnapshot // of the Live to be written next
}

func newTee(w io.Writer, log *slog.Logger) *tee {
	t := &tee{log: log}
	if w != nil {
		t.out = bufio.NewWriterSize(w, 64<<10)
	}
	return t
}

func (t *tee) item(item Item) {
	if t.out == nil || item.Check != nil { // a check tells nothing that events do not
		return
	}
	l := line{At: item.At.UTC()}
	switch {
	case item.Event != nil:
		l.Event = scrub(item.Event.Type, t.raw)
	case item.Live != nil:
		l.Live = &lineLive{App: item.Live.App, Version: item.Live.Version, Started: item.Live.Started}
		l.Live.Snapshot.Channels, _ = compact(t.snapshot.channels)
		l.Live.Snapshot.Bridges, _ = compact(t.snapshot.bridges)
	case item.Gap != nil:
		l.Gap = &lineGap{From: item.Gap.From.UTC(), Reason: item.Gap.Reason}
	}
	b, err := json.Marshal(l)
	if err == nil {
		_, err = t.out.Write(append(b, '\n'))
	}
	t.check(err)
}

func (t *tee) flush() {
	if t.out != nil {
		t.check(t.out.Flush())
	}
}

func (t *tee) check(err error) {
	if err != nil {
		t.log.Error("recording ended", "err", err)
		t.out = nil
	}
}

// scrub returns the message in one line, without typed digits and without values of variables.
func scrub(eventType string, raw []byte) json.RawMessage {
	var secret string
	switch eventType {
	case "ChannelDtmfReceived":
		secret = "digit"
	case "ChannelVarset":
		secret = "value"
	default:
		b, _ := compact(raw)
		return b
	}
	fields := map[string]json.RawMessage{}
	if json.Unmarshal(raw, &fields) != nil {
		return nil
	}
	fields[secret] = json.RawMessage(`""`)
	b, err := json.Marshal(fields)
	if err != nil {
		return nil
	}
	return b
}
