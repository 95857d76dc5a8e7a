package crm

import (
	"context"
	"testing"
)

var iran = Rules{Region: "IR", Area: "21"}

func judge(d Dialling, number string, role Role) DialVerdict {
	return d.Judge(ParseNumber(number, iran), iran, role, false)
}

// What a number is, and how a phone dials it.
func TestDialling_ClassesOfNumbers(t *testing.T) {
	for number, want := range map[string]DialVerdict{
		"110":              {Dialled: "110", Class: ClassEmergency},
		"۱۱۵":              {Dialled: "115", Class: ClassEmergency},
		"1001":             {Dialled: "1001", Class: ClassInternal},
		"۰۹۱۲ ۱۲۳ ۴۵۶۷":    {Dialled: "09121234567", Class: ClassMobile},
		"+98 912 123 4567": {Dialled: "09121234567", Class: ClassMobile},
		"88881234":         {Dialled: "02188881234", Class: ClassNational},
		"021 8888 1234":    {Dialled: "02188881234", Class: ClassNational},
		"+49 30 901820":    {Dialled: "004930901820", Class: ClassInternational},
		"0049 30 901820":   {Dialled: "004930901820", Class: ClassInternational},
		"+49 900 1 123456": {Dialled: "00499001123456", Class: ClassPremium},
		"+1 900 555 0123":  {Dialled: "0019005550123", Class: ClassPremium},
		"+1 212 555 0123":  {Dialled: "0012125550123", Class: ClassInternational},
		"00999123456789":   {Dialled: "00999123456789", Class: ClassInternational},
	} {
		got := judge(DefaultDialling(), number, RoleAdmin)
		if got.Dialled != want.Dialled || got.Class != want.Class {
			t.Errorf("%s is %+v, want %+v", number, got, want)
		}
	}
	if v := DefaultDialling().Judge(ParseNumber("118", iran), iran, RoleAgent, true); v.Class != ClassInternal {
		t.Errorf("a service's number that is an extension here: %+v", v)
	}
}

// Nobody calls a premium number by accident, in whatever spelling.
func TestDialling_Defaults(t *testing.T) {
	d := DefaultDialling()
	for number, want := range map[string]map[Role]bool{
		"110":              {RoleAgent: true, RoleSales: true, RoleSupervisor: true, RoleAdmin: true},
		"09121234567":      {RoleAgent: true, RoleSales: true, RoleSupervisor: true, RoleAdmin: true},
		"1002":             {RoleAgent: true, RoleSales: true, RoleSupervisor: true, RoleAdmin: true},
		"+4930901820":      {RoleAgent: false, RoleSales: false, RoleSupervisor: true, RoleAdmin: true},
		"00999123456789":   {RoleAgent: false, RoleSales: false, RoleSupervisor: true, RoleAdmin: true},
		"+49 900 1 123456": {RoleAgent: false, RoleSales: false, RoleSupervisor: false, RoleAdmin: false},
		"0909 230 0000":    {RoleAgent: false, RoleSupervisor: false, RoleAdmin: false},
		"+98 909 230 0000": {RoleAgent: false, RoleAdmin: false},
		"9092300000":       {RoleAgent: false, RoleAdmin: false},
		"۰۰۹۸۹۰۹۲۳۰۰۰۰۰":   {RoleAgent: false, RoleAdmin: false},
	} {
		for role, allowed := range want {
			if v := judge(d, number, role); v.Allowed != allowed {
				t.Errorf("%s by %s: %+v, want allowed %v", number, role, v, allowed)
			}
		}
	}
}

// The first rule that fits the number and the role decides; emergency numbers are beyond all rules.
func TestDialling_TheFirstRuleDecides(t *testing.T) {
	d := Dialling{Rules: []DialRule{
		{Prefix: "0912", Roles: []Role{RoleSales}, Allow: true},
		{Class: ClassMobile, Allow: false},
		{Prefix: "+9821", Allow: true},
	}}
	for _, v := range []struct {
		number  string
		role    Role
		allowed bool
		rule    int
	}{
		{"09121234567", RoleSales, true, 0},
		{"09121234567", RoleAgent, false, 1},
		{"09351234567", RoleSales, false, 1},
		{"02188881234", RoleAgent, true, 2},
		{"03136661234", RoleAdmin, false, -1},
		{"115", RoleAgent, true, -1},
	} {
		got := judge(d, v.number, v.role)
		if rule := got.Rule; got.Allowed != v.allowed || (rule == nil) != (v.rule < 0) || rule != nil && *rule != v.rule {
			t.Errorf("%s by %s: %+v, want %v by rule %d", v.number, v.role, got, v.allowed, v.rule)
		}
	}
}

func TestDialling_WhatCannotBeDialled(t *testing.T) {
	for _, number := range []string{"", "anonymous", "Sara", "*97", "##", "sip:neda@example.org", "0000"} {
		if dialled := ParseNumber(number, iran).Dialled(iran); dialled != "" {
			t.Errorf("%q is dialled as %q", number, dialled)
		}
	}
}

func FuzzDialling(f *testing.F) {
	for _, s := range []string{"09121234567", "+1 900 555 0123", "*72#", "۰۰۴۹", "1001;ext=2", "9" + "0909"} {
		f.Add(s)
	}
	d := DefaultDialling()
	f.Fuzz(func(t *testing.T, s string) {
		v := judge(d, s, RoleAgent)
		for i, c := range v.Dialled {
			if (c < '0' || c > '9') && !(i == 0 && c == '+') {
				t.Fatalf("%q would be dialled as %q", s, v.Dialled)
			}
		}
	})
}

func TestStore_DiallingIsCheckedVersionedAndAudited(t *testing.T) {
	s := newStore(t)
	ctx := context.Background()
	if d, err := s.Dialling(ctx, System); err != nil || d.Version != 0 || d.UpdatedAt != nil || len(d.Rules) == 0 {
		t.Fatalf("rules that nobody has changed are %+v, %v", d, err)
	}
	_, err := s.SaveDialling(ctx, System, DiallingInput{
		Rules: []DialRule{
			{},
			{Class: ClassMobile, Prefix: "1"},
			{Class: ClassEmergency},
			{Class: "moon"},
			{Prefix: "12a"},
			{Class: ClassMobile, Roles: []Role{"boss"}},
		},
		PerMinute: 0, PerMinutePBX: 10_000,
	})
	wantFields(t, err, "rules[0].class", "rules[1].class", "rules[2].class", "rules[3].class", "rules[4].prefix",
		"rules[5].roles[0]", "per_minute", "per_minute_pbx")
	in := DiallingInput{Rules: []DialRule{{Prefix: "۰۹۰۹", Roles: []Role{RoleAgent, RoleAgent}}}, Otherwise: true, PerMinute: 5, PerMinutePBX: 50}
	saved, err := s.SaveDialling(ctx, System, in)
	if err != nil || saved.Version != 1 || saved.Rules[0].Prefix != "0909" || len(saved.Rules[0].Roles) != 1 {
		t.Fatalf("saved %+v, %v", saved, err)
	}
	before := 0
	in.Version = &before
	_, err = s.SaveDialling(ctx, System, in)
	wantIs(t, err, ErrConflict)
	if d, err := s.Dialling(ctx, System); err != nil || d.Version != 1 || d.PerMinute != 5 || d.UpdatedBy != "system" {
		t.Errorf("%+v, %v", d, err)
	}
	_, err = s.SaveDialling(ctx, Actor{Role: RoleSupervisor}, in)
	wantIs(t, err, ErrForbidden)
	entries, err := s.Audit(ctx, System, EventDialling, "rules")
	if err != nil || len(entries) != 1 {
		t.Errorf("audit is %+v, %v", entries, err)
	}
}
