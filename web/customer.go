package web

import (
	"context"

	"github.com/google/uuid"

	"ringbook/crm"
)

// NumberInput is a telephone number as somebody typed it.
type NumberInput struct {
	Number   string `json:"number" minLength:"1" maxLength:"100"`
	Label    string `json:"label,omitempty" maxLength:"50"`
	Historic bool   `json:"historic,omitempty" doc:"no longer in use; still matches"`
}

// CustomerInput creates a customer.
type CustomerInput struct {
	Kind           crm.CustomerKind `json:"kind,omitempty" default:"person"`
	Name           string           `json:"name" minLength:"1" maxLength:"200"`
	OrganizationID *uuid.UUID       `json:"organization_id,omitempty" nullable:"true"`
	Reference      string           `json:"reference,omitempty" maxLength:"100" doc:"the customer's id elsewhere; unique"`
	Numbers        []NumberInput    `json:"numbers,omitempty" maxItems:"50"`
	Tags           []string         `json:"tags,omitempty" maxItems:"50" maxLength:"50"`
	Note           string           `json:"note,omitempty" maxLength:"20000"`
}

// CustomerPatch changes what it names and leaves the rest.
type CustomerPatch struct {
	Kind           *crm.CustomerKind   `json:"kind,omitempty"`
	Name           *string             `json:"name,omitempty" minLength:"1" maxLength:"200"`
	OrganizationID Optional[uuid.UUID] `json:"organization_id,omitempty"`
	Reference      *string             `json:"reference,omitempty" maxLength:"100"`
	Numbers        *[]NumberInput      `json:"numbers,omitempty" maxItems:"50" doc:"all current numbers; one left out becomes historic"`
	Forget         []string            `json:"forget,omitempty" maxItems:"50" maxLength:"100" doc:"numbers to delete for good, historic ones too"`
	Tags           *[]string           `json:"tags,omitempty" maxItems:"50" maxLength:"50"`
	Note           *string             `json:"note,omitempty" maxLength:"20000"`
	Version        *int                `json:"version,omitempty" doc:"refused with 409 when the customer has another by now"`
}

// Lookup is the match of a number.
type Lookup struct {
	Number     string         `json:"number" doc:"E.164 where it is one"`
	Rule       crm.Rule       `json:"rule"`
	Customer   *crm.Customer  `json:"customer"`
	Candidates []crm.Customer `json:"candidates" doc:"all that come into question, the customer first"`
	More       bool           `json:"more" doc:"there are more candidates than these"`
}

type idInput struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

type customerOutput struct{ Body crm.Customer }

type listCustomersInput struct {
	Q            string    `query:"q" maxLength:"200" doc:"words of name, company, tag, reference or number, in any spelling; all must occur"`
	Kind         string    `query:"kind" enum:"person,organization"`
	Organization uuid.UUID `query:"organization" format:"uuid" doc:"people of this organization"`
	Tag          string    `query:"tag" maxLength:"50"`
	Archived     bool      `query:"archived" doc:"the archived ones instead of the others"`
	Cursor       string    `query:"cursor" maxLength:"1000"`
	Limit        int       `query:"limit" minimum:"1" maximum:"100" default:"25"`
}

type customerPageOutput struct{ Body crm.Page[crm.Customer] }

func (s *Server) listCustomers(ctx context.Context, in *listCustomersInput) (*customerPageOutput, error) {
	page, err := s.Store.Customers(ctx, actorOf(ctx), crm.CustomerFilter{
		Q: in.Q, Kind: crm.CustomerKind(in.Kind), OrganizationID: idOrNil(in.Organization), Tag: in.Tag,
		Archived: in.Archived, Cursor: in.Cursor, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	page.Items = list(page.Items)
	for i := range page.Items {
		page.Items[i] = whole(page.Items[i])
	}
	return &customerPageOutput{page}, nil
}

func (s *Server) getCustomer(ctx context.Context, in *idInput) (*customerOutput, error) {
	return customer(s.Store.Customer(ctx, actorOf(ctx), in.ID))
}

type createCustomerInput struct{ Body CustomerInput }

func (s *Server) createCustomer(ctx context.Context, in *createCustomerInput) (*customerOutput, error) {
	c, err := s.Store.CreateCustomer(ctx, actorOf(ctx), crm.CustomerInput{
		Kind: in.Body.Kind, Name: in.Body.Name, OrganizationID: in.Body.OrganizationID, Reference: in.Body.Reference,
		Numbers: numbers(in.Body.Numbers), Tags: in.Body.Tags, Note: in.Body.Note,
	})
	return customer(c, err)
}

type patchCustomerInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body CustomerPatch
}

func (s *Server) patchCustomer(ctx context.Context, in *patchCustomerInput) (*customerOutput, error) {
	p := crm.CustomerPatch{
		Version: in.Body.Version, Kind: in.Body.Kind, Name: in.Body.Name, OrganizationID: in.Body.OrganizationID.OrZero(),
		Reference: in.Body.Reference, Forget: in.Body.Forget, Tags: in.Body.Tags, Note: in.Body.Note,
	}
	if in.Body.Numbers != nil {
		all := numbers(*in.Body.Numbers)
		p.Numbers = &all
	}
	return customer(s.Store.UpdateCustomer(ctx, actorOf(ctx), in.ID, p))
}

func (s *Server) archiveCustomer(ctx context.Context, in *idInput) (*customerOutput, error) {
	return customer(s.Store.ArchiveCustomer(ctx, actorOf(ctx), in.ID))
}

func (s *Server) restoreCustomer(ctx context.Context, in *idInput) (*customerOutput, error) {
	return customer(s.Store.RestoreCustomer(ctx, actorOf(ctx), in.ID))
}

type lookupInput struct {
	Number string `query:"number" required:"true" minLength:"1" maxLength:"255" doc:"as a caller ID shows it, or as somebody types it"`
	PBX    string `query:"pbx" maxLength:"100" doc:"read it by this exchange's rules"`
	Trunk  string `query:"trunk" maxLength:"100" doc:"and by those of this trunk of it"`
}

type lookupOutput struct{ Body Lookup }

func (s *Server) lookup(ctx context.Context, in *lookupInput) (*lookupOutput, error) {
	m, err := s.Store.Match(ctx, crm.Query{PBX: in.PBX, Trunk: in.Trunk, Raw: in.Number})
	if err != nil {
		return nil, err
	}
	return &lookupOutput{Lookup{
		Number: m.Number.Key(), Rule: m.Rule, Customer: customerOrNil(m.Customer), Candidates: customers(m.Candidates), More: m.More,
	}}, nil
}

func customer(c crm.Customer, err error) (*customerOutput, error) {
	if err != nil {
		return nil, err
	}
	return &customerOutput{whole(c)}, nil
}

// whole is c with lists that are never null.
func whole(c crm.Customer) crm.Customer {
	c.Numbers, c.Tags = list(c.Numbers), list(c.Tags)
	return c
}

func customerOrNil(c *crm.Customer) *crm.Customer {
	if c == nil {
		return nil
	}
	w := whole(*c)
	return &w
}

func customers(cs []crm.Customer) []crm.Customer {
	out := make([]crm.Customer, len(cs))
	for i := range cs {
		out[i] = whole(cs[i])
	}
	return out
}

func numbers(in []NumberInput) []crm.NumberInput {
	out := make([]crm.NumberInput, len(in))
	for i, n := range in {
		out[i] = crm.NumberInput(n)
	}
	return out
}

// list is items, and never nil: JSON lists are never null.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

// idOrNil is nil for a query parameter that was left out.
func idOrNil(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}
