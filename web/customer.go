package web

import (
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
)

// Customer is a person or an organisation.
type Customer struct {
	ID             uuid.UUID        `json:"id" format:"uuid"`
	Kind           string           `json:"kind" enum:"person,organization"`
	Name           string           `json:"name"`
	OrganizationID *uuid.UUID       `json:"organization_id" format:"uuid" doc:"the organization that a person belongs to"`
	Organization   string           `json:"organization" doc:"its name; empty when there is none"`
	Numbers        []CustomerNumber `json:"numbers"`
	Tags           []string         `json:"tags"`
	Note           string           `json:"note"`
	Version        int              `json:"version" doc:"grows with every change; send it back to notice another's change"`
	ArchivedAt     *time.Time       `json:"archived_at"`
	CreatedAt      time.Time        `json:"created_at"`
	UpdatedAt      time.Time        `json:"updated_at"`
}

// CustomerNumber is one telephone number of a customer.
type CustomerNumber struct {
	Number    string `json:"number" doc:"E.164 where it is one"`
	Raw       string `json:"raw" doc:"as it was typed"`
	Label     string `json:"label"`
	Extension string `json:"extension" doc:"kept for dialling, not used to match"`
}

// NumberInput is a telephone number as somebody typed it.
type NumberInput struct {
	Number string `json:"number" minLength:"1" maxLength:"100"`
	Label  string `json:"label,omitempty" maxLength:"50"`
}

// CustomerInput creates a customer.
type CustomerInput struct {
	Kind           string        `json:"kind,omitempty" enum:"person,organization" default:"person"`
	Name           string        `json:"name" minLength:"1" maxLength:"200"`
	OrganizationID *uuid.UUID    `json:"organization_id,omitempty" format:"uuid" nullable:"true"`
	Numbers        []NumberInput `json:"numbers,omitempty" maxItems:"50"`
	Tags           []string      `json:"tags,omitempty" maxItems:"50" maxLength:"50"`
	Note           string        `json:"note,omitempty" maxLength:"20000"`
}

// CustomerPatch changes what it names and leaves the rest.
type CustomerPatch struct {
	Kind           *string             `json:"kind,omitempty" enum:"person,organization"`
	Name           *string             `json:"name,omitempty" minLength:"1" maxLength:"200"`
	OrganizationID Optional[uuid.UUID] `json:"organization_id,omitempty" required:"false"`
	Numbers        *[]NumberInput      `json:"numbers,omitempty" maxItems:"50" doc:"all numbers of the customer, replacing what is there"`
	Tags           *[]string           `json:"tags,omitempty" maxItems:"50" maxLength:"50"`
	Note           *string             `json:"note,omitempty" maxLength:"20000"`
	Version        *int                `json:"version,omitempty" doc:"refused with 409 when the customer has another by now"`
}

// CustomerPage is one page of customers.
type CustomerPage struct {
	Items []Customer `json:"items"`
	Next  *string    `json:"next" doc:"cursor of the next page; null on the last"`
}

// Lookup is the match of a number.
type Lookup struct {
	Number     string     `json:"number"`
	Rule       string     `json:"rule" enum:"ivr,linked,exact,shared,none,withheld"`
	Customer   *Customer  `json:"customer"`
	Candidates []Customer `json:"candidates"`
}

// TransformSchema says which members may be null.
func (Lookup) TransformSchema(r huma.Registry, s *huma.Schema) *huma.Schema {
	return orNull(s, "customer")
}

type listCustomersInput struct {
	Q            string    `query:"q" maxLength:"200" doc:"name, number or organization, in any spelling"`
	Kind         string    `query:"kind" enum:"person,organization"`
	Organization uuid.UUID `query:"organization" format:"uuid" doc:"people of this organization"`
	Tag          string    `query:"tag" maxLength:"50"`
	Archived     bool      `query:"archived" doc:"the archived ones instead of the others"`
	Cursor       string    `query:"cursor" maxLength:"1000"`
	Limit        int       `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type customerPageOutput struct{ Body CustomerPage }

type customerOutput struct{ Body Customer }

type createCustomerInput struct{ Body CustomerInput }

type idInput struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

type patchCustomerInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body CustomerPatch
}

type lookupInput struct {
	Number string `query:"number" required:"true" minLength:"1" maxLength:"100" doc:"as a caller ID shows it, or as somebody types it"`
	PBX    string `query:"pbx" maxLength:"100" doc:"read it by this exchange's rules"`
	Trunk  string `query:"trunk" maxLength:"100"`
}

type lookupOutput struct{ Body Lookup }
