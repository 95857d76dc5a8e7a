package crm

import (
	"slices"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"
)

// DialClass is the kind of destination that a number is. A number is of one class, the first that fits in this order.
type DialClass string

const (
	ClassEmergency     DialClass = "emergency"
	ClassInternal      DialClass = "internal"      // an extension, or other short digits that only the exchange knows
	ClassService       DialClass = "service"       // a public short number that is no emergency
	ClassPremium       DialClass = "premium"       // premium rate, in any country
	ClassInternational DialClass = "international" // any other number of another country
	ClassSharedCost    DialClass = "shared_cost"
	ClassTollFree      DialClass = "toll_free"
	ClassMobile        DialClass = "mobile"
	ClassNational      DialClass = "national" // any other valid number of the country
	ClassUnknown       DialClass = "unknown"  // no valid number
)

// DialClasses are all there are, in the order of their precedence.
func DialClasses() []DialClass {
	return []DialClass{
		ClassEmergency, ClassInternal, ClassService, ClassPremium, ClassInternational, ClassSharedCost, ClassTollFree,
		ClassMobile, ClassNational, ClassUnknown,
	}
}

// DialRule allows or forbids destinations to roles. Of Class and Prefix exactly one is set.
type DialRule struct {
	Class  DialClass `json:"class,omitempty"`
	Prefix string    `json:"prefix,omitempty" maxLength:"20" doc:"beginning with +: of the international form; else of the digits as they are dialled"`
	Roles  []Role    `json:"roles" maxItems:"10" doc:"empty: everybody"`
	Allow  bool      `json:"allow"`
	Note   string    `json:"note,omitempty" maxLength:"200"`
}

// DiallingInput is what an administrator may say about dialling from the screen and transferring to numbers.
type DiallingInput struct {
	Rules        []DialRule `json:"rules" maxItems:"100" doc:"the first that fits decides; emergency numbers are always allowed"`
	Otherwise    bool       `json:"otherwise" doc:"whether a number that no rule fits is allowed"`
	PerMinute    int        `json:"per_minute" minimum:"1" maximum:"120" doc:"calls that an agent may place within a minute"`
	PerMinutePBX int        `json:"per_minute_pbx" minimum:"1" maximum:"6000" doc:"calls that may be placed within a minute on an exchange"`
	Version      *int       `json:"version,omitempty" doc:"refused with 409 when the rules have another by now"`
}

// Dialling is the rules as they are.
type Dialling struct {
	Rules        []DialRule `json:"rules"`
	Otherwise    bool       `json:"otherwise"`
	PerMinute    int        `json:"per_minute"`
	PerMinutePBX int        `json:"per_minute_pbx"`
	Version      int        `json:"version"`
	UpdatedAt    *time.Time `json:"updated_at" doc:"null: as ringbook brings them"`
	UpdatedBy    string     `json:"updated_by" doc:"username"`
}

// DialVerdict is what the rules say about a number.
type DialVerdict struct {
	Number  string    `json:"number" doc:"international form where it has one"`
	Dialled string    `json:"dialled" doc:"what the exchange would be given"`
	Class   DialClass `json:"class"`
	Allowed bool      `json:"allowed"`
	Rule    *int      `json:"rule" doc:"the place of the rule that decided, from 0; null: none did"`
}

// DefaultDialling are the rules of a call centre whose administrator has not said anything: nobody calls premium numbers
// by accident, only those who answer for it call abroad, and everybody calls customers and colleagues.
func DefaultDialling() Dialling {
	responsible := []Role{RoleSupervisor, RoleAdmin}
	return Dialling{
		Rules: []DialRule{
			{Class: ClassPremium, Roles: []Role{}, Allow: false},
			// Iran's voice services at a premium rate, which libphonenumber does not know as such.
			{Prefix: "+98909", Roles: []Role{}, Allow: false},
			{Class: ClassInternational, Roles: responsible, Allow: true},
			{Class: ClassInternational, Roles: []Role{}, Allow: false},
			{Class: ClassService, Roles: responsible, Allow: true},
			{Class: ClassService, Roles: []Role{}, Allow: false},
			{Class: ClassSharedCost, Roles: responsible, Allow: true},
			{Class: ClassSharedCost, Roles: []Role{}, Allow: false},
		},
		Otherwise: true, PerMinute: 10, PerMinutePBX: 120,
	}
}

// Judge says what the rules say about a number for a role. internal tells that the exchange knows it as an extension or
// a queue of its own.
func (d Dialling) Judge(n Number, r Rules, role Role, internal bool) DialVerdict {
	v := DialVerdict{Number: n.Key(), Dialled: n.Dialled(r), Class: n.class(r, internal)}
	if v.Class == ClassEmergency {
		v.Allowed = true
		return v
	}
	for i, rule := range d.Rules {
		if rule.fits(n, v, role) {
			v.Allowed, v.Rule = rule.Allow, &i
			return v
		}
	}
	v.Allowed = d.Otherwise
	return v
}

func (r DialRule) fits(n Number, v DialVerdict, role Role) bool {
	if len(r.Roles) > 0 && !slices.Contains(r.Roles, role) {
		return false
	}
	switch {
	case r.Class != "":
		return r.Class == v.Class
	case strings.HasPrefix(r.Prefix, "+"):
		return strings.HasPrefix(n.Key(), r.Prefix)
	}
	return strings.HasPrefix(v.Dialled, r.Prefix)
}

// Dialled is the number as a phone of the region dials it: national where it is one of the region, else with the
// region's international prefix. Empty if nothing can be dialled.
func (n Number) Dialled(r Rules) string {
	switch n.Kind {
	case KindE164:
		if digits := nationalDigits(n.E164, r.Region); digits != "" {
			return digits
		}
		p, err := phonenumbers.Parse(n.E164, "")
		if err != nil {
			return ""
		}
		if r.Region == "" {
			return n.E164
		}
		digits, plus, ok := bareDigits(phonenumbers.FormatOutOfCountryCallingNumber(p, r.Region))
		if !ok || plus {
			return n.E164 // the region has several prefixes, or none is known
		}
		return digits
	case KindShort, KindNational:
		if strings.Trim(n.Plain, "0123456789") == "" {
			return n.Plain
		}
		if digits := strings.TrimPrefix(n.Plain, "+"); strings.Trim(digits, "0123456789") == "" {
			return n.Plain
		}
	}
	return ""
}

// class finds what kind of destination a number is.
func (n Number) class(r Rules, internal bool) DialClass {
	digits := n.Dialled(r)
	if n.Kind == KindShort {
		switch {
		case phonenumbers.IsEmergencyNumber(digits, r.Region):
			return ClassEmergency
		case internal:
			return ClassInternal
		}
		if p, err := phonenumbers.Parse(digits, r.Region); err == nil && phonenumbers.IsValidShortNumberForRegion(p, r.Region) {
			return ClassService
		}
		return ClassInternal
	}
	if n.Kind != KindE164 {
		if strings.HasPrefix(digits, "00") || strings.HasPrefix(digits, "+") {
			return ClassInternational
		}
		return ClassUnknown
	}
	p, err := phonenumbers.Parse(n.E164, "")
	if err != nil {
		return ClassUnknown
	}
	kind := phonenumbers.GetNumberType(p)
	switch {
	case kind == phonenumbers.PREMIUM_RATE:
		return ClassPremium
	case phonenumbers.GetRegionCodeForNumber(p) != r.Region:
		if home := phonenumbers.GetCountryCodeForRegion(r.Region); home == 0 || int32(home) != p.GetCountryCode() || kind != phonenumbers.UNKNOWN {
			return ClassInternational
		}
	}
	switch kind {
	case phonenumbers.SHARED_COST:
		return ClassSharedCost
	case phonenumbers.TOLL_FREE:
		return ClassTollFree
	case phonenumbers.MOBILE:
		return ClassMobile
	}
	return ClassNational
}
