package crm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// CustomerKind tells persons from organizations.
type CustomerKind string

const (
	Person       CustomerKind = "person"
	Organization CustomerKind = "organization"
)

// Customer is someone who calls or is called.
type Customer struct {
	ID             uuid.UUID        `json:"id"`
	Kind           CustomerKind     `json:"kind"`
	Name           string           `json:"name"`
	OrganizationID *uuid.UUID       `json:"organization_id"` // of a person; nil: none
	Organization   string           `json:"organization"`    // that organization's name
	Reference      string           `json:"reference"`       // the customer's id elsewhere (national id, contract); unique unless empty
	Numbers        []CustomerNumber `json:"numbers"`
	Tags           []string         `json:"tags"`
	Note           string           `json:"note"`
	Version        int              `json:"version"` // grows by one with every change
	ArchivedAt     *time.Time       `json:"archived_at"`
	CreatedAt      time.Time        `json:"created_at"`
	UpdatedAt      time.Time        `json:"updated_at"`
}

// CustomerNumber is one telephone number of a customer.
type CustomerNumber struct {
	Number    string     `json:"number"` // Number.Key: E.164 where the number has one
	Raw       string     `json:"raw"`    // as it was typed
	Kind      NumberKind `json:"kind"`
	Label     string     `json:"label"`
	Extension string     `json:"extension"` // dialled after the number has answered
	Historic  bool       `json:"historic"`  // no longer in use; still matches
}

// CustomerInput is a new customer. Kind defaults to Person. A name or a number is needed.
type CustomerInput struct {
	Kind           CustomerKind
	Name           string
	OrganizationID *uuid.UUID
	Reference      string
	Numbers        []NumberInput
	Tags           []string
	Note           string
}

// NumberInput is a number as a person typed it.
type NumberInput struct {
	Number   string
	Label    string
	Historic bool
}

// CustomerPatch changes a customer; nil leaves a field as it is.
type CustomerPatch struct {
	Version        *int // the version the caller saw; nil: whatever it is now
	Kind           *CustomerKind
	Name           *string
	OrganizationID *uuid.UUID // uuid.Nil: none
	Reference      *string
	// Numbers are all current numbers. One that is left out becomes historic.
	Numbers *[]NumberInput
	// Forget are numbers to delete for good, historic ones too.
	Forget []string
	Tags   *[]string
	Note   *string
}

const (
	maxName    = 200 // characters
	maxNote    = 20_000
	maxLabel   = 40
	maxTag     = 50
	maxTags    = 50 // per customer
	maxNumbers = 100
)

// customerColumns fill a Customer, by position. c is the customer, o its organization.
const customerColumns = `
	c.id, c.kind, c.name, c.organization_id, coalesce(o.name, ''), c.reference,
	coalesce((SELECT json_agg(json_build_object('number', n.key, 'raw', n.raw, 'kind', n.kind, 'label', n.label,
	                          'extension', n.extension, 'historic', n.historic) ORDER BY n.position)
	            FROM customer_number n WHERE n.customer_id = c.id), '[]'),
	c.tags, c.note, c.version, c.archived_at, c.created_at, c.updated_at`

const customerByID = `
	SELECT` + customerColumns + `
	  FROM customer c LEFT JOIN customer o ON o.id = c.organization_id
	 WHERE c.id = $1`

func scanCustomer(row pgx.CollectableRow) (Customer, error) {
	var c Customer
	err := row.Scan(c.fields()...)
	return c, err
}

func (c *Customer) fields() []any {
	return []any{
		&c.ID, &c.Kind, &c.Name, &c.OrganizationID, &c.Organization, &c.Reference, &c.Numbers,
		&c.Tags, &c.Note, &c.Version, &c.ArchivedAt, &c.CreatedAt, &c.UpdatedAt,
	}
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func readCustomer(ctx context.Context, q querier, id uuid.UUID, sql string) (Customer, error) {
	rows, err := q.Query(ctx, sql, id)
	if err != nil {
		return Customer{}, wrap(err, "read customer %s", id)
	}
	c, err := pgx.CollectExactlyOneRow(rows, scanCustomer)
	return c, wrap(err, "read customer %s", id)
}

// Customer reads one, archived or not.
func (s *Store) Customer(ctx context.Context, a Actor, id uuid.UUID) (Customer, error) {
	if err := a.Require(CustomersRead); err != nil {
		return Customer{}, err
	}
	return readCustomer(ctx, s.db.Pool(), id, customerByID)
}

// CreateCustomer saves a new customer.
func (s *Store) CreateCustomer(ctx context.Context, a Actor, in CustomerInput) (Customer, error) {
	if err := a.Require(CustomersWrite); err != nil {
		return Customer{}, err
	}
	c, err := s.checkCustomer(in)
	if err != nil {
		return Customer{}, err
	}
	if c.ID, err = uuid.NewV7(); err != nil {
		return Customer{}, err
	}
	var saved Customer
	err = s.db.InTx(ctx, func(tx pgx.Tx) error {
		if err := joinOrganization(ctx, tx, &c); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `
			INSERT INTO customer (id, kind, name, organization_id, reference, tags, note, search)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			c.ID, c.Kind, c.Name, c.OrganizationID, c.Reference, c.Tags, c.Note, s.searchText(c))
		if err != nil {
			return customerError(err, c.ID)
		}
		if err := writeNumbers(ctx, tx, c); err != nil {
			return err
		}
		if saved, err = readCustomer(ctx, tx, c.ID, customerByID); err != nil {
			return err
		}
		return AuditTx(ctx, tx, a, "create", "customer", c.ID.String(), customerChanges(Customer{}, saved))
	})
	return saved, err
}

// UpdateCustomer changes one. ErrConflict when its version is not the patch's.
func (s *Store) UpdateCustomer(ctx context.Context, a Actor, id uuid.UUID, p CustomerPatch) (Customer, error) {
	if err := a.Require(CustomersWrite); err != nil {
		return Customer{}, err
	}
	var saved Customer
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		before, err := readCustomer(ctx, tx, id, customerByID+" FOR UPDATE OF c")
		if err != nil {
			return err
		}
		if p.Version != nil && *p.Version != before.Version {
			return fmt.Errorf("customer %s has version %d, not %d: %w", id, before.Version, *p.Version, ErrConflict)
		}
		after, err := s.patched(before, p)
		if err != nil {
			return err
		}
		if err := joinOrganization(ctx, tx, &after); err != nil {
			return err
		}
		diff := customerChanges(before, after)
		if len(diff) == 0 {
			saved = before
			return nil
		}
		if err := s.writeCustomer(ctx, tx, before, after); err != nil {
			return err
		}
		if saved, err = readCustomer(ctx, tx, id, customerByID); err != nil {
			return err
		}
		return AuditTx(ctx, tx, a, "update", "customer", id.String(), diff)
	})
	return saved, err
}

func (s *Store) writeCustomer(ctx context.Context, tx pgx.Tx, before, after Customer) error {
	id := before.ID
	if before.Kind == Organization && after.Kind != Organization {
		var members bool
		err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM customer WHERE organization_id = $1)`, id).Scan(&members)
		if err != nil {
			return wrap(err, "look for members of %s", id)
		}
		if members {
			return FieldErrors{{"kind", "persons belong to this organization"}}
		}
	}
	_, err := tx.Exec(ctx, `
		UPDATE customer
		   SET kind = $2, name = $3, organization_id = $4, reference = $5, tags = $6, note = $7, search = $8,
		       version = version + 1, updated_at = now()
		 WHERE id = $1`,
		id, after.Kind, after.Name, after.OrganizationID, after.Reference, after.Tags, after.Note, s.searchText(after))
	if err != nil {
		return customerError(err, id)
	}
	if before.Name != after.Name && after.Kind == Organization {
		// Its members are found by its name too.
		_, err := tx.Exec(ctx, `
			UPDATE customer SET search = split_part(search, '|', 1) || $2 WHERE organization_id = $1`, id, "| "+Fold(after.Name))
		if err != nil {
			return wrap(err, "rename the organization of the members of %s", id)
		}
	}
	if slices.Equal(before.Numbers, after.Numbers) {
		return nil
	}
	if _, err := tx.Exec(ctx, `DELETE FROM customer_number WHERE customer_id = $1`, id); err != nil {
		return wrap(err, "save the numbers of %s", id)
	}
	return writeNumbers(ctx, tx, after)
}

func writeNumbers(ctx context.Context, tx pgx.Tx, c Customer) error {
	if len(c.Numbers) == 0 {
		return nil
	}
	var key, raw, kind, label, extension []string
	var historic []bool
	for _, n := range c.Numbers {
		key, raw, kind = append(key, n.Number), append(raw, n.Raw), append(kind, string(n.Kind))
		label, extension, historic = append(label, n.Label), append(extension, n.Extension), append(historic, n.Historic)
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO customer_number (customer_id, position, key, raw, kind, label, extension, historic)
		SELECT $1, n.position, n.key, n.raw, n.kind, n.label, n.extension, n.historic
		  FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[])
		       WITH ORDINALITY AS n (key, raw, kind, label, extension, historic, position)`,
		c.ID, key, raw, kind, label, extension, historic)
	return wrap(err, "save the numbers of %s", c.ID)
}

// joinOrganization checks the organization of a person and learns its name.
func joinOrganization(ctx context.Context, tx pgx.Tx, c *Customer) error {
	c.Organization = ""
	if c.OrganizationID == nil {
		return nil
	}
	var kind CustomerKind
	err := tx.QueryRow(ctx, `SELECT name, kind FROM customer WHERE id = $1 FOR SHARE`, *c.OrganizationID).Scan(&c.Organization, &kind)
	switch {
	case errors.Is(err, pgx.ErrNoRows), err == nil && kind != Organization:
		return FieldErrors{{"organization_id", "there is no such organization"}}
	case err != nil:
		return wrap(err, "read organization %s", *c.OrganizationID)
	}
	return nil
}

// ArchiveCustomer takes a customer out of lists and matches; already archived is fine.
func (s *Store) ArchiveCustomer(ctx context.Context, a Actor, id uuid.UUID) (Customer, error) {
	return s.setArchived(ctx, a, id, "archive", `
		UPDATE customer SET archived_at = now(), version = version + 1, updated_at = now() WHERE id = $1 AND archived_at IS NULL`)
}

// RestoreCustomer undoes ArchiveCustomer. FieldErrors when another customer has the reference meanwhile.
func (s *Store) RestoreCustomer(ctx context.Context, a Actor, id uuid.UUID) (Customer, error) {
	return s.setArchived(ctx, a, id, "restore", `
		UPDATE customer SET archived_at = NULL, version = version + 1, updated_at = now() WHERE id = $1 AND archived_at IS NOT NULL`)
}

func (s *Store) setArchived(ctx context.Context, a Actor, id uuid.UUID, action, sql string) (Customer, error) {
	if err := a.Require(CustomersArchive); err != nil {
		return Customer{}, err
	}
	var saved Customer
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sql, id)
		if err != nil {
			return customerError(err, id)
		}
		if saved, err = readCustomer(ctx, tx, id, customerByID); err != nil || tag.RowsAffected() == 0 {
			return err
		}
		return AuditTx(ctx, tx, a, action, "customer", id.String(), changes{})
	})
	return saved, err
}

func customerError(err error, id uuid.UUID) error {
	if isUnique(err, "customer_reference") {
		return FieldErrors{{"reference", "another customer has it"}}
	}
	return wrap(err, "save customer %s", id)
}

// checkCustomer makes a customer of what came from outside, or FieldErrors.
func (s *Store) checkCustomer(in CustomerInput) (Customer, error) {
	var f FieldErrors
	c := Customer{Kind: in.Kind, OrganizationID: in.OrganizationID, Tags: []string{}, Numbers: []CustomerNumber{}}
	switch c.Kind {
	case "":
		c.Kind = Person
	case Person, Organization:
	default:
		f.add("kind", `must be "person" or "organization"`)
	}
	c.Name = text(&f, "name", in.Name, maxName, false)
	if c.OrganizationID != nil && c.Kind == Organization {
		f.add("organization_id", "only persons belong to an organization")
	}
	c.Reference = reference(text(&f, "reference", in.Reference, 100, false))
	c.Note = text(&f, "note", in.Note, maxNote, true)
	if len(in.Tags) > maxTags {
		f.add("tags", "are more than "+itoa(maxTags))
	} else {
		for i, t := range in.Tags {
			if t = text(&f, fmt.Sprintf("tags[%d]", i), t, maxTag, false); t != "" && !slices.Contains(c.Tags, t) {
				c.Tags = append(c.Tags, t)
			}
		}
	}
	if len(in.Numbers) > maxNumbers {
		f.add("numbers", "are more than "+itoa(maxNumbers))
	} else {
		for i, n := range in.Numbers {
			s.checkNumber(&f, i, n, &c)
		}
	}
	if len(f) == 0 && c.Name == "" && len(c.Numbers) == 0 {
		f.add("name", "is empty, and there is no number either")
	}
	return c, f.err()
}

func (s *Store) checkNumber(f *FieldErrors, i int, in NumberInput, c *Customer) {
	field := fmt.Sprintf("numbers[%d].number", i)
	label := text(f, fmt.Sprintf("numbers[%d].label", i), in.Label, maxLabel, false)
	before := len(*f)
	raw := text(f, field, in.Number, 64, false)
	if len(*f) > before {
		return
	}
	n := ParseNumber(raw, s.config.Numbering.Default)
	if n.Kind == KindWithheld {
		f.add(field, "is not a number")
		return
	}
	if slices.ContainsFunc(c.Numbers, func(o CustomerNumber) bool { return o.Number == n.Key() && o.Extension == n.Extension }) {
		f.add(field, "is there twice")
		return
	}
	c.Numbers = append(c.Numbers, CustomerNumber{
		Number: n.Key(), Raw: n.Raw, Kind: n.Kind, Label: label, Extension: n.Extension, Historic: in.Historic,
	})
}

// patched is what a customer becomes. Numbers that are not mentioned any more become historic.
func (s *Store) patched(before Customer, p CustomerPatch) (Customer, error) {
	in := CustomerInput{
		Kind: before.Kind, Name: before.Name, OrganizationID: before.OrganizationID, Reference: before.Reference,
		Tags: before.Tags, Note: before.Note,
	}
	set(&in.Kind, p.Kind)
	set(&in.Name, p.Name)
	set(&in.Reference, p.Reference)
	set(&in.Tags, p.Tags)
	set(&in.Note, p.Note)
	set(&in.Numbers, p.Numbers)
	if p.OrganizationID != nil {
		in.OrganizationID = p.OrganizationID
		if *p.OrganizationID == uuid.Nil {
			in.OrganizationID = nil
		}
	} else if in.Kind == Organization {
		in.OrganizationID = nil
	}
	numbersOnly := in.Name == "" // the name's rule is checked below, when all numbers are known
	if numbersOnly && len(in.Numbers) == 0 {
		in.Name = "-"
	}
	after, err := s.checkCustomer(in)
	if err != nil {
		return Customer{}, err
	}
	if numbersOnly {
		after.Name = ""
	}
	for _, n := range before.Numbers {
		if !slices.ContainsFunc(after.Numbers, func(o CustomerNumber) bool { return o.Number == n.Number && o.Extension == n.Extension }) {
			n.Historic = n.Historic || p.Numbers != nil
			after.Numbers = append(after.Numbers, n)
		}
	}
	for _, raw := range p.Forget {
		n := ParseNumber(raw, s.config.Numbering.Default)
		after.Numbers = slices.DeleteFunc(after.Numbers, func(o CustomerNumber) bool {
			return o.Number == n.Key() && o.Extension == n.Extension
		})
	}
	if len(after.Numbers) > maxNumbers {
		return Customer{}, FieldErrors{{"numbers", "are more than " + itoa(maxNumbers) + " with the historic ones"}}
	}
	if after.Name == "" && len(after.Numbers) == 0 {
		return Customer{}, FieldErrors{{"name", "is empty, and there is no number either"}}
	}
	after.ID = before.ID
	return after, nil
}

func set[T any](field *T, v *T) {
	if v != nil {
		*field = *v
	}
}

// reference is how a customer's id elsewhere is stored and compared.
func reference(s string) string { return strings.TrimSpace(asciiDigits(clean(s))) }

func customerChanges(before, after Customer) changes {
	d := changes{}
	d.note("kind", before.Kind, after.Kind)
	d.note("name", before.Name, after.Name)
	d.note("organization_id", before.OrganizationID, after.OrganizationID)
	d.note("reference", before.Reference, after.Reference)
	d.note("note", before.Note, after.Note)
	if !slices.Equal(before.Tags, after.Tags) {
		d["tags"] = [2]any{before.Tags, after.Tags}
	}
	if !slices.Equal(before.Numbers, after.Numbers) {
		d["numbers"] = [2]any{before.Numbers, after.Numbers}
	}
	return d
}
