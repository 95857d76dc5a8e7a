package crm

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Rule says how a call was matched to a customer. See the package comment.
type Rule string

const (
	RuleIVR      Rule = "ivr"
	RuleLinked   Rule = "linked"
	RuleExact    Rule = "exact"
	RuleShared   Rule = "shared"
	RuleNone     Rule = "none"
	RuleWithheld Rule = "withheld"
)

// Query is what is known of a caller.
type Query struct {
	PBX         string
	Trunk       string // endpoint of the line ("PJSIP/trunk"), for the numbering rules
	Raw         string // the number as the PBX gave it
	Withheld    bool   // the caller hides the number, even if Raw has it
	CustomerRef string // what the dialplan said about the customer: an id or a reference
}

// Match is who may be behind a call. Customer is nil for RuleShared, RuleNone and RuleWithheld. Candidates are all
// that come into question, the Customer first; never nil.
type Match struct {
	Number     Number
	Rule       Rule
	Customer   *Customer
	Candidates []Customer
	More       bool // there are more candidates than the 50 given
}

const maxCandidates = 50

// matchQuery finds, by rank: 0 the customer named by id or reference, 1 the linked one, 2 those who have the number.
// $1 key, $2 id, $3 reference; NULL where there is none. What each part reads is bounded, whatever is stored.
const matchQuery = `
	WITH candidate AS (
		SELECT id, 0 AS rank, false AS historic
		  FROM (SELECT id FROM customer WHERE id = $2 AND archived_at IS NULL
		        UNION ALL
		        SELECT id FROM customer WHERE reference = $3 AND reference <> '' AND archived_at IS NULL
		        LIMIT 1) named
		UNION ALL
		SELECT c.id, 1, false
		  FROM number_link l JOIN customer c ON c.id = l.customer_id AND c.archived_at IS NULL
		 WHERE l.key = $1
		UNION ALL
		(SELECT c.id, 2, n.historic
		   FROM customer_number n JOIN customer c ON c.id = n.customer_id AND c.archived_at IS NULL
		  WHERE n.key = $1
		  ORDER BY n.historic, n.customer_id
		  LIMIT 102)
	), best AS (
		SELECT id, min(rank) AS rank, bool_and(historic) AS historic FROM candidate GROUP BY id
	)
	SELECT b.rank,` + customerColumns + `
	  FROM best b JOIN customer c ON c.id = b.id LEFT JOIN customer o ON o.id = c.organization_id
	 ORDER BY b.rank, b.historic, c.id
	 LIMIT 51`

// Match names the customers behind a call, in one round trip. It is for the system itself and asks no Actor.
func (s *Store) Match(ctx context.Context, q Query) (Match, error) {
	started := time.Now()
	m := Match{Number: ParseNumber(q.Raw, s.config.Numbering.Rules(q.PBX, q.Trunk)), Candidates: []Customer{}}
	withheld := q.Withheld || m.Number.Kind == KindWithheld
	var key, ref *string
	var id *uuid.UUID
	if !withheld {
		k := m.Number.Key()
		key = &k
	}
	if r := reference(q.CustomerRef); r != "" {
		ref = &r
		if u, err := uuid.Parse(r); err == nil {
			id = &u
		}
	}
	m.Rule = RuleNone
	if withheld {
		m.Rule = RuleWithheld
	}
	if key == nil && ref == nil {
		return m, nil
	}
	rows, err := s.db.RingPool().Query(ctx, matchQuery, key, id, ref)
	if err != nil {
		return Match{}, wrap(err, "match a caller")
	}
	best := -1
	m.Candidates, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Customer, error) {
		var c Customer
		var rank int
		err := row.Scan(append([]any{&rank}, c.fields()...)...)
		if best < 0 {
			best = rank
		}
		return c, err
	})
	if err != nil {
		return Match{}, wrap(err, "match a caller")
	}
	if len(m.Candidates) > maxCandidates {
		m.Candidates, m.More = m.Candidates[:maxCandidates], true
	}
	switch {
	case best == 0:
		m.Rule = RuleIVR
	case best == 1:
		m.Rule = RuleLinked
	case len(m.Candidates) == 1:
		m.Rule = RuleExact
	case len(m.Candidates) > 1:
		m.Rule = RuleShared
	}
	if len(m.Candidates) > 0 && m.Rule != RuleShared {
		m.Customer = &m.Candidates[0]
	}
	s.matching.Record(ctx, time.Since(started).Seconds(), metric.WithAttributes(attribute.String("rule", string(m.Rule))))
	return m, nil
}

// Link remembers the customer that an agent chose for a number; uuid.Nil forgets it.
func (s *Store) Link(ctx context.Context, a Actor, number Number, customer uuid.UUID) error {
	return s.db.InTx(ctx, func(tx pgx.Tx) error { return s.LinkTx(ctx, tx, a, number, customer) })
}

// LinkTx is Link inside the caller's transaction. FieldErrors name "customer_id" or "number".
func (s *Store) LinkTx(ctx context.Context, tx pgx.Tx, a Actor, number Number, customer uuid.UUID) error {
	if err := a.Require(NumbersLink); err != nil {
		return err
	}
	key := number.Key()
	if key == "" {
		return FieldErrors{{"number", "is withheld: no customer can be remembered for it"}}
	}
	if customer == uuid.Nil {
		tag, err := tx.Exec(ctx, `DELETE FROM number_link WHERE key = $1`, key)
		if err != nil || tag.RowsAffected() == 0 {
			return wrap(err, "forget a number's customer")
		}
		return AuditTx(ctx, tx, a, "unlink", "number", key, changes{})
	}
	var live bool
	err := tx.QueryRow(ctx, `SELECT archived_at IS NULL FROM customer WHERE id = $1 FOR SHARE`, customer).Scan(&live)
	if errors.Is(err, pgx.ErrNoRows) || (err == nil && !live) {
		return FieldErrors{{"customer_id", "there is no such customer"}}
	} else if err != nil {
		return wrap(err, "read customer %s", customer)
	}
	agent := &a.AgentID
	if a.AgentID == uuid.Nil {
		agent = nil
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO number_link (key, customer_id, agent_id) VALUES ($1, $2, $3)
		ON CONFLICT (key) DO UPDATE SET customer_id = excluded.customer_id, agent_id = excluded.agent_id, linked_at = now()`,
		key, customer, agent)
	if err != nil {
		return wrap(err, "link a number to customer %s", customer)
	}
	return AuditTx(ctx, tx, a, "link", "number", key, map[string]any{"customer_id": customer})
}
