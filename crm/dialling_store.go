package crm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// EventDialling is the kind of the events that tell all nodes that the rules of dialling were changed.
const EventDialling = "dialling"

// Dialling are the rules as they are now.
func (s *Store) Dialling(ctx context.Context, a Actor) (Dialling, error) {
	if !a.Can(CallsDial) {
		return Dialling{}, fmt.Errorf("%s: %w", CallsDial, ErrForbidden)
	}
	return readDialling(ctx, s.db.Pool())
}

func readDialling(ctx context.Context, q querier) (Dialling, error) {
	var d Dialling
	var rules []byte
	rows, err := q.Query(ctx, `
		SELECT rules, otherwise, per_minute, per_minute_pbx, version, updated_at, updated_by FROM dialling`)
	if err != nil {
		return d, wrap(err, "read the rules of dialling")
	}
	d, err = pgx.CollectOneRow(rows, func(row pgx.CollectableRow) (Dialling, error) {
		err := row.Scan(&rules, &d.Otherwise, &d.PerMinute, &d.PerMinutePBX, &d.Version, &d.UpdatedAt, &d.UpdatedBy)
		if err == nil {
			err = json.Unmarshal(rules, &d.Rules)
		}
		return d, err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return DefaultDialling(), nil
	}
	return d, wrap(err, "read the rules of dialling")
}

// SaveDialling replaces the rules. ErrConflict when they have another version by now.
func (s *Store) SaveDialling(ctx context.Context, a Actor, in DiallingInput) (Dialling, error) {
	if err := a.Require(DiallingManage); err != nil {
		return Dialling{}, err
	}
	after, err := checkDialling(in)
	if err != nil {
		return Dialling{}, err
	}
	rules, err := json.Marshal(after.Rules)
	if err != nil {
		return Dialling{}, wrap(err, "encode the rules of dialling")
	}
	err = s.db.InTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `LOCK TABLE dialling IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return wrap(err, "lock the rules of dialling")
		}
		before, err := readDialling(ctx, tx)
		if err != nil {
			return err
		}
		if in.Version != nil && *in.Version != before.Version {
			return fmt.Errorf("rules of dialling: %w", ErrConflict)
		}
		said := changes{}
		said.note("rules", before.Rules, after.Rules)
		said.note("otherwise", before.Otherwise, after.Otherwise)
		said.note("per_minute", before.PerMinute, after.PerMinute)
		said.note("per_minute_pbx", before.PerMinutePBX, after.PerMinutePBX)
		if len(said) == 0 {
			after = before
			return nil
		}
		if err := tx.QueryRow(ctx, `
			INSERT INTO dialling AS d (rules, otherwise, per_minute, per_minute_pbx, version, updated_by) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (one) DO UPDATE SET rules = $1, otherwise = $2, per_minute = $3, per_minute_pbx = $4, version = $5,
				updated_by = $6, updated_at = now()
			RETURNING version, updated_at, updated_by`,
			string(rules), after.Otherwise, after.PerMinute, after.PerMinutePBX, before.Version+1, a.Username).
			Scan(&after.Version, &after.UpdatedAt, &after.UpdatedBy); err != nil {
			return wrap(err, "save the rules of dialling")
		}
		return AuditTx(ctx, tx, a, "update", EventDialling, "rules", said)
	})
	return after, err
}

// checkDialling makes clean rules of what an administrator sent, or names its faults.
func checkDialling(in DiallingInput) (Dialling, error) {
	var f FieldErrors
	d := Dialling{Rules: make([]DialRule, 0, len(in.Rules)), Otherwise: in.Otherwise, PerMinute: in.PerMinute, PerMinutePBX: in.PerMinutePBX}
	if len(in.Rules) > maxDialRules {
		f.add("rules", "has more than "+itoa(maxDialRules)+" entries")
	}
	for i, r := range in.Rules[:min(len(in.Rules), maxDialRules)] {
		at := "rules[" + itoa(i) + "]."
		r.Prefix = text(&f, at+"prefix", asciiDigits(r.Prefix), 20, false)
		r.Note = text(&f, at+"note", r.Note, 200, false)
		switch {
		case (r.Class == "") == (r.Prefix == ""):
			f.add(at+"class", "say either a class or a prefix")
		case r.Class == ClassEmergency:
			f.add(at+"class", "emergency numbers are always allowed")
		case r.Class != "" && !slices.Contains(DialClasses(), r.Class):
			f.add(at+"class", "is none of the classes")
		case r.Prefix != "" && (strings.TrimPrefix(r.Prefix, "+") == "" || strings.Trim(strings.TrimPrefix(r.Prefix, "+"), "0123456789") != ""):
			f.add(at+"prefix", "is not digits, with or without + before them")
		}
		roles := []Role{}
		for j, role := range r.Roles {
			switch {
			case grants[role] == nil:
				f.add(at+"roles["+itoa(j)+"]", "is no role")
			case !slices.Contains(roles, role):
				roles = append(roles, role)
			}
		}
		r.Roles = roles
		d.Rules = append(d.Rules, r)
	}
	if in.PerMinute < 1 || in.PerMinute > 120 {
		f.add("per_minute", "must be from 1 to 120")
	}
	if in.PerMinutePBX < 1 || in.PerMinutePBX > 6000 {
		f.add("per_minute_pbx", "must be from 1 to 6000")
	}
	return d, f.err()
}

const maxDialRules = 100
