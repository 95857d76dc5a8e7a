package calllog

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/crm"
	"ringbook/pbx"
)

// legOn writes an ended call of the PBX main with one leg on a channel, so long ago, and returns its id. A call that is there
// already gets one more leg.
func legOn(t testing.TB, s *Store, n int, channel string, role pbx.Role, ext string, agent *uuid.UUID, ago time.Duration) uuid.UUID {
	t.Helper()
	at := time.Now().Add(-ago)
	id := beganAt(pbx.Call{ID: callID(n)}, at).ID
	err := s.db.Pool().QueryRow(deadline(t), `SELECT id FROM call WHERE substr(uuid_send(id), 7) = $1`, id[6:]).Scan(&id)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		t.Fatal(err)
	}
	for _, sql := range []struct {
		text string
		args []any
	}{
		{`INSERT INTO call (id, pbx, version, direction, state, outcome, caller_raw, caller_number, caller_name, caller_withheld, dialed_raw,
			dialed_number, number, trunk, queue, customer_ref, started_at, wait_ms, talk_ms, hold_ms, hangup_by, hangup_cause, hangup_text,
			transfers, partial, reconstructed, whole, search, match_rule, candidates)
			VALUES ($1, 'main', 1, 'inbound', 'ended', 'missed', '0912', '+98912', '', false, '', '', '+98912', '', '', '', $2, 0, 0, 0, '', 0, '',
			'[]', false, false, true, '', 'none', '{}') ON CONFLICT DO NOTHING`, []any{id, at}},
		{`INSERT INTO call_leg (call_id, id, version, channel, role, extension, number, agent_id, offered_at, ended_at, ended_as, talk_ms, hold_ms, parent, pbx)
			VALUES ($1, $2, 1, $2, $3, $4, '', $5, $6, $6, 'no_answer', 0, 0, '', 'main')`, []any{id, channel, string(role), ext, agent, at}},
	} {
		if _, err := s.db.Pool().Exec(deadline(t), sql.text, sql.args...); err != nil {
			t.Fatal(err)
		}
	}
	return id
}

func phones(t testing.TB, s *Store, f PhoneFilter) (names []string, page crm.Page[Phone]) {
	t.Helper()
	f.PBXs = []string{"main"}
	page, err := s.Phones(deadline(t), admin, f)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range page.Items {
		names = append(names, p.Endpoint)
	}
	return names, page
}

func TestPhones_WhoNeedsAnOwnerComesFirst(t *testing.T) {
	_, s := callCentre(t)
	ctx := deadline(t)
	if _, err := s.crm.UpdateAgent(ctx, crm.System, neda.ID, crm.AgentPatch{Extensions: &[]string{"1001"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.crm.CorrectPhone(ctx, admin, "main", "PJSIP/old-line", crm.PhonePatch{Extension: new(string)}); err != nil {
		t.Fatal(err)
	}
	legOn(t, s, 1, "PJSIP/1001-0000000a", pbx.RoleAgent, "1001", &neda.ID, time.Minute)
	second := legOn(t, s, 2, "PJSIP/trunk-a-0000001f", pbx.RoleCustomer, "", nil, time.Minute)
	third := legOn(t, s, 3, "PJSIP/trunk-a-00000020<ZOMBIE>", pbx.RoleCustomer, "", nil, time.Hour)
	legOn(t, s, 4, "DAHDI/i1/09121234567-4a", pbx.RoleCustomer, "", nil, 2*time.Minute)
	legOn(t, s, 5, "DAHDI/i1/2211-4b", pbx.RoleCustomer, "", nil, 3*time.Minute)
	legOn(t, s, 6, "PJSIP/1009-0000000b", pbx.RoleAgent, "1009", nil, time.Hour)
	newest := legOn(t, s, 7, "SIP/1008-0000000c", pbx.RoleAgent, "1008", nil, 2*time.Hour)
	legOn(t, s, 8, "PJSIP/1007-0000000d", pbx.RoleAgent, "1007", nil, 40*24*time.Hour)
	for n := 10; n < 17; n++ {
		legOn(t, s, n, fmt.Sprintf("SIP/1008-000000%d", n), pbx.RoleAgent, "1008", nil, time.Duration(n)*time.Hour)
	}
	// A line over which an outside number came; a line to another exchange; a softphone that calls by a short number, and to
	// which a caller from outside was put through.
	legOn(t, s, 20, "PJSIP/sim-a-00000030", pbx.RoleCustomer, "", nil, time.Second)
	legOn(t, s, 21, "IAX2/branch-31", pbx.RoleCustomer, "", nil, 2*time.Second)
	short := legOn(t, s, 22, "DAHDI/i2/09120000000-32", pbx.RoleCustomer, "", nil, 3*time.Second)
	for _, sql := range []string{
		`UPDATE call SET trunk = 'PJSIP/sim-a'`,
		`UPDATE call SET trunk = 'DAHDI/i2/09120000000' WHERE id = '` + short.String() + `'`,
		`UPDATE call SET trunk = 'PJSIP/trunk-a' WHERE id = '` + second.String() + `'`,
		`UPDATE call_leg SET number = '09121112233' WHERE id ~ 'sim-a|i2' OR call_id = '` + third.String() + `'`,
		`UPDATE call_leg SET number = '2211' WHERE call_id = '` + second.String() + `'`,
		`UPDATE call_leg SET line = true WHERE id ~ 'branch'`,
	} {
		if _, err := s.db.Pool().Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	devices := []pbx.Device{
		{PBX: "main", Endpoint: "PJSIP/1001", State: pbx.DeviceOnline}, {PBX: "main", Endpoint: "PJSIP/1010", State: pbx.DeviceOffline},
	}
	names, page := phones(t, s, PhoneFilter{Devices: devices})
	want := []string{"PJSIP/1009", "SIP/1008", "PJSIP/trunk-a", "DAHDI/i1", "PJSIP/sim-a", "IAX2/branch", "DAHDI/i2", "PJSIP/1001", "PJSIP/1010", "PJSIP/old-line"}
	if !slices.Equal(names, want) {
		t.Fatalf("%v, want %v", names, want)
	}
	kinds := []PhoneKind{PhoneNobody, PhoneNobody, PhoneUnknown, PhoneUnknown, PhoneLine, PhoneLine, PhoneLine, PhoneAgent, PhoneNobody, PhoneLine}
	calls := []int{1, 8, 2, 2, 1, 1, 1, 1, 0, 0}
	recent := []int{1, 5, 2, 2, 0, 0, 0, 0, 0, 0}
	for i, p := range page.Items {
		if p.Kind != kinds[i] || p.Calls != calls[i] || len(p.Recent) != recent[i] || (p.LastSeen == nil) != (p.Calls == 0) {
			t.Errorf("%s is %s with %d calls, %d of them told, last seen %v", p.Endpoint, p.Kind, p.Calls, len(p.Recent), p.LastSeen)
		}
	}
	if p := page.Items[7]; p.Agent != "Neda" || *p.AgentID != neda.ID || *p.State != pbx.DeviceOnline || p.Correction != nil {
		t.Errorf("%+v", p)
	}
	if p := page.Items[9]; p.Correction == nil || p.State != nil {
		t.Errorf("%+v", p)
	}
	one, err := s.Phone(ctx, admin, "main", "PJSIP/sim-a", devices)
	if err != nil || one.Kind != PhoneLine || one.Correction != nil || one.Calls != 1 {
		t.Errorf("%+v, %v", one, err)
	}
	if r := page.Items[1].Recent; r[0].ID != newest || r[0].Number != "+98912" || *r[0].Outcome != pbx.Missed || !r[1].StartedAt.Before(r[0].StartedAt) {
		t.Errorf("%+v", r)
	}

	// In pages, filtered, and searched in the digits of any script.
	var paged []string
	for f := (PhoneFilter{Devices: devices, Limit: 2}); ; {
		names, page := phones(t, s, f)
		paged = append(paged, names...)
		if page.Next == nil {
			break
		}
		f.Cursor = *page.Next
	}
	if !slices.Equal(paged, want) {
		t.Errorf("in pages %v", paged)
	}
	for _, c := range []struct {
		f    PhoneFilter
		want []string
	}{
		{PhoneFilter{Needy: true}, want[:4]},
		{PhoneFilter{Q: "۱۰۰۹"}, []string{"PJSIP/1009"}},
		{PhoneFilter{Q: "neda"}, []string{"PJSIP/1001"}},
		{PhoneFilter{Q: "sip 8"}, []string{"SIP/1008"}},
		{PhoneFilter{Q: "nothing"}, nil},
	} {
		c.f.Devices = devices
		if names, _ := phones(t, s, c.f); !slices.Equal(names, c.want) {
			t.Errorf("%+v: %v, want %v", c.f, names, c.want)
		}
	}
	_, err = s.Phones(ctx, admin, PhoneFilter{Cursor: "x", Limit: 1000})
	refused(t, err, "cursor")
	refused(t, err, "limit")
	for _, a := range []crm.Actor{agentNeda, leader} {
		if _, err := s.Phones(ctx, a, PhoneFilter{}); err == nil {
			t.Errorf("%s lists phones", a.Role)
		}
		if _, err := s.NameCalls(ctx, a, "main", "PJSIP/1001", 30); err == nil {
			t.Errorf("%s names calls", a.Role)
		}
	}
}

func TestNameCalls_OnlyWhatIsNobodys(t *testing.T) {
	d, s := callCentre(t)
	ctx := deadline(t)
	legOn(t, s, 1, "PJSIP/1009-0a", pbx.RoleAgent, "1009", nil, time.Hour)
	legOn(t, s, 1, "PJSIP/1009-0b", pbx.RoleAgent, "1009", nil, time.Minute)
	legOn(t, s, 2, "PJSIP/1009-0c", pbx.RoleAgent, "1009", &omid.ID, time.Hour) // was Omid's then
	legOn(t, s, 3, "PJSIP/1009-0d", pbx.RoleCustomer, "", nil, time.Hour)       // was a line then
	legOn(t, s, 4, "PJSIP/1010-0e", pbx.RoleAgent, "1010", nil, time.Hour)      // another phone
	legOn(t, s, 5, "PJSIP/1009-0f", pbx.RoleAgent, "1009", nil, 8*24*time.Hour) // too long ago
	legOn(t, s, 6, "PJSIP/1009-10", pbx.RoleAgent, "1009", nil, 6*24*time.Hour) //
	legOn(t, s, 7, "PJSIP/1009-11", pbx.RoleAgent, "1009", nil, 10*time.Second) // goes on
	if _, err := d.Pool().Exec(ctx, `UPDATE call_leg SET ended_at = NULL WHERE id = 'PJSIP/1009-11'`); err != nil {
		t.Fatal(err)
	}
	_, err := s.NameCalls(ctx, admin, "main", "PJSIP/1009", 7)
	refused(t, err, "endpoint")
	if _, err := s.crm.CorrectPhone(ctx, admin, "main", "PJSIP/1009", crm.PhonePatch{AgentID: &neda.ID}); err != nil {
		t.Fatal(err)
	}
	_, err = s.NameCalls(ctx, admin, "main", "PJSIP/1009", 366)
	refused(t, err, "days")
	if n, err := s.Nameless(ctx, admin, "main", "PJSIP/1009", 7); n != 2 || err != nil {
		t.Errorf("%d calls could be named: %v", n, err)
	}
	for want := 2; want >= 0; want -= 2 { // the second time there is nothing left
		if n, err := s.NameCalls(ctx, admin, "main", "PJSIP/1009", 7); n != want || err != nil {
			t.Errorf("%d calls were named, want %d: %v", n, want, err)
		}
	}
	if n := count(t, d, `SELECT count(*) FROM call_leg WHERE agent_id = $1 AND id IN ('PJSIP/1009-0a', 'PJSIP/1009-0b', 'PJSIP/1009-10')`, neda.ID); n != 3 {
		t.Errorf("%d legs are named", n)
	}
	if n := count(t, d, `SELECT count(*) FROM call_leg WHERE agent_id = $1`, neda.ID); n != 3 {
		t.Errorf("%d legs are named in all", n)
	}
	if got := ids(list(t, s, agentNeda, Filter{})); !slices.Equal(got, []int{1, 6}) {
		t.Errorf("Neda's calls are %v", got)
	}
	if log, err := s.crm.Audit(ctx, crm.System, "phone", "main PJSIP/1009"); err != nil || len(log) != 2 || log[0].Action != "name_calls" {
		t.Errorf("%+v, %v", log, err)
	}
}

// A call that is written has its PBX and its phones in the index of phones.
func TestPhones_OfARecordedCall(t *testing.T) {
	d, _ := callCentre(t)
	r, stop := record(t, config(t, d))
	defer stop()
	r.Update(ended(answered(ringing(1, "1001", "1002"))))
	settle(t, r)
	if n := count(t, d, `SELECT count(*) FROM call_leg WHERE pbx = (SELECT pbx FROM call) AND endpoint ~ '^[A-Z]+/[^-]+$' AND endpoint = split_part(channel, '-', 1)`); n != count(t, d, `SELECT count(*) FROM call_leg`) || n == 0 {
		t.Errorf("%d legs have their PBX and endpoint", n)
	}
}
