package cdr

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Event is one channel event (CEL). Texts are as the PBX wrote them, empty where the column is missing.
type Event struct {
	Type                     string // CHAN_START, ANSWER, BRIDGE_ENTER, ...
	Time                     time.Time
	UniqueID, LinkedID       string // of the channel, and of the first channel of all that belong together
	Channel                  string // its name
	CallerName, CallerNumber string
	Exten, Context           string
	App, AppData             string
	Extra                    string // JSON
}

// Record is one call record (CDR): what one channel did with another. There may be several of one call.
type Record struct {
	Start, End         time.Time
	Answered           time.Time // zero: not
	CallerName, Source string    // who called
	Destination        string    // what was dialled
	DID                string    // FreePBX: which of our numbers was called
	Channel            string
	PeerChannel        string // empty: it reached no other
	App, AppData       string // the last application
	Disposition        string // ANSWERED, NO ANSWER, BUSY, FAILED, CONGESTION
	UniqueID, LinkedID string // of Channel; LinkedID may be missing
	RecordingFile      string // FreePBX
}

// Records are what a Source read: each list in the order of time.
type Records struct {
	Events  []Event
	Records []Record
}

// mostRows bounds what one Read takes of a table.
const mostRows = 500_000

// Source is one PBX's records. Safe for concurrent use.
type Source struct {
	read func(ctx context.Context, from, to time.Time) (Records, error)
}

// Open checks an address and keeps it; no I/O. Its errors never repeat the address, which holds a password.
func Open(address string) (*Source, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("the address of the call records cannot be read")
	}
	var zone *time.Location
	if name := u.Query().Get("zone"); name != "" {
		if zone, err = time.LoadLocation(name); err != nil {
			return nil, fmt.Errorf("%q is not a time zone: write an IANA name, as zone=Asia/Tehran", name)
		}
	}
	switch u.Scheme {
	case "mysql", "postgres", "postgresql":
		return openSQL(u, zone)
	case "file":
		if u.Path == "" || u.Host != "" {
			return nil, fmt.Errorf("the address of a file is file:///path/Master.csv, with three strokes")
		}
		f := csvFile{path: u.Path, zone: zone}
		return &Source{f.read}, nil
	}
	return nil, fmt.Errorf("call records are read from mysql://, postgres:// or file://, not %q", u.Scheme)
}

// Read gives the records of all calls that touch a stretch of time, whole: with what belongs to them before and after
// it. It blocks for a minute at the most.
func (s *Source) Read(ctx context.Context, from, to time.Time) (Records, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	r, err := s.read(ctx, from, to)
	if err != nil {
		return Records{}, err
	}
	slices.SortStableFunc(r.Events, func(a, b Event) int { return a.Time.Compare(b.Time) })
	slices.SortStableFunc(r.Records, func(a, b Record) int {
		return cmp.Or(a.Start.Compare(b.Start), a.End.Compare(b.End))
	})
	return r, nil
}

// Born is the second in which a channel was made, as its id tells: "1695900000.12", "pbx1-1695900000.12".
func Born(uniqueID string) (time.Time, bool) {
	id := uniqueID[strings.LastIndexByte(uniqueID, '-')+1:]
	seconds, _, ok := strings.Cut(id, ".")
	n, err := strconv.ParseInt(seconds, 10, 64)
	if !ok || err != nil || n < 1e9 || n > 1e10 {
		return time.Time{}, false
	}
	return time.Unix(n, 0).UTC(), true
}

// stamp is a time as a record tells it.
type stamp struct {
	text string
	time time.Time // read as if it were UTC, unless absolute
	// absolute says that the text has a zone.
	absolute bool
}

// readStamp reads the forms in which databases and Asterisk write times.
func readStamp(text string) (stamp, bool) {
	text = strings.TrimSpace(text)
	for _, layout := range []string{"2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999Z07", "2006-01-02T15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999-0700"} {
		if t, err := time.Parse(layout, text); err == nil {
			return stamp{text, t.UTC(), true}, true
		}
	}
	for _, layout := range []string{"2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, text); err == nil {
			return stamp{text, t, false}, true
		}
	}
	// Seconds since 1970, as cel_custom's default writes them.
	if whole, part, ok := strings.Cut(text, "."); ok {
		s, err1 := strconv.ParseInt(whole, 10, 64)
		us, err2 := strconv.ParseInt((part + "000000")[:6], 10, 64)
		if err1 == nil && err2 == nil && s > 1e9 {
			return stamp{text, time.Unix(s, us*1000).UTC(), true}, true
		}
	}
	return stamp{}, false
}

// offsets finds how far local times are ahead of UTC. Feed it with times that are those of a channel's beginning.
type offsets map[time.Duration]int

func (o offsets) see(s stamp, uniqueID string) {
	born, ok := Born(uniqueID)
	if !ok || s.absolute {
		return
	}
	ahead := s.time.Sub(born)
	rounded := ahead.Round(15 * time.Minute)
	if (ahead-rounded).Abs() < 3*time.Minute && rounded.Abs() <= 14*time.Hour {
		o[rounded]++
	}
}

// most is what most of them say.
func (o offsets) most() (time.Duration, bool) {
	best, n := time.Duration(0), 0
	for ahead, count := range o {
		if count > n || count == n && ahead < best {
			best, n = ahead, count
		}
	}
	return best, n > 0
}

// clock turns a record's times into moments.
type clock struct {
	zone  *time.Location // said by the administrator; nil: not
	ahead time.Duration
}

func (c clock) moment(s stamp) time.Time {
	switch {
	case s.time.IsZero() || s.absolute:
		return s.time
	case c.zone != nil:
		t := s.time
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), c.zone).UTC()
	}
	return s.time.Add(-c.ahead)
}

// local is the other way round: the text that a record of a moment has.
func (c clock) local(t time.Time) string {
	const form = "2006-01-02 15:04:05"
	if c.zone != nil {
		return t.In(c.zone).Format(form)
	}
	return t.UTC().Add(c.ahead).Format(form)
}
