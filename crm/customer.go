package crm

import (
	"context"
	"time"

	"github.com/google/uuid"
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

// CustomerInput is a new customer. Kind defaults to Person.
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

// CustomerFilter chooses and pages customers, ordered by name.
type CustomerFilter struct {
	Q              string // words of name, company, tag, reference or number; all must occur
	Kind           CustomerKind
	OrganizationID *uuid.UUID
	Tag            string
	Archived       bool   // only archived ones; else only live ones
	Cursor         string // Next of the page before
	Limit          int    // 1 to 100; 0: 25
}

// Page is one page of a list. Next is the cursor of the following one, nil on the last.
type Page[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next"`
}

// Customers lists customers, by name in Persian order.
func (s *Store) Customers(ctx context.Context, a Actor, f CustomerFilter) (Page[Customer], error) {
	return Page[Customer]{}, errUnfinished
}

// Customer reads one, archived or not.
func (s *Store) Customer(ctx context.Context, a Actor, id uuid.UUID) (Customer, error) {
	return Customer{}, errUnfinished
}

// CreateCustomer saves a new customer.
func (s *Store) CreateCustomer(ctx context.Context, a Actor, in CustomerInput) (Customer, error) {
	return Customer{}, errUnfinished
}

// UpdateCustomer changes one. ErrConflict when its version is not the patch's.
func (s *Store) UpdateCustomer(ctx context.Context, a Actor, id uuid.UUID, p CustomerPatch) (Customer, error) {
	return Customer{}, errUnfinished
}

// ArchiveCustomer takes a customer out of lists and matches; already archived is fine.
func (s *Store) ArchiveCustomer(ctx context.Context, a Actor, id uuid.UUID) (Customer, error) {
	return Customer{}, errUnfinished
}

// RestoreCustomer undoes ArchiveCustomer.
func (s *Store) RestoreCustomer(ctx context.Context, a Actor, id uuid.UUID) (Customer, error) {
	return Customer{}, errUnfinished
}
