package calllog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/crm"
	"ringbook/db"
)

// EventCall is the kind of the events that tell all nodes that a person has written about a call, whose id it has.
const EventCall = "call"

const (
	noteMost = 10_000 // characters
	// A link reaches back over so many calls of the number, and for a year.
	pastCallsMost = 10_000
)

// Annotate saves what the actor writes about a call. onDesk says that the call is on the actor's desk now, which
// permits it whoever else took part. crm.ErrNotFound: the log has no such call (yet: see Recorder.Sync).
//
// Every text that a note ever had is kept. A customer is chosen for the call, remembered for its number (crm.Link),
// and given to the ended calls of that number within the last year, 10,000 at most, unless a person or the dialplan
// chose theirs. Choosing nobody takes that back: the calls that had their customer by a link are looked up anew.
func (s *Store) Annotate(ctx context.Context, a crm.Actor, id uuid.UUID, p Patch, onDesk bool) (Record, error) {
	if !a.Can(crm.CallsAnnotate) {
		return Record{}, fmt.Errorf("annotate call %s: %w", id, crm.ErrForbidden)
	}
	if p.Note != nil {
		if err := checkNote(*p.Note); err != nil {
			return Record{}, err
		}
	}
	var unlinked *crm.Query
	asked := id
	err := s.db.InTx(ctx, func(tx pgx.Tx) (err error) {
		if id, err = currentCall(ctx, tx, asked); err != nil {
			return err
		}
		if err := s.lock(ctx, tx, a, id, onDesk); err != nil {
			return err
		}
		if p.Note != nil {
			note := *p.Note
			if id != asked {
				if note, err = s.appended(ctx, tx, id, note); err != nil {
					return err
				}
			}
			if err := s.saveNote(ctx, tx, a, id, note); err != nil {
				return err
			}
		}
		if p.Customer != nil {
			if unlinked, err = s.choose(ctx, tx, a, id, *p.Customer); err != nil {
				return err
			}
			if err = closeCalledAgain(ctx, tx, []uuid.UUID{id}); err != nil {
				return err
			}
		}
		if p.Disposition != nil {
			if err := s.dispose(ctx, tx, a, id, *p.Disposition); err != nil {
				return err
			}
		}
		return db.Emit(ctx, tx, db.Event{Kind: EventCall, ID: id.String()})
	})
	if err != nil {
		return Record{}, fmt.Errorf("annotate call %s: %w", id, err)
	}
	if unlinked != nil {
		if err := s.relook(ctx, *unlinked); err != nil {
			return Record{}, fmt.Errorf("annotate call %s: look its number up anew: %w", id, err)
		}
	}
	// Whoever may write about the call may read what they wrote.
	return s.Call(ctx, crm.System, id)
}

func checkNote(note string) error {
	switch {
	case utf8.RuneCountInString(note) > noteMost:
		return crm.FieldErrors{{Field: "note", Problem: fmt.Sprintf("must have at most %d characters", noteMost)}}
	case !utf8.ValidString(note) || strings.ContainsRune(note, 0):
		return crm.FieldErrors{{Field: "note", Problem: "holds characters that are none"}}
	}
	return nil
}

// appended is a note that was written about a call when it became part of another, added to that one's, which its writer
// has not seen.
func (s *Store) appended(ctx context.Context, tx pgx.Tx, id uuid.UUID, note string) (string, error) {
	var before string
	err := tx.QueryRow(ctx, `SELECT coalesce((SELECT note FROM call_annotation WHERE call_id = $1), '')`, id).Scan(&before)
	switch {
	case err != nil:
		return "", fmt.Errorf("read note: %w", err)
	case before == "" || strings.Contains(note, before):
		return note, nil
	case strings.Contains(before, note):
		return before, nil
	}
	note = before + "\n" + note
	return note, checkNote(note)
}

// lock finds a call that the actor may write about, and holds it until the transaction ends.
func (s *Store) lock(ctx context.Context, tx pgx.Tx, a crm.Actor, id uuid.UUID, onDesk bool) error {
	permitted := func(p crm.Permission) (bool, error) {
		if a.Scope(p) == crm.ScopeAll {
			return true, nil
		}
		cond, args := mayTouch(a, p, 2)
		var yes bool
		err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM call c WHERE c.id = $1 AND `+cond+`)`,
			append([]any{id}, args...)...).Scan(&yes)
		return yes, err
	}
	var known bool
	err := tx.QueryRow(ctx, `SELECT true FROM call WHERE id = $1 FOR UPDATE`, id).Scan(&known)
	if errors.Is(err, pgx.ErrNoRows) {
		return crm.ErrNotFound
	}
	if err != nil || onDesk {
		return err
	}
	if yes, err := permitted(crm.CallsAnnotate); err != nil || yes {
		return err
	}
	if readable, err := permitted(crm.CallsRead); err != nil {
		return err
	} else if readable {
		return crm.ErrForbidden
	}
	return crm.ErrNotFound
}

func (s *Store) saveNote(ctx context.Context, tx pgx.Tx, a crm.Actor, id uuid.UUID, note string) error {
	saved, err := tx.Exec(ctx, `
		INSERT INTO call_annotation AS n (call_id, note, updated_by, updated_at) VALUES ($1, $2, $3, now())
		ON CONFLICT (call_id) DO UPDATE SET note = $2, updated_by = $3, updated_at = now() WHERE n.note <> $2`,
		id, note, byWhom(a))
	if err != nil {
		return fmt.Errorf("save note: %w", err)
	}
	if saved.RowsAffected() == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, `INSERT INTO call_note (call_id, note, written_by, written_at) VALUES ($1, $2, $3, now())`,
		id, note, byWhom(a)); err != nil {
		return fmt.Errorf("save note: %w", err)
	}
	if _, err := tx.Exec(ctx, `UPDATE call SET note_search = $2 || coalesce(`+saidWord+`, '') WHERE id = $1`, id, searchable(note)); err != nil {
		return fmt.Errorf("save note: %w", err)
	}
	return nil
}

// choose sets the customer of a call, remembers it for the number, and gives it to the number's past calls. When it
// is nobody, unlinked is what those must be looked up by.
func (s *Store) choose(ctx context.Context, tx pgx.Tx, a crm.Actor, id, customer uuid.UUID) (unlinked *crm.Query, err error) {
	var chosen *uuid.UUID
	if customer != uuid.Nil {
		chosen = &customer
		var known bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM customer WHERE id = $1)`, customer).Scan(&known); err != nil {
			return nil, fmt.Errorf("find customer: %w", err)
		}
		if !known {
			return nil, crm.FieldErrors{{Field: "customer_id", Problem: "is no customer"}}
		}
	}
	var q crm.Query
	var key, direction, dialed string
	var before *uuid.UUID
	if err := tx.QueryRow(ctx, `SELECT number, customer_id, direction, pbx, trunk, caller_raw, dialed_raw FROM call WHERE id = $1`, id).
		Scan(&key, &before, &direction, &q.PBX, &q.Trunk, &q.Raw, &dialed); err != nil {
		return nil, fmt.Errorf("read call: %w", err)
	}
	if direction == "outbound" {
		q.Raw = dialed
	}
	if _, err := tx.Exec(ctx, `UPDATE call SET chosen = true, chosen_id = $2 WHERE id = $1`, id, chosen); err != nil {
		return nil, fmt.Errorf("choose customer: %w", err)
	}
	past := int64(0)
	if key != "" {
		number := crm.ParseNumber(q.Raw, s.crm.Numbering().Rules(q.PBX, q.Trunk))
		if number.Key() != key {
			// The rules have changed since; the call is compared by what it had.
			number = crm.ParseNumber(key, crm.Rules{})
		}
		if err := s.crm.LinkTx(ctx, tx, a, number, customer); err != nil {
			return nil, fmt.Errorf("link number: %w", err)
		}
		if chosen == nil {
			unlinked = &q
		} else if past, err = rematchPast(ctx, tx, key, "match_rule <> 'ivr'", crm.RuleLinked, chosen, nil); err != nil {
			return nil, err
		}
	}
	changes, err := json.Marshal(map[string]any{"customer_id": [2]any{before, chosen}, "past_calls": [2]any{nil, past}})
	if err != nil {
		return nil, fmt.Errorf("encode audit: %w", err)
	}
	if _, err := tx.Exec(ctx, `INSERT INTO audit (agent_id, actor, action, entity, entity_id, changes)
		VALUES ($1, $2, 'link', 'call', $3, $4)`, byWhom(a), a.Username, id.String(), string(changes)); err != nil {
		return nil, fmt.Errorf("write audit: %w", err)
	}
	return unlinked, nil
}

// relook gives the past calls of a number whose link was taken back the customer that it names without.
func (s *Store) relook(ctx context.Context, q crm.Query) error {
	m, err := s.crm.Match(ctx, q)
	if err != nil {
		return err
	}
	var customer *uuid.UUID
	if m.Customer != nil {
		customer = &m.Customer.ID
	}
	candidates := []uuid.UUID{}
	for _, c := range m.Candidates {
		candidates = append(candidates, c.ID)
	}
	return s.db.InTx(ctx, func(tx pgx.Tx) error {
		_, err := rematchPast(ctx, tx, m.Number.Key(), "match_rule = 'linked'", m.Rule, customer, candidates)
		return err
	})
}

// rematchPast changes the match of a number's ended calls, as far back as a link reaches. candidates nil: they stay.
func rematchPast(ctx context.Context, tx pgx.Tx, key, which string, rule crm.Rule, customer *uuid.UUID, candidates []uuid.UUID) (int64, error) {
	since := time.Now().AddDate(-1, 0, 0)
	// In the order of ids, as the recorder writes, so that neither waits for the other in a circle.
	changed, err := tx.Exec(ctx, `
		WITH past AS (
			SELECT id FROM (
				SELECT id, state, chosen, match_rule, matched_id FROM call
				WHERE number = $1 AND number <> '' AND started_at > $5 AND id >= $7
				ORDER BY started_at DESC, id DESC LIMIT $6) newest
			WHERE state = 'ended' AND NOT chosen AND `+which+`
			ORDER BY id)
		UPDATE call c SET match_rule = $2, matched_id = $3, candidates = coalesce($4::uuid[], c.candidates)
		FROM past WHERE c.id = past.id AND c.id >= $7 AND (c.match_rule <> $2 OR c.matched_id IS DISTINCT FROM $3)`,
		key, string(rule), customer, candidates, since, pastCallsMost, idAt(since.Add(-astray)))
	if err != nil {
		return 0, fmt.Errorf("give past calls their customer: %w", err)
	}
	return changed.RowsAffected(), nil
}

// byWhom is the actor for the database: NULL is ringbook itself.
func byWhom(a crm.Actor) *uuid.UUID {
	if a.AgentID == uuid.Nil {
		return nil
	}
	return &a.AgentID
}
