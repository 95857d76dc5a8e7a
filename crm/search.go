package crm

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// CustomerFilter chooses and pages customers.
type CustomerFilter struct {
	Q              string // words of name, company, tag, reference or number; all must occur
	Kind           CustomerKind
	OrganizationID *uuid.UUID
	Tag            string
	Archived       bool   // only archived ones; else only live ones
	Cursor         string // Next of the page before
	Limit          int    // 1 to 100; 0: 25
}

// Customers lists customers by name in Persian order; those that Q finds, the newest first. Every filter is answered from an index.
func (s *Store) Customers(ctx context.Context, a Actor, f CustomerFilter) (Page[Customer], error) {
	if err := a.Require(CustomersRead); err != nil {
		return Page[Customer]{}, err
	}
	sql, args, limit, err := s.customersQuery(f)
	if err != nil {
		return Page[Customer]{}, err
	}
	// Planned for these very words: a plan for any words reads a million rows for rare ones.
	rows, err := s.db.Pool().Query(ctx, sql, append([]any{pgx.QueryExecModeCacheDescribe}, args...)...)
	if err != nil {
		return Page[Customer]{}, wrap(err, "list customers")
	}
	list, err := pgx.CollectRows(rows, scanCustomer)
	if err != nil {
		return Page[Customer]{}, wrap(err, "list customers")
	}
	page := Page[Customer]{Items: list}
	if len(list) > limit {
		page.Items = list[:limit]
		last := page.Items[limit-1]
		next := nameCursor{last.Name, last.ID}.String()
		page.Next = &next
	}
	return page, nil
}

// customersQuery asks for one row more than limit, to know whether there is a next page.
func (s *Store) customersQuery(f CustomerFilter) (sql string, args []any, limit int, err error) {
	var faults FieldErrors
	limit = pageLimit(f.Limit, &faults)
	where := []string{"c.archived_at IS NULL"}
	if f.Archived {
		where[0] = "c.archived_at IS NOT NULL"
	}
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	switch f.Kind {
	case "":
	case Person, Organization:
		where = append(where, "c.kind = "+arg(f.Kind))
	default:
		faults.add("kind", `must be "person" or "organization"`)
	}
	if f.OrganizationID != nil {
		where = append(where, "c.organization_id = "+arg(*f.OrganizationID))
	}
	if tag := text(&faults, "tag", f.Tag, maxTag, false); tag != "" {
		where = append(where, "c.tags @> "+arg([]string{tag}))
	}
	q := text(&faults, "q", f.Q, 200, false)
	order, after := "c.name, c.id", "(c.name, c.id) > (%s::text, %s::uuid)"
	for _, p := range s.SearchPatterns(q) {
		// Names that fit a word stand together in the order of names, which may be half a million rows away; in the
		// order of time they are spread, as the planner believes.
		order, after = "c.id DESC", "(%s::text IS NOT NULL AND c.id < %s::uuid)"
		where = append(where, "c.search LIKE "+arg(p))
	}
	if f.Cursor != "" {
		c := parseNameCursor(f.Cursor, &faults)
		where = append(where, fmt.Sprintf(after, arg(c.Name), arg(c.ID)))
	}
	sql = "SELECT" + customerColumns + `
	  FROM customer c LEFT JOIN customer o ON o.id = c.organization_id
	 WHERE ` + strings.Join(where, " AND ") + `
	 ORDER BY ` + order + `
	 LIMIT ` + arg(limit+1)
	return sql, args, limit, faults.err()
}

const maxWords = 8

// SearchPatterns are the LIKE patterns of what somebody searches for. A word matches anywhere in a word; one of
// less than three letters, for which there is no trigram, matches where a word begins.
func (s *Store) SearchPatterns(q string) []string {
	words := strings.Fields(Fold(q))
	if digits, plus, ok := bareDigits(asciiDigits(q)); ok {
		if n := ParseNumber(q, s.config.Numbering.Default); n.E164 != "" {
			digits = n.E164[1:]
		} else if !plus {
			digits = strings.TrimPrefix(digits, "00")
		}
		words = strings.Fields(Fold(digits))
	}
	patterns := make([]string, 0, maxWords)
	for _, w := range words[:min(len(words), maxWords)] {
		if len([]rune(w)) < 3 {
			w = " " + w
		}
		patterns = append(patterns, "%"+w+"%")
	}
	return patterns
}

// searchText is the customer's search column: its own words, each after a space, then | and the organization's.
func (s *Store) searchText(c Customer) string {
	words := []string{"", Fold(c.Name), Fold(c.Reference)}
	for _, t := range c.Tags {
		words = append(words, Fold(t))
	}
	for _, n := range c.Numbers {
		if e, ok := strings.CutPrefix(n.Number, "+"); ok {
			words = append(words, e, s.asDialled(n.Number))
		} else {
			words = append(words, Fold(n.Number))
		}
	}
	return strings.Join(words, " ") + "| " + Fold(c.Organization)
}

// asDialled is a number of the own country as people there write it, with the trunk 0; else empty.
func (s *Store) asDialled(e164 string) string {
	p, ok := plans[s.config.Numbering.Default.Region]
	if !ok {
		return nationalDigits(e164, s.config.Numbering.Default.Region)
	}
	if rest, ok := strings.CutPrefix(e164, "+"+p.country); ok {
		return "0" + rest
	}
	return ""
}
