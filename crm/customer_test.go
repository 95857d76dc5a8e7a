package crm

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

func TestCustomer_CreateReadUpdateArchive(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	org := must(s.CreateCustomer(ctx, System, CustomerInput{Kind: Organization, Name: "شرکت آریا"}))(t)
	c := must(s.CreateCustomer(ctx, System, CustomerInput{
		Name: " Sara Ahmadi ", OrganizationID: &org.ID, Numbers: []NumberInput{{Number: "0912 123 4567", Label: "mobile"}},
		Tags: []string{"vip", " vip ", "", "new"}, Note: "line one\nline two", Reference: "۱۲۳",
	}))(t)
	want := Customer{
		ID: c.ID, Kind: Person, Name: "Sara Ahmadi", OrganizationID: &org.ID, Organization: "شرکت آریا", Reference: "123",
		Numbers: []CustomerNumber{{Number: "+989121234567", Raw: "0912 123 4567", Kind: KindE164, Label: "mobile"}},
		Tags:    []string{"vip", "new"}, Note: "line one\nline two", Version: 1, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
	}
	if d := cmp.Diff(want, c); d != "" {
		t.Errorf("created (-want +got):\n%s", d)
	}
	if d := cmp.Diff(c, must(s.Customer(ctx, System, c.ID))(t)); d != "" {
		t.Errorf("read (-created +read):\n%s", d)
	}

	c2 := must(s.UpdateCustomer(ctx, System, c.ID, CustomerPatch{Version: ptr(1), Name: ptr("سارا احمدی"), OrganizationID: ptr(uuid.Nil)}))(t)
	if c2.Version != 2 || c2.OrganizationID != nil || c2.Organization != "" || c2.Name != "سارا احمدی" || !cmp.Equal(c2.Numbers, c.Numbers) || c2.Note != c.Note {
		t.Errorf("updated: %+v", c2)
	}
	same := must(s.UpdateCustomer(ctx, System, c.ID, CustomerPatch{Name: ptr("سارا احمدی")}))(t)
	if same.Version != 2 {
		t.Errorf("a change of nothing made version %d", same.Version)
	}

	gone := must(s.ArchiveCustomer(ctx, System, c.ID))(t)
	again := must(s.ArchiveCustomer(ctx, System, c.ID))(t)
	if gone.ArchivedAt == nil || again.Version != gone.Version {
		t.Errorf("archived: %+v, again %+v", gone, again)
	}
	back := must(s.RestoreCustomer(ctx, System, c.ID))(t)
	if back.ArchivedAt != nil {
		t.Errorf("restored: %+v", back)
	}
	var actions []string
	for _, e := range must(s.Audit(ctx, System, "customer", c.ID.String()))(t) {
		actions = append(actions, e.Action)
		if e.Action == "update" && !strings.Contains(string(e.Changes), `"Sara Ahmadi"`) {
			t.Errorf("the audit does not say what it was: %s", e.Changes)
		}
	}
	if d := cmp.Diff([]string{"restore", "archive", "update", "create"}, actions); d != "" {
		t.Error(d)
	}
	for _, f := range []func() (Customer, error){
		func() (Customer, error) { return s.Customer(ctx, System, uuid.New()) },
		func() (Customer, error) { return s.UpdateCustomer(ctx, System, uuid.New(), CustomerPatch{}) },
		func() (Customer, error) { return s.ArchiveCustomer(ctx, System, uuid.New()) },
	} {
		_, err := f()
		wantIs(t, err, ErrNotFound)
	}
}

func TestCustomer_ConcurrentChangesConflict(t *testing.T) {
	s := newStore(t)
	c := person(t, s, "سارا", "09121234567")
	var won, lost atomic.Int32
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			_, err := s.UpdateCustomer(t.Context(), System, c.ID, CustomerPatch{Version: ptr(1), Note: ptr(fmt.Sprint(i))})
			if err == nil {
				won.Add(1)
			} else {
				wantIs(t, err, ErrConflict)
				lost.Add(1)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || lost.Load() != 7 {
		t.Errorf("%d won, %d lost", won.Load(), lost.Load())
	}
}

func TestCustomer_FaultsNameTheField(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	org := must(s.CreateCustomer(ctx, System, CustomerInput{Kind: Organization, Name: "شرکت"}))(t)
	p := must(s.CreateCustomer(ctx, System, CustomerInput{Name: "x", Reference: "R1", OrganizationID: &org.ID}))(t)
	for _, c := range []struct {
		in     CustomerInput
		fields []string
	}{
		{CustomerInput{}, []string{"name"}},
		{CustomerInput{Name: "x", Kind: "animal"}, []string{"kind"}},
		{CustomerInput{Name: "a\x00b"}, []string{"name"}},
		{CustomerInput{Name: "\xff"}, []string{"name"}},
		{CustomerInput{Name: strings.Repeat("x", 1<<20)}, []string{"name"}},
		{CustomerInput{Name: "x", Note: strings.Repeat("x", maxNote+1)}, []string{"note"}},
		{CustomerInput{Name: "x", Tags: []string{"ok", "a\nb"}}, []string{"tags[1]"}},
		{CustomerInput{Name: "x", Tags: make([]string, maxTags+1)}, []string{"tags"}},
		{CustomerInput{Name: "x", Numbers: numbers("09121234567", "")}, []string{"numbers[1].number"}},
		{CustomerInput{Name: "x", Numbers: numbers("anonymous", "0912\x00")}, []string{"numbers[0].number", "numbers[1].number"}},
		{CustomerInput{Name: "x", Numbers: numbers("09121234567", "+98 912 123 4567")}, []string{"numbers[1].number"}},
		{CustomerInput{Name: "x", Numbers: []NumberInput{{Number: "110", Label: strings.Repeat("x", 41)}}}, []string{"numbers[0].label"}},
		{CustomerInput{Name: "x", Numbers: make([]NumberInput, maxNumbers+1)}, []string{"numbers"}},
		{CustomerInput{Name: "x", OrganizationID: ptr(uuid.New())}, []string{"organization_id"}},
		{CustomerInput{Name: "x", OrganizationID: &p.ID}, []string{"organization_id"}},
		{CustomerInput{Name: "x", Kind: Organization, OrganizationID: &org.ID}, []string{"organization_id"}},
		{CustomerInput{Name: "x", Reference: "R1"}, []string{"reference"}},
		{CustomerInput{Kind: "?", Name: "\x01", Reference: "\x02", Note: "\x03"}, []string{"kind", "name", "reference", "note"}},
	} {
		_, err := s.CreateCustomer(ctx, System, c.in)
		wantFields(t, err, c.fields...)
	}
	_, err := s.UpdateCustomer(ctx, System, org.ID, CustomerPatch{Kind: ptr(Person)})
	wantFields(t, err, "kind")
	_, err = s.UpdateCustomer(ctx, System, p.ID, CustomerPatch{Name: ptr("")})
	wantFields(t, err, "name")
	_, err = s.UpdateCustomer(ctx, System, p.ID, CustomerPatch{OrganizationID: ptr(p.ID)})
	wantFields(t, err, "organization_id")

	// A reference may be given again once its owner is archived, and then not restored.
	must(s.ArchiveCustomer(ctx, System, p.ID))(t)
	must(s.CreateCustomer(ctx, System, CustomerInput{Name: "y", Reference: "R1"}))(t)
	_, err = s.RestoreCustomer(ctx, System, p.ID)
	wantFields(t, err, "reference")
}

func TestCustomer_NameMayGoWhileANumberStays(t *testing.T) {
	s := newStore(t)
	c := person(t, s, "سارا", "09121234567")
	c = must(s.UpdateCustomer(t.Context(), System, c.ID, CustomerPatch{Name: ptr("")}))(t)
	if c.Name != "" || len(c.Numbers) != 1 {
		t.Errorf("%+v", c)
	}
	_, err := s.UpdateCustomer(t.Context(), System, c.ID, CustomerPatch{Forget: []string{"09121234567"}})
	wantFields(t, err, "name")
}

func TestCustomer_Permissions(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	c := person(t, s, "سارا", "09121234567")
	for role, want := range map[Role][3]bool{ // read, write, archive
		RoleAgent: {true, true, false}, RoleSales: {true, true, false}, RoleSupervisor: {true, true, true}, RoleAdmin: {true, true, true}, "": {}, "root": {},
	} {
		a := Actor{AgentID: uuid.New(), Username: "x", Role: role}
		check := func(what string, err error, allowed bool) {
			t.Helper()
			if allowed && err != nil {
				t.Errorf("%s may not %s: %v", role, what, err)
			} else if !allowed {
				wantIs(t, err, ErrForbidden)
			}
		}
		_, err := s.Customer(ctx, a, c.ID)
		check("read", err, want[0])
		_, err = s.Customers(ctx, a, CustomerFilter{})
		check("list", err, want[0])
		_, err = s.CreateCustomer(ctx, a, CustomerInput{Name: "x"})
		check("create", err, want[1])
		_, err = s.UpdateCustomer(ctx, a, c.ID, CustomerPatch{})
		check("update", err, want[1])
		_, err = s.ArchiveCustomer(ctx, a, c.ID)
		check("archive", err, want[2])
		_, err = s.RestoreCustomer(ctx, a, c.ID)
		check("restore", err, want[2])
		_, err = s.Audit(ctx, a, "customer", c.ID.String())
		check("audit", err, role == RoleAdmin)
	}
}
