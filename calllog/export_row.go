package calllog

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	jalaali "github.com/jalaali/go-jalaali"

	"ringbook/crm"
	"ringbook/pbx"
)

// exportBatch is how many calls an export reads at a time. Between two batches it holds neither a connection nor a snapshot:
// however long somebody takes to fetch a file, the database need not keep what was deleted meanwhile.
const exportBatch = 1000

// exportRow is what a line of the file tells about a call.
type exportRow struct {
	id, pbx          string
	at               time.Time
	key              uuid.UUID
	direction        pbx.Direction
	state            pbx.State
	outcome          pbx.Outcome
	caller, raw      string
	name             string
	withheld         bool
	dialed, rawDial  string
	queue            string
	wait, talk, hold int64 // ms
	hangup           pbx.HangupBy
	transfers        int
	partial, guessed bool
	note, customer   string
	said             string // the disposition
	agent, extension string // who talked last
}

// exportRowColumns are what scanExportRow reads.
const exportRowColumns = `c.id, c.pbx, c.started_at, c.direction, c.state, c.outcome, c.caller_number, c.caller_raw, c.caller_name,
	c.caller_withheld, c.dialed_number, c.dialed_raw,
	coalesce((SELECT coalesce(q.said_label, q.name) FROM queue q WHERE q.id = c.queue_id), c.queue), c.wait_ms, c.talk_ms, c.hold_ms, c.hangup_by,
	jsonb_array_length(c.transfers), c.partial, c.reconstructed, coalesce(n.note, ''),
	coalesce((SELECT u.name FROM customer u WHERE u.id = c.customer_id), ''), coalesce((SELECT d.name FROM disposition d WHERE d.id = c.disposition_id), '')`

func scanExportRow(row pgx.CollectableRow) (r exportRow, err error) {
	err = row.Scan(&r.key, &r.pbx, &r.at, &r.direction, &r.state, &r.outcome, &r.caller, &r.raw, &r.name,
		&r.withheld, &r.dialed, &r.rawDial, &r.queue, &r.wait, &r.talk, &r.hold, &r.hangup,
		&r.transfers, &r.partial, &r.guessed, &r.note, &r.customer, &r.said)
	r.id = r.key.String()
	return r, err
}

// exportRows reads the next calls of a list, from a cursor on; next is that of those after, nil at the end.
func (s *Store) exportRows(ctx context.Context, a crm.Actor, scope crm.Scope, f Filter) (rows []exportRow, next *string, err error) {
	l, err := s.list(ctx, a, scope, f)
	if err != nil {
		return nil, nil, err
	}
	keys, err := l.keys(ctx, pooled{s.db.Pool()}, exportBatch+1)
	if err != nil {
		return nil, nil, fmt.Errorf("list calls: %w", err)
	}
	if len(keys) > exportBatch {
		keys = keys[:exportBatch]
		next = new(keys[exportBatch-1].encode(l.check))
	}
	ids := make([]uuid.UUID, len(keys))
	for i, k := range keys {
		ids[i] = k.id
	}
	found, err := s.db.Pool().Query(ctx, `SELECT `+exportRowColumns+` FROM call c LEFT JOIN call_annotation n ON n.call_id = c.id AND n.call_id = ANY($1)
		WHERE c.id = ANY($1) ORDER BY c.started_at DESC, c.id DESC`, ids)
	if err != nil {
		return nil, nil, fmt.Errorf("read calls: %w", err)
	}
	if rows, err = pgx.CollectRows(found, scanExportRow); err != nil {
		return nil, nil, fmt.Errorf("read calls: %w", err)
	}
	return rows, next, s.nameTalkers(ctx, rows)
}

// talkersSQL finds who talked last in each of the calls $1. In an internal call ($2) the one who dialled is not meant. It is
// lastTalker of the pages.
const talkersSQL = `
	SELECT DISTINCT ON (l.call_id) l.call_id, coalesce(g.name, ''), l.extension
	  FROM call_leg l LEFT JOIN agent g ON g.id = l.agent_id
	 WHERE l.call_id = ANY($1) AND NOT l.line AND l.role = 'agent' AND l.answered_at IS NOT NULL
	   AND (l.talk_ms > 0 OR l.ended_at IS NULL OR jsonb_array_length(l.spans) > 0)
	   AND NOT (l.call_id = ANY($2) AND l.id = (
		SELECT f.id FROM call_leg f WHERE f.call_id = l.call_id AND NOT f.line ORDER BY f.offered_at, f.id LIMIT 1))
	 ORDER BY l.call_id, CASE WHEN l.ended_at IS NULL THEN 'infinity' ELSE coalesce((l.spans->-1->>'to')::timestamptz, l.ended_at) END DESC,
		l.answered_at DESC, l.offered_at DESC, l.id DESC`

func (s *Store) nameTalkers(ctx context.Context, rows []exportRow) error {
	if len(rows) == 0 {
		return nil
	}
	place := make(map[uuid.UUID]int, len(rows))
	ids, internal := make([]uuid.UUID, len(rows)), []uuid.UUID{}
	for i, r := range rows {
		place[r.key], ids[i] = i, r.key
		if r.direction == pbx.Internal {
			internal = append(internal, r.key)
		}
	}
	found, err := s.db.Pool().Query(ctx, talkersSQL, ids, internal)
	if err != nil {
		return fmt.Errorf("read who talked: %w", err)
	}
	var call uuid.UUID
	var agent, extension string
	_, err = pgx.ForEachRow(found, []any{&call, &agent, &extension}, func() error {
		r := &rows[place[call]]
		r.agent, r.extension = agent, extension
		return nil
	})
	if err != nil {
		return fmt.Errorf("read who talked: %w", err)
	}
	return nil
}

// cellKind is what a cell of the file holds.
type cellKind int

const (
	cellText     cellKind = iota
	cellCount             // a whole number
	cellDuration          // milliseconds
	cellDay               // a day: its text, and where the calendar is Gregorian also its number
	cellClock             // a time of day: its text, and its milliseconds
)

type cell struct {
	kind cellKind
	text string
	n    int64 // cellDay: days since 1970; noDay: the text alone
}

const noDay = -1 << 62

// exportColumns are the columns, by the keys of their headings, with their widths in characters.
var exportHeadings = []struct {
	key   string
	width int
}{
	{"export.column.date", 12},
	{"export.column.time", 10},
	{"calls.direction", 11},
	{"calls.outcome", 16},
	{"calls.customer", 24},
	{"export.column.name", 20},
	{"calls.number", 18},
	{"desk.dialed", 18},
	{"calls.queue", 16},
	{"calls.agent", 20},
	{"export.column.extension", 10},
	{"calls.waited", 10},
	{"calls.talked", 10},
	{"calls.onHold", 10},
	{"export.column.transfers", 10},
	{"export.column.by", 14},
	{"desk.disposition", 20},
	{"calls.note", 40},
	{"export.column.remark", 24},
	{"desk.line", 12},
	{"export.column.id", 38},
}

// exportForm puts calls into the words and days of a reader. It is used by one goroutine.
type exportForm struct {
	words    map[string]string
	calendar Calendar
	zone     *time.Location
	comma    string

	day     time.Time // whose text is dayText
	dayText string
}

func newExportForm(language string, calendar Calendar, zone *time.Location) *exportForm {
	f := &exportForm{words: exportWords[language], calendar: calendar, zone: zone, comma: ", "}
	if language == "fa" {
		f.comma = "، "
	}
	return f
}

func (f *exportForm) headings() []string {
	list := make([]string, len(exportHeadings))
	for i, h := range exportHeadings {
		list[i] = f.words[h.key]
	}
	return list
}

// cells puts a call into cells, one for each of exportHeadings.
func (f *exportForm) cells(cells []cell, r *exportRow) []cell {
	text := func(s string) { cells = append(cells, cell{text: s}) }
	at := r.at.In(f.zone)
	cells = append(cells[:0], f.dayCell(at),
		cell{kind: cellClock, text: at.Format(time.TimeOnly), n: int64(at.Hour()*3600+at.Minute()*60+at.Second()) * 1000})
	text(f.words["direction."+string(r.direction)])
	outcome := "live"
	if r.state == pbx.StateEnded {
		outcome = string(r.outcome)
	}
	text(f.words["outcome."+outcome])
	text(r.customer)
	// What a withheld caller is called, and what stands where the number would, is nobody's to see: M13.
	hidden := r.withheld && r.direction != pbx.Outbound
	number, name := first(r.caller, r.raw), r.name
	switch {
	case hidden:
		number, name = f.words["desk.withheld"], ""
	case r.direction == pbx.Outbound:
		number, name = first(r.dialed, r.rawDial), ""
	}
	text(name)
	text(number)
	text(first(r.dialed, r.rawDial))
	text(r.queue)
	text(r.agent)
	text(r.extension)
	for _, ms := range []int64{r.wait, r.talk, r.hold} {
		cells = append(cells, cell{kind: cellDuration, text: clockText(ms), n: ms})
	}
	cells = append(cells, cell{kind: cellCount, text: fmt.Sprint(r.transfers), n: int64(r.transfers)})
	by := ""
	if r.state == pbx.StateEnded && r.hangup != "" {
		by = string(r.hangup)
		if r.hangup == pbx.ByCaller && r.direction == pbx.Outbound {
			by = "customer"
		}
		by = f.words["by."+by]
	}
	text(by)
	text(r.said)
	text(r.note)
	var remarks []string
	if r.partial {
		remarks = append(remarks, f.words["calls.partial"])
	}
	if r.guessed {
		remarks = append(remarks, f.words["calls.reconstructed"])
	}
	text(strings.Join(remarks, f.comma))
	text(r.pbx)
	text(r.id)
	return cells
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// dayCell is the day of a moment. Neighbours are mostly of the same day.
func (f *exportForm) dayCell(at time.Time) cell {
	y, m, d := at.Date()
	day := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	if f.dayText == "" || !day.Equal(f.day) {
		f.day, f.dayText = day, dayText(day, f.calendar)
	}
	if f.calendar == CalendarJalali {
		return cell{kind: cellDay, text: f.dayText, n: noDay}
	}
	return cell{kind: cellDay, text: f.dayText, n: day.Unix() / 86400}
}

// dayText writes a day with ASCII digits, so that days sort and programs can read them: 1405/09/01, or 2026-11-22.
func dayText(day time.Time, calendar Calendar) string {
	if calendar == CalendarJalali {
		if y, m, d, err := jalaali.ToJalaali(day.Year(), day.Month(), day.Day()); err == nil {
			return fmt.Sprintf("%04d/%02d/%02d", y, int(m), d)
		}
	}
	return day.Format(time.DateOnly)
}

// clockText writes whole seconds as 0:00:42, which every spreadsheet takes for a duration.
func clockText(ms int64) string {
	s := max(0, ms/1000)
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}
