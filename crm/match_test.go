package crm

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

func match(t testing.TB, s *Store, q Query) Match {
	t.Helper()
	m := must(s.Match(t.Context(), q))(t)
	if m.Candidates == nil {
		t.Fatal("candidates are nil")
	}
	if (m.Customer != nil) != (m.Rule == RuleIVR || m.Rule == RuleLinked || m.Rule == RuleExact) {
		t.Fatalf("rule %s with customer %v", m.Rule, m.Customer)
	}
	return m
}

func wantMatch(t testing.TB, m Match, rule Rule, candidates ...Customer) {
	t.Helper()
	if m.Rule != rule || !slices.Equal(ids(m.Candidates), ids(candidates)) {
		var names []string
		for _, c := range m.Candidates {
			names = append(names, c.Name)
		}
		t.Errorf("got %s with %q, want %s with %d candidates", m.Rule, names, rule, len(candidates))
	}
}

func TestMatch_M1_UnknownNumberMatchesNobody(t *testing.T) {
	s := newStore(t)
	must(s.CreateCustomer(t.Context(), System, CustomerInput{
		Name: "09121234567", Note: "call 0912 123 4567", Tags: []string{"09121234567"}, Reference: "R-09121234567", Numbers: numbers("02188881234"),
	}))(t)
	wantMatch(t, match(t, s, Query{Raw: "09121234567"}), RuleNone)
	wantMatch(t, match(t, s, Query{Raw: "88881"}), RuleNone)
}

func TestMatch_M2_AnyStoredSpellingMatches(t *testing.T) {
	s := newStore(t)
	c := person(t, s, "سارا", "021/8888-1234")
	for _, raw := range []string{"02188881234", "+982188881234", "88881234", "2188881234", "۰۲۱ ۸۸۸۸ ۱۲۳۴"} {
		wantMatch(t, match(t, s, Query{Raw: raw}), RuleExact, c)
	}
}

func TestMatch_M3_CustomerWithANumberOnly(t *testing.T) {
	s := newStore(t)
	c := person(t, s, "", "09121234567")
	wantMatch(t, match(t, s, Query{Raw: "+989121234567"}), RuleExact, c)
}

func TestMatch_M6_FormsImportsAndCallersAgree(t *testing.T) {
	s := newStore(t)
	for i, spelling := range []string{"0912 123 4500", "9121234501", "+98 (912) 1234502", "۰۹۱۲۱۲۳۴۵۰۳", "219121234504"} {
		c := person(t, s, spelling, spelling)
		wantMatch(t, match(t, s, Query{Raw: fmt.Sprintf("091212345%02d", i)}), RuleExact, c)
	}
}

func TestMatch_M7_EveryNumberOfACustomerIsSearched(t *testing.T) {
	s := newStore(t)
	c := person(t, s, "سارا", "09121234567", "02188881234", "09351112233")
	for _, raw := range []string{"09121234567", "02188881234", "09351112233"} {
		wantMatch(t, match(t, s, Query{Raw: raw}), RuleExact, c)
	}
	// A number that is taken off is historic, and still matches; behind those who have it now.
	c = must(s.UpdateCustomer(t.Context(), System, c.ID, CustomerPatch{Numbers: ptr(numbers("09121234567"))}))(t)
	if len(c.Numbers) != 3 || !c.Numbers[1].Historic || c.Numbers[0].Historic {
		t.Fatalf("numbers after the change: %+v", c.Numbers)
	}
	wantMatch(t, match(t, s, Query{Raw: "09351112233"}), RuleExact, c)
	heir := person(t, s, "وارث", "09351112233")
	wantMatch(t, match(t, s, Query{Raw: "09351112233"}), RuleShared, heir, c)
	// Forgotten for good.
	c = must(s.UpdateCustomer(t.Context(), System, c.ID, CustomerPatch{Forget: []string{"0935 111 2233"}}))(t)
	wantMatch(t, match(t, s, Query{Raw: "09351112233"}), RuleExact, heir)
	if len(c.Numbers) != 2 {
		t.Errorf("numbers after forgetting: %+v", c.Numbers)
	}
}

func TestMatch_M8_SharedNumberReturnsAllAndTheChoiceIsKept(t *testing.T) {
	s := newStore(t)
	var all []Customer
	for _, name := range []string{"ج", "الف", "ب"} {
		all = append(all, person(t, s, name, "09121234567"))
	}
	for range 3 { // the same order each time: the oldest record first
		wantMatch(t, match(t, s, Query{Raw: "09121234567"}), RuleShared, all...)
	}
	number := ParseNumber("09121234567", tehran)
	if err := s.Link(t.Context(), System, number, all[2].ID); err != nil {
		t.Fatal(err)
	}
	m := match(t, s, Query{Raw: "989121234567"})
	wantMatch(t, m, RuleLinked, all[2], all[0], all[1])
	if m.Customer.ID != all[2].ID {
		t.Errorf("customer is %s", m.Customer.Name)
	}
	// Another choice replaces it, an archived one does not win, and it can be forgotten.
	if err := s.Link(t.Context(), System, number, all[1].ID); err != nil {
		t.Fatal(err)
	}
	must(s.ArchiveCustomer(t.Context(), System, all[1].ID))(t)
	wantMatch(t, match(t, s, Query{Raw: "09121234567"}), RuleShared, all[0], all[2])
	must(s.RestoreCustomer(t.Context(), System, all[1].ID))(t)
	if err := s.Link(t.Context(), System, number, uuid.Nil); err != nil {
		t.Fatal(err)
	}
	wantMatch(t, match(t, s, Query{Raw: "09121234567"}), RuleShared, all...)
}

func TestMatch_M10_ExtensionDoesNotPreventTheMatch(t *testing.T) {
	s := newStore(t)
	org := must(s.CreateCustomer(t.Context(), System, CustomerInput{Kind: Organization, Name: "شرکت آریا", Numbers: numbers("021 8888 1234")}))(t)
	c := must(s.CreateCustomer(t.Context(), System, CustomerInput{Name: "سارا", OrganizationID: &org.ID, Numbers: numbers("021 8888 1234 x543")}))(t)
	if n := c.Numbers[0]; n.Extension != "543" || n.Number != "+982188881234" {
		t.Errorf("saved as %+v", n)
	}
	m := match(t, s, Query{Raw: "02188881234"})
	wantMatch(t, m, RuleShared, org, c)
	if m.Candidates[1].Organization != "شرکت آریا" {
		t.Errorf("organization of the candidate: %q", m.Candidates[1].Organization)
	}
}

func TestMatch_SwitchboardNumberIsNotItsPersons(t *testing.T) {
	s := newStore(t)
	org := must(s.CreateCustomer(t.Context(), System, CustomerInput{Kind: Organization, Name: "شرکت آریا", Numbers: numbers("02188881234")}))(t)
	must(s.CreateCustomer(t.Context(), System, CustomerInput{Name: "سارا", OrganizationID: &org.ID, Numbers: numbers("09121234567")}))(t)
	wantMatch(t, match(t, s, Query{Raw: "02188881234"}), RuleExact, org)
}

func TestMatch_M11_NumberingOfTheTrunk(t *testing.T) {
	s := newStore(t)
	s.config.Numbering.PBX = map[string]Rules{"isfahan": {Region: "IR", Area: "31"}}
	s.config.Numbering.Trunk = map[string]Rules{"isfahan/PJSIP/london": {Region: "GB"}}
	here, there, uk := person(t, s, "تهران", "021 32345678"), person(t, s, "اصفهان", "031 32345678"), person(t, s, "London", "+44 7911 123456")
	wantMatch(t, match(t, s, Query{PBX: "main", Raw: "32345678"}), RuleExact, here)
	wantMatch(t, match(t, s, Query{PBX: "isfahan", Trunk: "PJSIP/x", Raw: "32345678"}), RuleExact, there)
	wantMatch(t, match(t, s, Query{PBX: "isfahan", Trunk: "PJSIP/london", Raw: "07911123456"}), RuleExact, uk)
}

func TestMatch_M12_EveryIranianShapeFindsTheCustomer(t *testing.T) {
	s := newStore(t)
	c := person(t, s, "سارا", "0912 123 4567")
	local := person(t, s, "محلی", "021 98121234")
	for _, raw := range []string{
		"+989121234567", "989121234567", "00989121234567", "9121234567", "2109121234567", "219121234567", "210989121234567", "0989121234567",
	} {
		wantMatch(t, match(t, s, Query{Raw: raw}), RuleExact, c)
	}
	wantMatch(t, match(t, s, Query{Raw: "98121234"}), RuleExact, local)
}

func TestMatch_M13_WithheldAndOddCallersAreAnswered(t *testing.T) {
	s := newStore(t)
	c := person(t, s, "سارا", "09121234567", "sip:bob@example.com", "1001")
	for _, raw := range []string{"", "anonymous", "Restricted", "unavailable", "0000000000", "\x00"} {
		wantMatch(t, match(t, s, Query{Raw: raw}), RuleWithheld)
	}
	// A hidden number is not looked up even where the exchange tells it.
	wantMatch(t, match(t, s, Query{Raw: "09121234567", Withheld: true}), RuleWithheld)
	for _, raw := range []string{"+", "ACME", strings.Repeat("9", 40), "sip:x@y", "\xff\x00'; DROP TABLE customer", strings.Repeat("x", 1<<20)} {
		wantMatch(t, match(t, s, Query{Raw: raw}), RuleNone)
	}
	wantMatch(t, match(t, s, Query{Raw: "SIP:Bob@example.com;user=phone"}), RuleExact, c)
	wantMatch(t, match(t, s, Query{Raw: "1001"}), RuleExact, c)
}

func TestMatch_M14_ArchivedNeverWins(t *testing.T) {
	s := newStore(t)
	old, live := person(t, s, "قدیم", "09121234567"), person(t, s, "جدید", "09121234567")
	must(s.ArchiveCustomer(t.Context(), System, old.ID))(t)
	wantMatch(t, match(t, s, Query{Raw: "09121234567"}), RuleExact, live)
	wantMatch(t, match(t, s, Query{Raw: "09121234567", CustomerRef: old.ID.String()}), RuleExact, live)
	must(s.ArchiveCustomer(t.Context(), System, live.ID))(t)
	wantMatch(t, match(t, s, Query{Raw: "09121234567"}), RuleNone)
}

func TestMatch_M15_LinkRemembersACustomerWithoutTheNumber(t *testing.T) {
	s := newStore(t)
	c := person(t, s, "سارا", "09121234567")
	neda := must(s.CreateAgent(t.Context(), System, AgentInput{Username: "neda"}))(t)
	actor := Actor{AgentID: neda.ID, Username: "neda", Role: RoleAgent}
	number := ParseNumber("09350000000", tehran)
	err := s.db.InTx(t.Context(), func(tx pgx.Tx) error { return s.LinkTx(t.Context(), tx, actor, number, c.ID) })
	if err != nil {
		t.Fatal(err)
	}
	wantMatch(t, match(t, s, Query{Raw: "9350000000"}), RuleLinked, c)
	entries := must(s.Audit(t.Context(), System, "number", number.Key()))(t)
	if len(entries) != 1 || entries[0].Actor != "neda" || entries[0].Action != "link" || !strings.Contains(string(entries[0].Changes), c.ID.String()) {
		t.Errorf("audit: %+v", entries)
	}
	wantFields(t, s.Link(t.Context(), actor, number, uuid.New()), "customer_id")
	wantFields(t, s.Link(t.Context(), actor, ParseNumber("anonymous", tehran), c.ID), "number")
	wantIs(t, s.Link(t.Context(), Actor{Role: "nobody"}, number, c.ID), ErrForbidden)
}

func TestMatch_M16_TheDialplansCustomerBeatsTheNumber(t *testing.T) {
	s := newStore(t)
	byNumber := person(t, s, "شماره", "09121234567")
	named := must(s.CreateCustomer(t.Context(), System, CustomerInput{Name: "کد ملی", Reference: "0012345678"}))(t)
	if err := s.Link(t.Context(), System, ParseNumber("09121234567", tehran), byNumber.ID); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{named.ID.String(), strings.ToUpper(named.ID.String()), "0012345678", " ۰۰۱۲۳۴۵۶۷۸ "} {
		wantMatch(t, match(t, s, Query{Raw: "09121234567", CustomerRef: ref}), RuleIVR, named, byNumber)
		wantMatch(t, match(t, s, Query{Raw: "anonymous", CustomerRef: ref}), RuleIVR, named)
	}
	// A wrong one does no harm.
	wantMatch(t, match(t, s, Query{Raw: "09121234567", CustomerRef: "999"}), RuleLinked, byNumber)
	wantMatch(t, match(t, s, Query{Raw: "", CustomerRef: "999"}), RuleWithheld)
}

func TestMatch_CandidatesAreBounded(t *testing.T) {
	s := newStore(t)
	for i := range 60 {
		person(t, s, fmt.Sprint(i), "02188881234", "02188881234 x1")
	}
	m := match(t, s, Query{Raw: "88881234"})
	if m.Rule != RuleShared || len(m.Candidates) != maxCandidates || !m.More {
		t.Errorf("%s, %d candidates, more %v", m.Rule, len(m.Candidates), m.More)
	}
}

// The plan must stay index-only in cost: no part of it may read a whole table.
func TestMatch_UsesIndexes(t *testing.T) {
	s := newStore(t)
	seed(t, s, 20_000)
	exec(t, s, `INSERT INTO number_link (key, customer_id) SELECT id::text, id FROM customer`)
	exec(t, s, `ANALYZE`)
	plan := explain(t, s, matchQuery, "+989121234567", uuid.New(), "C-000001")
	if strings.Contains(plan, "Seq Scan") || !strings.Contains(plan, "customer_number_key") {
		t.Errorf("plan:\n%s", plan)
	}
}

func explain(t testing.TB, s *Store, sql string, args ...any) string {
	t.Helper()
	rows := must(s.db.Pool().Query(t.Context(), "EXPLAIN "+sql, args...))(t)
	return strings.Join(must(pgx.CollectRows(rows, pgx.RowTo[string]))(t), "\n")
}

func seed(t testing.TB, s *Store, n int) {
	t.Helper()
	if err := s.seedCustomers(t.Context(), n); err != nil {
		t.Fatal(err)
	}
}

func exec(t testing.TB, s *Store, sql string, args ...any) {
	t.Helper()
	if _, err := s.db.Pool().Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// Reports, lists and imports may have taken every other connection: the telephone rings now.
func TestMatch_WaitsForNoReport(t *testing.T) {
	s := newStore(t)
	sara := person(t, s, "Sara", "09121234567")
	for range s.db.Pool().Config().MaxConns {
		conn := must(s.db.Pool().Acquire(t.Context()))(t)
		defer conn.Release()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	m := must(s.Match(ctx, Query{Raw: "09121234567"}))(t)
	wantMatch(t, m, RuleExact, sara)
}
