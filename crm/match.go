package crm

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
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

// Match names the customers behind a call, in one round trip. It is for the system itself and asks no Actor.
func (s *Store) Match(ctx context.Context, q Query) (Match, error) { return Match{}, errUnfinished }

// Link remembers the customer that an agent chose for a number; uuid.Nil forgets it.
func (s *Store) Link(ctx context.Context, a Actor, number Number, customer uuid.UUID) error {
	return errUnfinished
}

// LinkTx is Link inside the caller's transaction.
func (s *Store) LinkTx(ctx context.Context, tx pgx.Tx, a Actor, number Number, customer uuid.UUID) error {
	return errUnfinished
}
