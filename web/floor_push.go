package web

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"ringbook/crm"
	"ringbook/screenpop"
)

// floorCut is the frame of a part of a picture, ready to be written; compressed once for all who take it so.
type floorCut struct {
	frame *websocket.PreparedMessage
	bytes int // before compression
}

// cut is the frame of what a view shows of a picture.
func (f *floorCuts) cut(s *Server, p *screenpop.Floor, v screenpop.View) (*floorCut, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cuts == nil || f.seq != p.Seq {
		f.seq, f.cuts = p.Seq, map[string]*floorCut{}
	}
	key := viewKey(v)
	if c := f.cuts[key]; c != nil {
		return c, nil
	}
	picture := s.floor(p, p.Cut(v), s.today())
	b := floorHead(make([]byte, 0, 16<<10), p.Seq)
	b, err := appendJSON(b, &picture)
	if err != nil {
		return nil, err
	}
	b = append(b, '}')
	c := &floorCut{bytes: len(b)}
	if c.frame, err = websocket.NewPreparedMessage(websocket.TextMessage, b); err != nil {
		return nil, err
	}
	f.cuts[key] = c
	return c, nil
}

func floorHead(b []byte, seq uint64) []byte {
	b = append(b, `{"type":"floor","seq":`...)
	b = strconv.AppendUint(b, seq, 10)
	b = append(b, `,"sent_at":"`...)
	b = time.Now().UTC().AppendFormat(b, time.RFC3339Nano)
	return append(b, `","floor":`...)
}

// viewKey is the same for views that show the same.
func viewKey(v screenpop.View) string {
	var b bytes.Buffer
	if v.All {
		b.WriteByte(1)
	}
	b.Write(v.Self[:])
	b.Write(v.Team[:])
	b.Write(v.Queue[:])
	teams := slices.Clone(v.Teams)
	slices.SortFunc(teams, func(x, y uuid.UUID) int { return bytes.Compare(x[:], y[:]) })
	for _, t := range teams {
		b.Write(t[:])
	}
	return b.String()
}

// floorTimes bound how often a socket is written the floor; a test changes them.
const (
	floorEvery = screenpop.Pace // one picture in this time
	floorBurst = 3              // and as many more at once, for who turns over filters
)

// floorSide is a socket's part that follows the floor. Its owner is the socket's serve, except where a comment says otherwise.
type floorSide struct {
	wishes chan FloorWish // capacity one: the newest wish; filled by read
	watch  *screenpop.RoomWatch
	wish   FloorWish
	pace   *rate.Limiter
	due    <-chan time.Time // a picture is to be written then; nil: none is
	last   *floorCut        // what was written last
	refuse bool             // it was told that it may not see the floor
}

// wish hands a wish over; the one before it, if nobody has taken it, is forgotten. Only read calls it.
func (c *socket) wish(w FloorWish) {
	for {
		select {
		case c.floor.wishes <- w:
			return
		default:
		}
		select {
		case <-c.floor.wishes:
		default:
		}
	}
}

// changes is where a nudge comes from; nil: the socket does not follow the floor.
func (f *floorSide) changes() <-chan struct{} {
	if f.watch == nil || f.due != nil {
		return nil
	}
	return f.watch.C()
}

// follow begins to show what is wished.
func (c *socket) follow(w FloorWish) {
	f := &c.floor
	f.wish, f.refuse, f.last = w, false, nil
	if f.watch != nil && !w.On {
		f.stop()
	}
	if !w.On || c.server.Room == nil {
		return
	}
	if f.watch == nil {
		f.watch = c.server.Room.Watch()
	}
	if f.pace == nil {
		f.pace = rate.NewLimiter(rate.Every(floorEvery), floorBurst)
	}
	c.floorLater()
}

// floorLater has a picture written as soon as another one may be.
func (c *socket) floorLater() {
	if f := &c.floor; f.due == nil {
		f.due = time.After(f.pace.Reserve().Delay())
	}
}

func (f *floorSide) stop() {
	if f.watch != nil {
		f.watch.Close()
		f.watch, f.due = nil, nil
	}
}

// writeFloor writes the part of the newest picture that may be seen and is wished.
func (c *socket) writeFloor(ctx context.Context) error {
	f := &c.floor
	f.due = nil
	if f.watch == nil {
		return nil
	}
	select {
	case <-f.watch.C(): // it is of this picture, or of one before
	default:
	}
	if err := c.conn.SetWriteDeadline(time.Now().Add(c.server.timings.write)); err != nil {
		return err
	}
	p := c.server.Room.Picture()
	// What the agent may see now, not when the socket was opened. Who is archived may nothing.
	actor, _ := c.server.Store.Directory().Actor(c.agent)
	if !actor.Can(crm.FloorRead) {
		if f.refuse {
			return nil
		}
		f.refuse = true
		return c.conn.WriteMessage(websocket.TextMessage, append(floorHead(nil, p.Seq), `null}`...))
	}
	f.refuse = false
	if !c.packs {
		c.end(ending{closeRights, "the floor is yours since: connect again"})
		return nil
	}
	v := viewOf(actor)
	if f.wish.Team != nil {
		v.Team = *f.wish.Team
	}
	if f.wish.Queue != nil {
		v.Queue = *f.wish.Queue
	}
	cut, err := c.server.cuts.cut(c.server, p, v)
	if err != nil {
		return err
	}
	if cut == f.last {
		return nil
	}
	f.last = cut
	c.conn.EnableWriteCompression(true)
	defer c.conn.EnableWriteCompression(false)
	if err := c.conn.WritePreparedMessage(cut.frame); err != nil {
		return err
	}
	m := c.server.metrics
	m.floors.Add(ctx, 1)
	m.floorAge.Record(ctx, time.Since(p.At).Seconds())
	return nil
}
