package main

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"ringbook/calllog"
	"ringbook/db"
	"ringbook/db/dbtest"
	"ringbook/pbx"
	"ringbook/pbx/pbxtest"
)

// repairLab is a program that watches a real Asterisk through a line that can be cut, and knows where that keeps records.
type repairLab struct {
	*pbxtest.Asterisk
	line     *proxy
	database *db.DB
	settings Settings
	admin    *person
	neda     string // id
	csv      string // Master.csv
}

func startRepairLab(t *testing.T, records func(tables *db.DB, csv string) string) *repairLab {
	t.Helper()
	tables := dbtest.New(t)
	if _, err := tables.Pool().Exec(t.Context(), pbxtest.RecordTables); err != nil {
		t.Fatal(err)
	}
	l := &repairLab{database: dbtest.New(t)}
	l.Asterisk = pbxtest.StartAsterisk(t, pbxtest.WithRecords(dbtest.Port(t, tables), tables.Pool().Config().ConnConfig.Database)...)
	l.csv = l.KeepRecords()
	l.line = newProxyTo(t, "tcp", l.Address())
	l.line.start(t)
	u, err := url.Parse(l.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = l.line.address
	l.settings = testSettings(t, func(c *Config) {
		c.Database.Database = dbtest.URL(l.database)
		c.PBX, c.CDR = "lab="+u.String(), "lab="+records(tables, l.csv)
	})
	p := startProgramIn(t, l.settings, outside{repairDelay: 100 * time.Millisecond})
	awaitReady(t, p.URL)
	l.admin = login(t, p.URL, "admin", testPassword)
	var neda struct{ ID uuid.UUID }
	l.admin.do("POST", "/agents", map[string]any{"username": "neda", "password": testPassword, "name": "Neda", "extensions": []string{"1001"}}, &neda)
	l.neda = neda.ID.String()
	return l
}

// log is what the log has, by the number that was shown.
func (l *repairLab) log() map[string][]calllog.Record {
	var rows page
	l.admin.do("GET", "/calls?limit=200", nil, &rows)
	by := map[string][]calllog.Record{}
	for _, row := range rows.Items {
		by[row.Caller.Raw] = append(by[row.Caller.Raw], row)
	}
	return by
}

const (
	before, across = "09120001001", "09120001002"
	first, second  = "09120001003", "09120001004"
	engaged, gone  = "09120001005", "09120001006"
	nobody         = "09120001007"
)

// hide cuts the line while one call ends and five come and go, and returns when the program hears again. Then the log
// is complete at some moment, and once only.
func (l *repairLab) hide(t *testing.T) map[string][]calllog.Record {
	t.Helper()
	neda := l.Phone("1001", pbxtest.Behaviour{Answer: true, Ring: 200 * time.Millisecond})
	l.Phone("1004", pbxtest.Behaviour{Refuse: "486 Busy Here"})
	l.Call(pbxtest.CallSpec{From: before, To: "91001236", Talk: 300 * time.Millisecond}).Wait()
	eventually(t, "the first call is in the log", func() bool { return len(l.log()[before]) == 1 && l.log()[before][0].State == pbx.StateEnded })
	long := l.Call(pbxtest.CallSpec{From: across, To: "91001236", Talk: 2500 * time.Millisecond})
	eventually(t, "the second call goes on", func() bool {
		rows := l.log()[across]
		return len(rows) == 1 && rows[0].State == pbx.StateTalking
	})
	l.admin.do("PATCH", "/calls/"+l.log()[across][0].ID.String(), map[string]any{"note": "typed while they talked"}, nil)

	l.line.stop()
	long.Wait()
	for _, from := range []string{first, second} {
		l.Call(pbxtest.CallSpec{From: from, Name: "Sara Ahmadi", To: "91001236", Talk: 1200 * time.Millisecond}).Wait()
	}
	l.Call(pbxtest.CallSpec{From: engaged, To: "91001241"}).Wait()
	neda.Close()
	l.Phone("1001", pbxtest.Behaviour{Ring: time.Millisecond})
	l.Call(pbxtest.CallSpec{From: nobody, To: "91001236"}).Wait()
	l.Call(pbxtest.CallSpec{From: gone, To: "91001234", Talk: 900 * time.Millisecond}).Wait()
	l.Quiet()
	l.line.start(t)
	var rows map[string][]calllog.Record
	eventually(t, "the gap is filled in", func() bool {
		rows = l.log()
		return len(rows[first]) > 0 && len(rows[gone]) > 0 && len(rows[across]) > 0 && rows[across][0].Source != pbx.SourceLive
	})
	return rows
}

// check looks at every call that was hidden.
func (l *repairLab) check(t *testing.T, rows map[string][]calllog.Record, source pbx.Source) {
	t.Helper()
	for number, want := range map[string]struct {
		outcome pbx.Outcome
		agent   bool // Neda talked
		source  pbx.Source
	}{
		before: {pbx.Answered, true, pbx.SourceLive}, across: {pbx.Answered, true, source},
		first: {pbx.Answered, true, source}, second: {pbx.Answered, true, source},
		engaged: {pbx.Busy, false, source}, nobody: {pbx.Missed, false, source}, gone: {pbx.Abandoned, false, source},
	} {
		if len(rows[number]) != 1 {
			t.Errorf("%s is in the log %d times", number, len(rows[number]))
			continue
		}
		c := rows[number][0]
		if c.Outcome == nil || *c.Outcome != want.outcome || c.Direction != pbx.Inbound || c.State != pbx.StateEnded || c.Source != want.source {
			t.Errorf("%s: %s, %s, outcome %v, source %s; want %+v", number, c.Direction, c.State, c.Outcome, c.Source, want)
		}
		if c.EndedBefore != nil || c.Partial || c.EndedAt == nil || c.EndedAt.Before(c.StartedAt) {
			t.Errorf("%s: partial %v, from %v to %v or %v", number, c.Partial, c.StartedAt, c.EndedAt, c.EndedBefore)
		}
		talked := false
		for _, leg := range c.Legs {
			talked = talked || leg.AgentID != nil && leg.AgentID.String() == l.neda && leg.AnsweredAt != nil
		}
		if talked != want.agent {
			t.Errorf("%s: Neda talked: %v, want %v; legs %+v", number, talked, want.agent, c.Legs)
		}
	}
	if c := rows[across][0]; c.Note != "typed while they talked" || len(c.Legs) != 2 || c.TalkMS < 1500 || c.TalkMS > 4000 {
		t.Errorf("the call that ended unseen: note %q, %d legs, talk %d ms of 2500", c.Note, len(c.Legs), c.TalkMS)
	}
	if c := rows[gone][0]; c.Queue == nil || *c.Queue != "support" {
		t.Errorf("the queue is %v", c.Queue)
	}
}

// TestRepair_L10_FromChannelEvents: ringbook is cut off from the exchange while one call ends and five come and go. After
// the gap the log has them, from the tables that a real Asterisk writes: the right outcome, agent and queue, once, marked;
// what was seen and typed stays. Done again it changes nothing.
func TestRepair_L10_FromChannelEvents(t *testing.T) {
	t.Parallel()
	l := startRepairLab(t, func(tables *db.DB, _ string) string { return dbtest.URL(tables) })
	rows := l.hide(t)
	l.check(t, rows, pbx.SourceCEL)
	if c := rows[first]; len(c) == 1 && (c[0].TalkMS < 900 || c[0].TalkMS > 2000 || c[0].Hangup.By != pbx.ByCaller || c[0].Caller.Name != "Sara Ahmadi") {
		t.Errorf("talk %d ms of 1200, hung up by %s, name %q", c[0].TalkMS, c[0].Hangup.By, c[0].Caller.Name)
	}
	var gaps int
	ask := func() (n int) {
		if err := l.database.Pool().QueryRow(t.Context(), `SELECT count(*), coalesce(sum(added + completed), 0) FROM repair`).Scan(&gaps, &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	eventually(t, "the gap is done", func() bool { return ask() == 6 })
	sum := `SELECT md5(string_agg(c::text || coalesce((SELECT string_agg(l::text, ';' ORDER BY l.id) FROM call_leg l WHERE l.call_id = c.id), ''), '|' ORDER BY c.id)) FROM call c`
	var was, is string
	if err := l.database.Pool().QueryRow(t.Context(), sum).Scan(&was); err != nil {
		t.Fatal(err)
	}
	if _, err := l.database.Pool().Exec(t.Context(), `DELETE FROM repair`); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the gap is done again", func() bool { ask(); return gaps == 1 })
	if err := l.database.Pool().QueryRow(t.Context(), sum).Scan(&is); err != nil || is != was {
		t.Errorf("a second time the log changes: %v", err)
	}
}

// TestRepair_L10_FromMasterCSV: the same with nothing but the file of call records.
func TestRepair_L10_FromMasterCSV(t *testing.T) {
	t.Parallel()
	l := startRepairLab(t, func(_ *db.DB, csv string) string { return "file://" + csv })
	rows := l.hide(t)
	l.check(t, rows, pbx.SourceCDR)
}

func TestConfig_CDR(t *testing.T) {
	const main = "main=http://user:password@host:8088/ari"
	for value, says := range map[string]string{
		"main=mysql://u:p@host/asteriskcdrdb":                          "",
		"main=postgres://u:p@host/asterisk?table=cdr&zone=Asia/Tehran": "",
		"main=file:///var/log/asterisk/cdr-csv/Master.csv":             "",
		"other=mysql://u:p@host/asteriskcdrdb":                         `there is no exchange "other" in RINGBOOK_PBX`,
		"main=mysql://u:topsecret@host":                                `the address of "main" is wrong (the address of the call records names no database`,
		"main=http://u:topsecret@host/x":                               "call records are read from mysql://, postgres:// or file://",
		"main=mysql://u:topsecret@host/x?zone=Teheran":                 `"Teheran" is not a time zone`,
		"mysql://u:topsecret@host/x":                                   "entry 1 has no name",
		"main=mysql://u:p@host/x main=mysql://u:p@host/y":              `the name "main" is used twice`,
		"main=file://var/log/asterisk/cdr-csv/Master.csv":              "with three strokes",
	} {
		_, err := Config{
			Listen: "127.0.0.1:0", Database: Database{Data: "./data"}, PBX: main, CDR: value, Region: "IR", Timezone: "Asia/Tehran", CallHours: "8-20", Spool: 1,
			Logging: Logging{Log: "text", LogLevel: "info"},
		}.Settings()
		switch {
		case says == "" && err != nil, says != "" && (err == nil || !strings.Contains(err.Error(), says)):
			t.Errorf("%s: %v, want %q", value, err, says)
		case err != nil && strings.Contains(err.Error(), "topsecret"):
			t.Errorf("%v tells the password", err)
		}
	}
}
