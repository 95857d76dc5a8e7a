package pbx_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ringbook/db/dbtest"
	"ringbook/pbx"
	"ringbook/pbx/cdr"
	"ringbook/pbx/pbxtest"
)

var updateRecords = flag.Bool("update-records", false, "play every scenario that has none in testdata/records on a real Asterisk that keeps records, and write these there")

// recordsOf are the records that a real Asterisk kept of a scenario.
func recordsOf(t *testing.T, name string) (r cdr.Records) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata/records", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// keepRecords plays a scenario on a PBX that keeps records, and writes them down.
func keepRecords(t *testing.T, name string, s pbxtest.Scenario, flavour string) {
	d := dbtest.New(t)
	if _, err := d.Pool().Exec(t.Context(), pbxtest.RecordTables); err != nil {
		t.Fatal(err)
	}
	database := d.Pool().Config().ConnConfig.Database
	a := pbxtest.StartAsterisk(t, append(pbxtest.WithRecords(dbtest.Port(t, d), database), "FLAVOUR="+flavour)...)
	a.KeepRecords()
	began := time.Now()
	s.Play(t, a)
	u, err := url.Parse(dbtest.URL(d))
	if err != nil {
		t.Fatal(err)
	}
	source, err := cdr.Open(u.String())
	if err != nil {
		t.Fatal(err)
	}
	var r cdr.Records
	a.Eventually("no records are kept", func() bool {
		if r, err = source.Read(t.Context(), began, time.Now()); err != nil {
			t.Fatal(err)
		}
		return len(r.Records) > 0 && len(r.Events) > 0 && r.Events[len(r.Events)-1].Type == "LINKEDID_END"
	})
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join("testdata/records", name+".json"), append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// untold are the scenarios of which the records of a PBX do not tell all that ringbook would have seen, and what is missing.
// TestRecall_Scenarios holds that it is no more, and no less.
var untold = map[pbx.Source]map[string]string{
	pbx.SourceCEL: {
		"withheld-by-privacy-header": "that the caller asked to withhold the number, which is told all the same",
		"ivr-customer":               "channel variables",
		"transfer-to-queue":          "the queue behind the number to which it was transferred",
		"transfer-outside":           "which number went to the line",
		"forward-by-phone":           "that the phone forwarded it: its leg failed",
		"forward-by-phone-optimized": "as before",
		"forward-by-phone-in-queue":  "as before",
		"park-retrieved":             "parking, but for who talked",
		"park-timeout":               "as before",
		"park-given-up":              "as before",
		"park-digits":                "as before",
		"queue-left-by-key":          "that the caller left the queue by a key",
	},
	pbx.SourceCDR: {
		"withheld-by-privacy-header":     "as above",
		"queue-inturn-abandoned":         "that it was the caller who ended it, where the dialplan did something afterwards",
		"queue-answer-crosses-giving-up": "as before",
		"outbound-no-such-number":        "why it failed",
		"outbound-cancelled":             "that the agent gave up",
		"outbound-refused":               "why it failed",
		"transfer-attended":              "that the question to the colleague was part of it",
		"transfer-attended-from-queue":   "as before",
		"transfer-attended-outside":      "as before",
		"transfer-attended-to-queue":     "as before",
		"transfer-ringing":               "as before",
		"forward-by-dialplan":            "the caller's own number",
		"pickup-group":                   "whose phone it was that rang",
		"pickup-directed":                "as before",
		"pickup-from-queue":              "as before",
		"conference":                     "who was called, and who called",
	},
}

// TestRecall_Scenarios folds the records that a real Asterisk kept of every scenario, and holds the calls against what the
// scenario says: the channel events in every detail, the call records in what they can tell.
func TestRecall_Scenarios(t *testing.T) {
	missed := map[pbx.Source]map[string]bool{pbx.SourceCEL: {}, pbx.SourceCDR: {}}
	for name, s := range recorded() {
		t.Run(name, func(t *testing.T) {
			if _, err := os.Stat(filepath.Join("testdata/records", name+".json")); *updateRecords && err != nil {
				t.Parallel()
				flavour := "plain"
				if strings.HasSuffix(name, ".freepbx") {
					flavour = "freepbx"
				}
				keepRecords(t, name, s, flavour)
				return
			}
			all := recordsOf(t, name)
			for source, faults := range map[pbx.Source][]string{
				pbx.SourceCEL: recallFaults(s, all),
				pbx.SourceCDR: roughFaults(s, cdr.Records{Records: all.Records}),
			} {
				if len(faults) == 0 {
					continue
				}
				missed[source][s.Name] = true
				if untold[source][s.Name] == "" {
					t.Errorf("from %s: %s\n%s", source, s.Story, strings.Join(faults, "\n"))
				}
			}
		})
	}
	for source, names := range untold {
		for name := range names {
			if !missed[source][name] && !*updateRecords && !t.Failed() {
				t.Errorf("%s tells all of %s: it is not untold any more", source, name)
			}
		}
	}
}

func recallFaults(s pbxtest.Scenario, r cdr.Records) []string {
	var calls []pbx.Call
	for _, c := range pbx.Recall(labConfig, r) {
		calls = append(calls, c.Call)
	}
	return s.Faults(told(listed(calls)))
}

// roughFaults compares what call records can tell: which calls there were, of whom, through which queue, and who talked.
func roughFaults(s pbxtest.Scenario, r cdr.Records) []string {
	words := func(direction, outcome, caller, queue string, talked []string) string {
		slices.Sort(talked)
		return strings.Join(append([]string{direction, outcome, caller, queue}, talked...), " ")
	}
	var want, got []string
	for _, e := range s.Expect {
		var talked []string
		for _, l := range e.Legs {
			if l.Role == "agent" && l.Answered {
				talked = append(talked, l.Extension)
			}
		}
		caller := strings.TrimPrefix(e.Caller, "-")
		if e.Withheld {
			caller = ""
		}
		want = append(want, words(e.Direction, e.Outcome, caller, e.Queue, talked))
	}
	var calls []pbx.Call
	for _, c := range pbx.Recall(labConfig, r) {
		calls = append(calls, c.Call)
	}
	for _, c := range told(listed(calls)) {
		if c.Withheld {
			c.Caller = ""
		}
		var talked []string
		for _, l := range c.Legs {
			if l.Role == "agent" && !l.AnsweredAt.IsZero() {
				talked = append(talked, l.Extension)
			}
		}
		got = append(got, words(c.Direction, c.Outcome, c.Caller, c.Queue, talked))
	}
	slices.Sort(want)
	slices.Sort(got)
	if slices.Equal(want, got) {
		return nil
	}
	return []string{fmt.Sprintf("calls are %q, want %q", got, want)}
}

// freePBX are the tables of asteriskcdrdb as FreePBX makes them; times are the PBX's local ones, in whole seconds.
const freePBX = `
CREATE TABLE cdr (calldate datetime NOT NULL DEFAULT '0000-00-00 00:00:00', clid varchar(80) NOT NULL DEFAULT '', src varchar(80) NOT NULL DEFAULT '',
	dst varchar(80) NOT NULL DEFAULT '', dcontext varchar(80) NOT NULL DEFAULT '', channel varchar(80) NOT NULL DEFAULT '',
	dstchannel varchar(80) NOT NULL DEFAULT '', lastapp varchar(80) NOT NULL DEFAULT '', lastdata varchar(80) NOT NULL DEFAULT '',
	duration int(11) NOT NULL DEFAULT 0, billsec int(11) NOT NULL DEFAULT 0, disposition varchar(45) NOT NULL DEFAULT '',
	amaflags int(11) NOT NULL DEFAULT 0, accountcode varchar(20) NOT NULL DEFAULT '', uniqueid varchar(32) NOT NULL DEFAULT '',
	userfield varchar(255) NOT NULL DEFAULT '', did varchar(50) NOT NULL DEFAULT '', recordingfile varchar(255) NOT NULL DEFAULT '',
	cnum varchar(80) NOT NULL DEFAULT '', cnam varchar(80) NOT NULL DEFAULT '', outbound_cnum varchar(80) NOT NULL DEFAULT '',
	outbound_cnam varchar(80) NOT NULL DEFAULT '', dst_cnam varchar(80) NOT NULL DEFAULT '', linkedid varchar(32) NOT NULL DEFAULT '',
	peeraccount varchar(80) NOT NULL DEFAULT '', sequence int(11) NOT NULL DEFAULT 0,
	KEY calldate (calldate), KEY dst (dst), KEY accountcode (accountcode), KEY uniqueid (uniqueid), KEY did (did));
CREATE TABLE cel (id int(11) NOT NULL AUTO_INCREMENT, eventtype varchar(30) NOT NULL, eventtime datetime NOT NULL, cid_name varchar(80) NOT NULL,
	cid_num varchar(80) NOT NULL, cid_ani varchar(80) NOT NULL, cid_rdnis varchar(80) NOT NULL, cid_dnid varchar(80) NOT NULL,
	exten varchar(80) NOT NULL, context varchar(80) NOT NULL, channame varchar(80) NOT NULL, appname varchar(80) NOT NULL,
	appdata varchar(80) NOT NULL, amaflags int(11) NOT NULL, accountcode varchar(20) NOT NULL, uniqueid varchar(32) NOT NULL,
	linkedid varchar(32) NOT NULL, peer varchar(80) NOT NULL, userdeftype varchar(255) NOT NULL, extra varchar(512) NOT NULL,
	PRIMARY KEY (id), KEY uniqueid_index (uniqueid), KEY linkedid_index (linkedid), KEY context_index (context))`

// someScenarios are a handful of the commonest, each of which was recorded at another time.
var someScenarios = []string{
	"direct-answered-caller-hangs-up.freepbx", "queue-local-members.freepbx", "queue-inturn-second-answers.freepbx",
	"internal-answered.freepbx", "outbound-answered.freepbx", "transfer-blind.freepbx", "outbound-busy.freepbx",
}

// scenarioOf finds a scenario by the name of its recording.
func scenarioOf(t *testing.T, name string) pbxtest.Scenario {
	t.Helper()
	for n, s := range recorded() {
		if n == name {
			return s
		}
	}
	t.Fatalf("there is no scenario %s", name)
	return pbxtest.Scenario{}
}

// tehran is where the PBX of these tests is, and nobody tells ringbook so.
var tehran = time.FixedZone("", 3*3600+1800)

// TestRecall_FreePBX: asteriskcdrdb of a MariaDB, by its address alone; then the same without its table cel.
func TestRecall_FreePBX(t *testing.T) {
	db, address := startMariaDB(t)
	for _, statement := range strings.Split(freePBX, ";\n") {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	const form = time.DateTime
	for _, name := range someScenarios {
		all := recordsOf(t, name)
		for _, e := range all.Events {
			if _, err := db.ExecContext(t.Context(), `INSERT INTO cel (eventtype, eventtime, cid_name, cid_num, cid_ani, cid_rdnis, cid_dnid, exten, context,
				channame, appname, appdata, amaflags, accountcode, uniqueid, linkedid, peer, userdeftype, extra)
				VALUES (?, ?, ?, ?, '', '', '', ?, ?, ?, ?, left(?, 80), 3, '', ?, ?, '', '', ?)`, e.Type, e.Time.In(tehran).Format(form), e.CallerName, e.CallerNumber,
				e.Exten, e.Context, e.Channel, e.App, e.AppData, e.UniqueID, e.LinkedID, e.Extra); err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range all.Records {
			billed := 0.0
			if !r.Answered.IsZero() {
				billed = r.End.Sub(r.Answered).Seconds()
			}
			if _, err := db.ExecContext(t.Context(), `INSERT INTO cdr (calldate, clid, src, dst, channel, dstchannel, lastapp, lastdata, duration, billsec, disposition,
				uniqueid, linkedid) VALUES (?, ?, ?, ?, ?, ?, ?, left(?, 80), ?, ?, ?, ?, ?)`, r.Start.In(tehran).Format(form), `"`+r.CallerName+`" <`+r.Source+`>`, r.Source,
				r.Destination, r.Channel, r.PeerChannel, r.App, r.AppData, int(r.End.Sub(r.Start).Seconds()), int(billed), r.Disposition, r.UniqueID, r.LinkedID); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, from := range []pbx.Source{pbx.SourceCEL, pbx.SourceCDR} {
		if from == pbx.SourceCDR {
			if _, err := db.ExecContext(t.Context(), `DROP TABLE cel`); err != nil {
				t.Fatal(err)
			}
		}
		source, err := cdr.Open(address)
		if err != nil {
			t.Fatal(err)
		}
		recallSome(t, source, from)
	}
}

// recallSome reads each of someScenarios by its time, and looks at its calls.
func recallSome(t *testing.T, source *cdr.Source, from pbx.Source) {
	t.Helper()
	for _, name := range someScenarios {
		kept := recordsOf(t, name)
		began, ended := kept.Events[0].Time, kept.Events[len(kept.Events)-1].Time
		all, err := source.Read(t.Context(), began, ended)
		if err != nil {
			t.Fatal(err)
		}
		mine := map[string]bool{}
		for _, r := range kept.Records {
			mine[r.Channel+r.UniqueID] = true
		}
		all.Records = slices.DeleteFunc(all.Records, func(r cdr.Record) bool { return !mine[r.Channel+r.UniqueID] })
		all.Events = slices.DeleteFunc(all.Events, func(e cdr.Event) bool {
			return !slices.ContainsFunc(kept.Events, func(k cdr.Event) bool { return k.UniqueID == e.UniqueID && k.Channel == e.Channel })
		})
		for _, fault := range roughFaults(scenarioOf(t, name), all) {
			t.Errorf("%s from %s: %s", name, from, fault)
		}
		for _, c := range pbx.Recall(labConfig, all) {
			if c.Source != from {
				t.Errorf("%s: a call is from %s, want %s", name, c.Source, from)
			}
			if off := c.Call.StartedAt.Sub(began).Abs(); off > ended.Sub(began)+time.Second {
				t.Errorf("%s from %s: a call began %s off", name, from, off)
			}
		}
	}
}

// TestRecall_MasterCSV: the file as Asterisk writes it with loguniqueid and newcdrcolumns, and with neither.
func TestRecall_MasterCSV(t *testing.T) {
	for _, linked := range []bool{true, false} {
		file := filepath.Join(t.TempDir(), "Master.csv")
		var b strings.Builder
		var all []cdr.Record
		for _, name := range someScenarios {
			all = append(all, recordsOf(t, name).Records...)
		}
		slices.SortFunc(all, func(a, b cdr.Record) int { return a.End.Compare(b.End) })
		for i, r := range all {
			stamp := func(at time.Time) string {
				if at.IsZero() {
					return ""
				}
				return at.In(tehran).Format(time.DateTime)
			}
			fmt.Fprintf(&b, `"","%s","%s","numbers","""%s"" <%s>","%s","%s","%s","%s","%s","%s","%s",%d,%d,"%s","DOCUMENTATION"`, r.Source, r.Destination,
				r.CallerName, r.Source, r.Channel, r.PeerChannel, r.App, strings.ReplaceAll(r.AppData, `"`, `""`), stamp(r.Start), stamp(r.Answered), stamp(r.End),
				int(r.End.Sub(r.Start).Seconds()), 0, r.Disposition)
			if linked {
				fmt.Fprintf(&b, `,"%s","","","%s",%d`, r.UniqueID, r.LinkedID, i)
			}
			b.WriteString("\n")
		}
		b.WriteString(`"","0912`) // is being written
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		if linked {
			source, err := cdr.Open("file://" + file)
			if err != nil {
				t.Fatal(err)
			}
			recallSome(t, source, pbx.SourceCDR)
			continue
		}
		// Without ids the zone must be said, and each line is a call of its own.
		source, err := cdr.Open("file://" + file + "?zone=Asia/Tehran")
		if err != nil {
			t.Fatal(err)
		}
		got, err := source.Read(t.Context(), all[0].Start, all[len(all)-1].End)
		if err != nil || len(got.Records) != len(all) {
			t.Fatalf("%d records of %d, %v", len(got.Records), len(all), err)
		}
		calls := pbx.Recall(labConfig, got)
		if len(calls) == 0 || !calls[0].Call.StartedAt.Equal(got.Records[0].Start) || calls[0].Call.StartedAt.Sub(all[0].Start).Abs() > time.Hour {
			t.Errorf("%d calls, the first at %v", len(calls), calls[0].Call.StartedAt)
		}
	}
}
