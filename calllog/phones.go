package calllog

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/crm"
	"ringbook/pbx"
)

const (
	phonesAge      = 30 * 24 * time.Hour // a phone that took part in no call for so long is not listed for its calls
	phoneCallsMost = 100                 // are counted of one phone
	phoneRecent    = 5                   // calls are told of one that needs an owner
	lineLegs       = 100                 // of an endpoint without an extension tell whether it is a line
	phonesLimit    = 50                  // on a page, by default
)

// PhoneKind is what an endpoint of a PBX is to us.
type PhoneKind string

const (
	PhoneNobody  PhoneKind = "nobody"  // its extension is no agent's
	PhoneUnknown PhoneKind = "unknown" // it has no extension, and its calls do not tell what it is
	PhoneAgent   PhoneKind = "agent"
	PhoneLine    PhoneKind = "line" // by its calls, or because somebody said so: not an agent's phone
)

// Phone is an endpoint of a PBX that took part in calls, is known to the PBX or was corrected. Its JSON is the API's.
type Phone struct {
	PBX        string           `json:"pbx"`
	Endpoint   string           `json:"endpoint"` // "PJSIP/1001"
	Kind       PhoneKind        `json:"kind"`
	Extension  string           `json:"extension"`  // empty: none
	AgentID    *uuid.UUID       `json:"agent_id"`   // nil: nobody's
	Agent      string           `json:"agent"`      // that agent's name
	Correction *crm.Correction  `json:"correction"` // nil: known by its name, a line by its calls
	State      *pbx.DeviceState `json:"state"`      // nil: the PBX does not know it, or does not answer
	LastSeen   *time.Time       `json:"last_seen"`  // when it last took part in a call; nil: not within 30 days
	Calls      int              `json:"calls"`      // within 30 days; counted up to 100
	Recent     []PhoneCall      `json:"recent"`     // the newest five of a phone that needs an owner
}

// needy says that calls are nobody's, or may be, because of this phone.
func (p *Phone) needy() bool {
	return p.LastSeen != nil && (p.Kind == PhoneNobody || p.Kind == PhoneUnknown)
}

// PhoneCall is one line of a phone's recent calls.
type PhoneCall struct {
	ID        uuid.UUID     `json:"id"`
	StartedAt time.Time     `json:"started_at"`
	Direction pbx.Direction `json:"direction"`
	State     pbx.State     `json:"state"`
	Outcome   *pbx.Outcome  `json:"outcome"` // nil until the call has ended
	Number    string        `json:"number"`  // the other party's; empty: withheld
}

// PhoneFilter says which phones are wanted.
type PhoneFilter struct {
	Devices []pbx.Device // known to the PBXs now
	PBXs    []string     // whose phones
	Q       string       // part of endpoint, extension or agent's name
	Needy   bool         // only those that need an owner
	Cursor  string       // Page.Next of the page before
	Limit   int          // 1 to 200; 0: 50
}

// Phones lists phones: those that took part in calls and whose calls are nobody's come first (extensions before
// endpoints without one), then the others; each the last seen first. Who pages while phones ring may meet one twice.
func (s *Store) Phones(ctx context.Context, a crm.Actor, f PhoneFilter) (crm.Page[Phone], error) {
	if err := a.Require(crm.PhonesManage); err != nil {
		return crm.Page[Phone]{}, err
	}
	var faults crm.FieldErrors
	limit := cmp.Or(f.Limit, phonesLimit)
	if limit < 0 || limit > limitMost {
		faults = append(faults, crm.FieldError{Field: "limit", Problem: fmt.Sprintf("must be from 1 to %d", limitMost)})
	}
	from, ok := decodePhonePlace(f.Cursor)
	if !ok {
		faults = append(faults, crm.FieldError{Field: "cursor", Problem: "is not a cursor of this list"})
	}
	if faults != nil {
		return crm.Page[Phone]{}, faults
	}
	all, err := s.allPhones(ctx, f)
	if err != nil {
		return crm.Page[Phone]{}, fmt.Errorf("list phones: %w", err)
	}
	q := strings.Fields(crm.Fold(text(f.Q, 4*searchMost)))
	all = slices.DeleteFunc(all, func(p Phone) bool {
		return f.Needy && !p.needy() || !contains(crm.Fold(p.Endpoint+" "+p.Extension+" "+p.Agent), q) ||
			f.Cursor != "" && placeOf(&p).compare(from) <= 0
	})
	slices.SortFunc(all, func(a, b Phone) int { return placeOf(&a).compare(placeOf(&b)) })
	page := crm.Page[Phone]{Items: all}
	if len(all) > limit {
		page.Items = all[:limit]
		next := placeOf(&all[limit-1]).encode()
		page.Next = &next
	}
	if err := s.completePhones(ctx, page.Items); err != nil {
		return crm.Page[Phone]{}, fmt.Errorf("list phones: %w", err)
	}
	return page, nil
}

// NeedyPhones counts the phones of the PBXs because of which calls are nobody's, or may be. It asks no PBX.
func (s *Store) NeedyPhones(ctx context.Context, a crm.Actor, pbxs []string) (n int, err error) {
	if err := a.Require(crm.PhonesManage); err != nil {
		return 0, err
	}
	all, err := s.allPhones(ctx, PhoneFilter{PBXs: pbxs})
	if err != nil {
		return 0, fmt.Errorf("count phones: %w", err)
	}
	for i := range all {
		if all[i].needy() {
			n++
		}
	}
	return n, nil
}

func contains(folded string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(folded, w) {
			return false
		}
	}
	return true
}

// Phone reads one, whether anything is known of it or not.
func (s *Store) Phone(ctx context.Context, a crm.Actor, exchange, endpoint string, devices []pbx.Device) (Phone, error) {
	if err := a.Require(crm.PhonesManage); err != nil {
		return Phone{}, err
	}
	p := s.identify(exchange, endpoint)
	for _, d := range devices {
		if d.PBX == exchange && d.Endpoint == endpoint {
			p.State = &d.State
		}
	}
	var last *time.Time
	since := time.Now().Add(-phonesAge)
	err := s.db.Pool().QueryRow(ctx, `SELECT max(offered_at) FROM call_leg
		WHERE pbx = $1 AND endpoint = $2 AND endpoint <> '' AND offered_at >= $3 AND call_id >= $4`,
		exchange, endpoint, since, idAt(since.Add(-astray))).Scan(&last)
	if err == nil {
		p.LastSeen = utc(last)
		one := []Phone{p}
		if err = s.tellLines(ctx, one); err == nil {
			err = s.completePhones(ctx, one)
		}
		p = one[0]
	}
	if err != nil {
		return Phone{}, fmt.Errorf("read phone %s: %w", endpoint, err)
	}
	return p, nil
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC().Truncate(time.Millisecond)
	return &u
}

// seenPhones walks from each endpoint to the next along the index call_leg_endpoint, however many legs each has, of the months
// since $1 ($3, $4: the calls' ids).
const seenPhones = `
WITH RECURSIVE seen AS (
	(SELECT pbx, endpoint, offered_at FROM call_leg WHERE endpoint <> '' AND call_id BETWEEN $3 AND $4
	 ORDER BY pbx, endpoint, offered_at DESC LIMIT 1)
	UNION ALL
	SELECT n.pbx, n.endpoint, n.offered_at FROM seen s CROSS JOIN LATERAL (
		SELECT pbx, endpoint, offered_at FROM call_leg WHERE endpoint <> '' AND call_id BETWEEN $3 AND $4 AND (pbx, endpoint) > (s.pbx, s.endpoint)
		ORDER BY pbx, endpoint, offered_at DESC LIMIT 1) n)
SELECT pbx, endpoint, offered_at FROM seen WHERE offered_at >= $1 AND pbx = ANY ($2)`

// allPhones are those in calls, those of the PBXs and those corrected, without their calls.
func (s *Store) allPhones(ctx context.Context, f PhoneFilter) ([]Phone, error) {
	type place struct{ pbx, endpoint string }
	var all []Phone
	known := map[place]int{}
	phone := func(exchange, endpoint string) *Phone {
		at := place{exchange, strings.ToLower(endpoint)}
		i, ok := known[at]
		if !ok {
			i = len(all)
			known[at] = i
			all = append(all, s.identify(exchange, endpoint))
		}
		return &all[i]
	}
	since := time.Now().Add(-phonesAge)
	rows, err := s.db.Pool().Query(ctx, seenPhones, pgx.QueryExecModeCacheDescribe, since, f.PBXs,
		idAt(since.Add(-astray)), idAt(time.Now().Add(astray)))
	if err != nil {
		return nil, err
	}
	var exchange, endpoint string
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{&exchange, &endpoint, &at}, func() error {
		phone(exchange, endpoint).LastSeen = utc(&at)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, d := range f.Devices {
		phone(d.PBX, d.Endpoint).State = &d.State
	}
	for _, c := range s.crm.Directory().Corrected() {
		if slices.Contains(f.PBXs, c.PBX) {
			phone(c.PBX, c.Endpoint)
		}
	}
	return all, s.tellLines(ctx, all)
}

// In what follows $5, or $6, is the least id of a call that such a part can be of.

// linesAmong are those of the endpoints ($1 PBX, $2 endpoint) that were lines in one of their newest $4 parts since $3: to
// another exchange, or by an outside number of a call that came or went over them. A phone whose name does not tell an
// extension is a customer's in calls too, but not the trunk of those that ring it, and calls by a short number.
const linesAmong = `
SELECT w.n - 1 FROM unnest($1::text[], $2::text[]) WITH ORDINALITY w (pbx, endpoint, n) WHERE EXISTS (
	SELECT FROM (
		SELECT call_id, line, number FROM call_leg WHERE pbx = w.pbx AND endpoint = w.endpoint AND endpoint <> '' AND offered_at >= $3 AND call_id >= $5
		ORDER BY offered_at DESC LIMIT $4) l
	JOIN call c ON c.id = l.call_id AND c.id >= $5
	WHERE (l.line OR l.number ~ '[0-9]{7}') AND (l.line OR starts_with(c.trunk || '/', w.endpoint || '/')))`

// tellLines tells lines from other endpoints without an extension, by their calls.
func (s *Store) tellLines(ctx context.Context, phones []Phone) error {
	unknown := phonesWhere(phones, func(p *Phone) bool { return p.Kind == PhoneUnknown && p.LastSeen != nil })
	if len(unknown.phones) == 0 {
		return nil
	}
	since := time.Now().Add(-phonesAge)
	rows, err := s.db.Pool().Query(ctx, linesAmong, unknown.pbx, unknown.endpoint, since, lineLegs, idAt(since.Add(-astray)))
	if err != nil {
		return err
	}
	var n int
	_, err = pgx.ForEachRow(rows, []any{&n}, func() error {
		unknown.phones[n].Kind = PhoneLine
		return nil
	})
	return err
}

// identify is what the directory says of an endpoint.
func (s *Store) identify(exchange, endpoint string) Phone {
	id := s.crm.Directory().Identify(exchange, endpoint)
	p := Phone{PBX: exchange, Endpoint: endpoint, Extension: id.Extension, Correction: id.Correction, Recent: []PhoneCall{}}
	switch {
	case id.Agent != nil:
		p.Kind, p.AgentID, p.Agent = PhoneAgent, &id.Agent.ID, id.Agent.Name
	case id.Extension != "":
		p.Kind = PhoneNobody
	case id.Correction != nil:
		p.Kind = PhoneLine
	default:
		p.Kind = PhoneUnknown
	}
	return p
}

// countPhoneCalls counts the calls of phones ($1 PBX, $2 endpoint) since $3 in the newest $4 parts of each, and
// recentPhoneCalls tells the newest $4 calls of each ($5 its extension); n is the phone's place among those asked for.
const (
	countPhoneCalls = `
SELECT w.n - 1, k.calls FROM unnest($1::text[], $2::text[]) WITH ORDINALITY w (pbx, endpoint, n) CROSS JOIN LATERAL (
	SELECT count(DISTINCT l.call_id) AS calls FROM (
		SELECT call_id FROM call_leg WHERE pbx = w.pbx AND endpoint = w.endpoint AND endpoint <> '' AND offered_at >= $3 AND call_id >= $5
		ORDER BY offered_at DESC LIMIT $4) l
	JOIN call c ON c.id = l.call_id AND c.id >= $5 AND c.merged_into IS NULL) k`

	recentPhoneCalls = `
SELECT w.n - 1, r.* FROM unnest($1::text[], $2::text[], $5::text[]) WITH ORDINALITY w (pbx, endpoint, extension, n) CROSS JOIN LATERAL (
	SELECT DISTINCT ON (c.started_at, c.id) c.id, c.started_at, c.direction, c.state, nullif(c.outcome, ''),
		CASE WHEN c.direction = 'internal' AND c.caller_number = w.extension THEN c.dialed_number
			WHEN c.direction = 'internal' THEN c.caller_number ELSE c.number END
	FROM (
		SELECT call_id FROM call_leg WHERE pbx = w.pbx AND endpoint = w.endpoint AND endpoint <> '' AND offered_at >= $3 AND call_id >= $6
		ORDER BY offered_at DESC LIMIT 5 * $4) l
	JOIN call c ON c.id = l.call_id AND c.id >= $6 AND c.merged_into IS NULL
	ORDER BY c.started_at DESC, c.id DESC LIMIT $4) r
ORDER BY 1, 3 DESC, 2 DESC`
)

// completePhones counts the calls of phones, and tells the newest of those that need an owner; each with one query.
func (s *Store) completePhones(ctx context.Context, phones []Phone) error {
	since := time.Now().Add(-phonesAge)
	var n int
	seen := phonesWhere(phones, func(p *Phone) bool { return p.LastSeen != nil })
	if len(seen.phones) == 0 {
		return nil
	}
	var calls int
	rows, err := s.db.Pool().Query(ctx, countPhoneCalls, seen.pbx, seen.endpoint, since, phoneCallsMost, idAt(since.Add(-astray)))
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, []any{&n, &calls}, func() error {
		seen.phones[n].Calls = calls
		return nil
	})
	if err != nil {
		return err
	}
	owed := phonesWhere(phones, (*Phone).needy)
	if len(owed.phones) == 0 {
		return nil
	}
	var c PhoneCall
	rows, err = s.db.Pool().Query(ctx, recentPhoneCalls, owed.pbx, owed.endpoint, since, phoneRecent, owed.extension, idAt(since.Add(-astray)))
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, []any{&n, &c.ID, &c.StartedAt, &c.Direction, &c.State, &c.Outcome, &c.Number}, func() error {
		c.StartedAt = *utc(&c.StartedAt)
		owed.phones[n].Recent = append(owed.phones[n].Recent, c)
		return nil
	})
	return err
}

// phoneColumns are phones, and what queries ask about them.
type phoneColumns struct {
	phones                   []*Phone
	pbx, endpoint, extension []string
}

func phonesWhere(phones []Phone, wanted func(*Phone) bool) (c phoneColumns) {
	for i := range phones {
		if p := &phones[i]; wanted(p) {
			c.phones = append(c.phones, p)
			c.pbx, c.endpoint, c.extension = append(c.pbx, p.PBX), append(c.endpoint, p.Endpoint), append(c.extension, p.Extension)
		}
	}
	return c
}

// phonePlace is where a phone stands in the list.
type phonePlace struct {
	Rank     int    `json:"r"`
	Seen     int64  `json:"s"` // milliseconds since 1970; 0: not seen
	PBX      string `json:"p"`
	Endpoint string `json:"e"`
}

func placeOf(p *Phone) phonePlace {
	at := phonePlace{Rank: 2, PBX: p.PBX, Endpoint: p.Endpoint}
	if p.LastSeen != nil {
		at.Seen = p.LastSeen.UnixMilli()
	}
	switch {
	case p.needy() && p.Kind == PhoneNobody:
		at.Rank = 0
	case p.needy():
		at.Rank = 1
	}
	return at
}

func (a phonePlace) compare(b phonePlace) int {
	return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(b.Seen, a.Seen), cmp.Compare(a.PBX, b.PBX), cmp.Compare(a.Endpoint, b.Endpoint))
}

func (a phonePlace) encode() string {
	b, err := json.Marshal(a)
	if err != nil {
		panic(err) // numbers and strings
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func decodePhonePlace(s string) (a phonePlace, ok bool) {
	if s == "" {
		return a, true
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	return a, err == nil && json.Unmarshal(b, &a) == nil
}
