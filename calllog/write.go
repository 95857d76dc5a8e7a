package calllog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ringbook/crm"
	"ringbook/pbx"
)

// writeTimeout is how long the database may take for one batch before it counts as away.
const writeTimeout = 10 * time.Second

// The merge of a picture into what the row says already. It gives the same row in whatever order pictures come and
// however often:
//
//   - An ended picture beats a live one. Of two ended ones the one whose end was seen beats the inferred one, then
//     the one seen whole beats the partial one; else the greater version wins.
//   - Times of beginning are the earliest said. What was answered once stays answered.
//   - A partial picture adds to what a whole one said, but takes nothing from it.
//   - Legs are added and ended, never removed; one that has turned out to be a line stays one. Their stretches are of the
//     picture that knows most of the talk; of two that know as much, of the later: jsonb orders a longer list, and a time
//     before null, as the greater.
//
// In the templates {wins} says whether the new picture beats the row, {keep:x} takes column x of the winner, {fill:x}
// the same unless the winner is partial and has nothing there, {with:x y} column y of where {fill:x} takes x from, {full:x} the
// one of the picture that is not partial.
var (
	upsertCall  = expand(upsertCallTemplate, callWins)
	upsertLeg   = expand(upsertLegTemplate, legWins)
	upsertAgent = `
INSERT INTO call_agent AS a (call_id, agent_id, started_at) SELECT id, unnest($2::uuid[]), started_at FROM call WHERE id = $1
ON CONFLICT (call_id, agent_id) DO UPDATE SET started_at = excluded.started_at WHERE a.started_at <> excluded.started_at`
)

const callWins = `CASE
	WHEN (excluded.state = 'ended') <> (c.state = 'ended') THEN excluded.state = 'ended'
	WHEN excluded.state = 'ended' THEN
		(NOT excluded.reconstructed, NOT excluded.partial, excluded.version) > (NOT c.reconstructed, NOT c.partial, c.version)
	ELSE excluded.version > c.version END`

const upsertCallTemplate = `
INSERT INTO call AS c (id, pbx, version, direction, state, outcome,
	caller_raw, caller_number, caller_name, caller_withheld, dialed_raw, dialed_number, number,
	trunk, queue, customer_ref, started_at, answered_at, ended_at, wait_ms, talk_ms, hold_ms,
	hangup_by, hangup_cause, hangup_text, transfers, partial, reconstructed, whole, search,
	match_rule, matched_id, candidates, merged_into, ended_before, queue_pbx, agents)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
	$23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37)
ON CONFLICT (id) DO UPDATE SET
	version = {keep:version},
	direction = {full:direction},
	state = {keep:state},
	outcome = CASE
		WHEN 'answered' IN (c.outcome, excluded.outcome) THEN 'answered'
		WHEN {keep:outcome} <> '' AND least(c.answered_at, excluded.answered_at) IS NOT NULL THEN 'answered'
		ELSE {keep:outcome} END,
	caller_raw = {full:caller_raw},
	caller_number = {full:caller_number},
	caller_name = {fill:caller_name},
	caller_withheld = {full:caller_withheld},
	dialed_raw = {full:dialed_raw},
	dialed_number = {full:dialed_number},
	number = {full:number},
	trunk = {fill:trunk},
	queue = {fill:queue},
	queue_pbx = {with:queue queue_pbx},
	customer_ref = {fill:customer_ref},
	started_at = least(c.started_at, excluded.started_at),
	answered_at = least(c.answered_at, excluded.answered_at),
	ended_at = CASE WHEN {wins} THEN coalesce(excluded.ended_at, c.ended_at) ELSE coalesce(c.ended_at, excluded.ended_at) END,
	wait_ms = CASE WHEN c.partial OR excluded.partial THEN greatest(c.wait_ms, excluded.wait_ms) ELSE {keep:wait_ms} END,
	talk_ms = CASE WHEN c.partial OR excluded.partial THEN greatest(c.talk_ms, excluded.talk_ms) ELSE {keep:talk_ms} END,
	hold_ms = CASE WHEN c.partial OR excluded.partial THEN greatest(c.hold_ms, excluded.hold_ms) ELSE {keep:hold_ms} END,
	hangup_by = {keep:hangup_by},
	hangup_cause = {keep:hangup_cause},
	hangup_text = {keep:hangup_text},
	transfers = CASE
		WHEN jsonb_array_length(excluded.transfers) > jsonb_array_length(c.transfers) THEN excluded.transfers
		WHEN jsonb_array_length(excluded.transfers) < jsonb_array_length(c.transfers) THEN c.transfers
		ELSE {keep:transfers} END,
	partial = {keep:partial},
	reconstructed = {keep:reconstructed},
	ended_before = {keep:ended_before},
	whole = c.whole OR excluded.whole,
	search = {full:search},
	match_rule = CASE WHEN {rematch} THEN {full:match_rule} ELSE c.match_rule END,
	matched_id = CASE WHEN {rematch} THEN {full:matched_id} ELSE c.matched_id END,
	candidates = CASE WHEN {rematch} THEN {full:candidates} ELSE c.candidates END,
	merged_into = coalesce(excluded.merged_into, c.merged_into),
	agents = CASE WHEN excluded.agents <@ c.agents THEN c.agents ELSE ARRAY(SELECT DISTINCT unnest(c.agents || excluded.agents) ORDER BY 1) END`

// A person's link of the number, made after this picture was looked up, stays; so does a look-up that succeeded.
const rematch = `(excluded.match_rule <> '' AND (c.match_rule <> 'linked' OR excluded.match_rule = 'ivr') OR c.match_rule = '')`

const legWins = `CASE
	WHEN (excluded.ended_at IS NULL) <> (c.ended_at IS NULL) THEN excluded.ended_at IS NOT NULL
	ELSE excluded.version > c.version END`

const upsertLegTemplate = `
INSERT INTO call_leg AS c (call_id, id, version, channel, role, extension, number, agent_id,
	offered_at, answered_at, ended_at, ended_as, talk_ms, hold_ms, parent, spans, pbx, line)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
ON CONFLICT (call_id, id) DO UPDATE SET
	version = {keep:version},
	channel = {keep:channel},
	role = {keep:role},
	extension = CASE WHEN {keep:extension} <> '' THEN {keep:extension} ELSE greatest(c.extension, excluded.extension) END,
	number = CASE WHEN {keep:number} <> '' THEN {keep:number} ELSE greatest(c.number, excluded.number) END,
	agent_id = coalesce(c.agent_id, excluded.agent_id),
	offered_at = least(c.offered_at, excluded.offered_at),
	answered_at = least(c.answered_at, excluded.answered_at),
	ended_at = {keep:ended_at},
	ended_as = {keep:ended_as},
	talk_ms = greatest(c.talk_ms, excluded.talk_ms),
	hold_ms = greatest(c.hold_ms, excluded.hold_ms),
	parent = CASE WHEN {keep:parent} <> '' THEN {keep:parent} ELSE greatest(c.parent, excluded.parent) END,
	spans = CASE
		WHEN excluded.talk_ms > c.talk_ms THEN excluded.spans
		WHEN excluded.talk_ms < c.talk_ms THEN c.spans
		ELSE greatest(c.spans, excluded.spans) END,
	pbx = {keep:pbx},
	line = c.line OR excluded.line`

// moveNote adds what was written about a call ($1) to what was written about the one that it became part of ($2), so that
// it is read there. Done again it changes nothing.
const moveNote = `
WITH moved AS (
	INSERT INTO call_annotation AS a (call_id, note, updated_by, updated_at)
	SELECT i.id, n.note, n.updated_by, n.updated_at FROM call_annotation n, call i WHERE n.call_id = $1 AND i.id = $2 AND n.note <> ''
	ON CONFLICT (call_id) DO UPDATE SET note = left(a.note || CASE WHEN a.note = '' THEN '' ELSE E'\n' END || excluded.note, 10000),
		updated_by = excluded.updated_by, updated_at = excluded.updated_at
	WHERE strpos(a.note, excluded.note) = 0
	RETURNING call_id, note, updated_by, updated_at),
written AS (INSERT INTO call_note (call_id, note, written_by, written_at) SELECT * FROM moved)
UPDATE call SET note_search = note_search || ' ' || (SELECT ` + noteWords + ` FROM call WHERE id = $1)
WHERE id = $2 AND EXISTS (SELECT FROM moved)`

// expand writes a merge template out.
func expand(template, wins string) string {
	template = strings.ReplaceAll(template, "{rematch}", rematch)
	for _, macro := range []struct{ name, sql string }{
		{"keep", "CASE WHEN {wins} THEN excluded.@ ELSE c.@ END"},
		{"fill", "{with:@ @}"},
		{"with", "CASE WHEN {wins} AND NOT (excluded.partial AND excluded.@ = '') OR NOT {wins} AND c.partial AND c.@ = '' THEN excluded.# ELSE c.# END"},
		{"full", "CASE WHEN excluded.whole <> c.whole THEN CASE WHEN c.whole THEN c.@ ELSE excluded.@ END WHEN {wins} THEN excluded.@ ELSE c.@ END"},
	} {
		for {
			before, rest, found := strings.Cut(template, "{"+macro.name+":")
			if !found {
				break
			}
			columns, after, _ := strings.Cut(rest, "}")
			column, other, _ := strings.Cut(columns, " ")
			template = before + "(" + strings.NewReplacer("@", column, "#", other).Replace(macro.sql) + ")" + after
		}
	}
	return strings.ReplaceAll(template, "{wins}", "("+wins+")")
}

// row is a picture ready to be written.
type row struct {
	picture
	match matched
}

// matched is what the look-up of a call's customer found. The zero value: it could not be looked up.
type matched struct {
	query      crm.Query
	rule       crm.Rule
	customer   *uuid.UUID
	name       string
	candidates []uuid.UUID
}

// write puts rows into the database, all or none. db.ErrFenced: an epoch is over.
func (r *Recorder) write(ctx context.Context, rows []row, under epochs) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	seen := make([]crm.QueueSeen, 0, len(rows))
	for i := range rows {
		if q, ok := r.queueSeen(&rows[i].Call); ok {
			seen = append(seen, q)
		}
	}
	// Two nodes that write the same calls take their locks in the same order: of the queues, then of the calls.
	slices.SortStableFunc(rows, func(a, b row) int { return strings.Compare(string(a.Call.ID[:]), string(b.Call.ID[:])) })
	batch := &pgx.Batch{}
	under.fence(batch, rows)
	for i := range rows {
		if err := r.queue(batch, &rows[i]); err != nil {
			return err
		}
	}
	return r.cfg.DB.InTx(ctx, func(tx pgx.Tx) error {
		if r.cfg.Learn != nil {
			if err := r.cfg.Learn(ctx, tx, seen); err != nil {
				return err
			}
		}
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
		if err := linkAttempts(ctx, tx, rows); err != nil {
			return err
		}
		return r.followCalls(ctx, tx, rows)
	})
}

// queueSeen is what a call tells of its queue; false: it came to none. What was dialled led there only if nobody transferred
// the call, which a picture of its middle does not tell, nor an exchange's own records.
func (r *Recorder) queueSeen(c *pbx.Call) (crm.QueueSeen, bool) {
	if c.Queue == "" {
		return crm.QueueSeen{}, false
	}
	seen := crm.QueueSeen{PBX: c.QueueExchange(), Name: c.Queue, At: c.StartedAt}
	if c.Direction != pbx.Outbound && len(c.Transfers) == 0 && !c.Partial && !c.Reconstructed {
		seen.Number = text(r.cfg.Normalise(c.PBX, c.Trunk, c.Dialed).Key(), shortText)
	}
	return seen, true
}

// queue adds what writes one row.
func (r *Recorder) queue(batch *pgx.Batch, w *row) error {
	c := &w.Call
	caller := r.cfg.Normalise(c.PBX, c.Trunk, c.Caller.Number)
	dialed := r.cfg.Normalise(c.PBX, c.Trunk, c.Dialed)
	callerKey, dialedKey := text(caller.Key(), shortText), text(dialed.Key(), shortText)
	number := ""
	switch c.Direction {
	case pbx.Inbound:
		number = callerKey
	case pbx.Outbound:
		number = dialedKey
	}
	transfers := make([]Transfer, len(c.Transfers))
	for i, t := range c.Transfers {
		transfers[i] = Transfer(t)
	}
	transfersJSON, err := json.Marshal(transfers)
	if err != nil {
		return fmt.Errorf("encode transfers of call %s: %w", c.ID, err)
	}
	names := []string{c.Caller.Name, w.match.name, c.Queue}
	for _, raw := range []string{c.Caller.Number, c.Dialed} {
		if strings.ContainsFunc(raw, unicode.IsLetter) { // numbers have an index of their own
			names = append(names, raw)
		}
	}
	agents := []uuid.UUID{}
	for i := range c.Legs {
		if id, ok := w.Agents[c.Legs[i].ID]; ok && !slices.Contains(agents, id) {
			agents = append(agents, id)
		}
	}
	candidates := w.match.candidates
	if candidates == nil {
		candidates = []uuid.UUID{}
	}
	batch.Queue(upsertCall, c.ID, c.PBX, c.Version, string(c.Direction), string(c.State), string(c.Outcome),
		c.Caller.Number, callerKey, c.Caller.Name, c.Caller.Withheld, c.Dialed, dialedKey, number,
		c.Trunk, c.Queue, c.CustomerRef, c.StartedAt, at(c.AnsweredAt), at(c.EndedAt),
		c.Wait.Milliseconds(), c.Talk.Milliseconds(), c.Hold.Milliseconds(),
		string(c.Hangup.By), c.Hangup.Cause, c.Hangup.Text, string(transfersJSON), c.Partial, c.Reconstructed, !c.Partial,
		text(searchable(strings.Join(names, " ")), 4*longText), string(w.match.rule), w.match.customer, candidates, idOrNil(c.MergedInto),
		at(c.EndedBefore), c.QueuePBX, agents)
	if c.MergedInto != uuid.Nil {
		batch.Queue(moveNote, c.ID, c.MergedInto)
		batch.Queue(moveDisposition, c.ID, c.MergedInto)
	}
	leg := func(l *pbx.Leg, agent *uuid.UUID, line bool) {
		batch.Queue(upsertLeg, c.ID, l.ID, c.Version, l.Channel, string(l.Role), l.Extension, l.Number, agent,
			l.OfferedAt, at(l.AnsweredAt), at(l.EndedAt), string(l.End), l.Talk.Milliseconds(), l.Hold.Milliseconds(), l.Parent,
			spansOf(l), c.Exchange(l), line)
	}
	for i := range c.Lines {
		leg(&c.Lines[i], nil, true)
	}
	for i := range c.Legs {
		l := &c.Legs[i]
		var agent *uuid.UUID
		if id, ok := w.Agents[l.ID]; ok {
			agent = &id
		}
		leg(l, agent, false)
	}
	if len(agents) > 0 {
		batch.Queue(upsertAgent, c.ID, agents)
	}
	return nil
}

// idOrNil is id for the database: NULL when it is zero.
func idOrNil(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

// at is t for the database: NULL when it is zero.
func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// queryOf is what to ask about a call's customer; false: nobody from outside takes part.
func queryOf(c *pbx.Call) (crm.Query, bool) {
	q := crm.Query{PBX: c.PBX, Trunk: c.Trunk, CustomerRef: c.CustomerRef}
	switch c.Direction {
	case pbx.Inbound:
		q.Raw, q.Withheld = c.Caller.Number, c.Caller.Withheld
	case pbx.Outbound:
		q.Raw = c.Dialed
	default:
		return q, c.CustomerRef != ""
	}
	return q, true
}

// look names the customer of a call. An error says that the database is away; whatever else goes wrong gives the
// zero match, which sweep repairs later.
func (r *Recorder) look(ctx context.Context, c *pbx.Call) (matched, error) {
	q, ask := queryOf(c)
	if !ask {
		return matched{query: q, rule: crm.RuleNone}, nil
	}
	m, err := r.cfg.Match(ctx, q)
	if err != nil {
		if ctx.Err() != nil {
			return matched{}, ctx.Err()
		}
		if away := r.cfg.DB.Healthy(ctx); away != nil {
			return matched{}, away
		}
		r.met.unmatched.Add(r.met.ctx, 1)
		if r.unmatched++; r.unmatched == 1 {
			r.log.Warn("calls' customers cannot be looked up; it will be tried again", "call", c.ID, "err", err)
		}
		return matched{query: q}, nil
	}
	if r.unmatched > 0 && m.Rule != crm.RuleWithheld { // for which nobody need be asked
		r.log.Info("calls' customers can be looked up again", "failed", r.unmatched)
		r.unmatched = 0
	}
	found := matched{query: q, rule: m.Rule}
	if m.Customer != nil {
		found.customer, found.name = &m.Customer.ID, m.Customer.Name
	}
	for _, one := range m.Candidates {
		found.candidates = append(found.candidates, one.ID)
	}
	return found, nil
}

// waited says that a transaction gave up waiting for others, or was made to.
func waited(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "55P03" || pg.Code == "40P01") // lock_not_available, deadlock_detected
}
