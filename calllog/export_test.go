package calllog

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"ringbook/crm"
	"ringbook/pbx"
)

var update = flag.Bool("update", false, "write golden files")

func tehran(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Tehran")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// take makes an export and its file.
func take(t testing.TB, s *Store, a crm.Actor, in ExportInput, change ...func(*ExportRun)) ([]byte, Export) {
	t.Helper()
	in.Format = ExportFormat(first(string(in.Format), string(ExportCSV)))
	in.Language = first(in.Language, "en")
	in.Calendar = Calendar(first(string(in.Calendar), string(CalendarGregorian)))
	e, err := s.CreateExport(deadline(t), a, in)
	if err != nil {
		t.Fatal(err)
	}
	run, err := s.StartExport(deadline(t), a, e.ID, "node-a")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(run)
	}
	var file bytes.Buffer
	if err := run.Send(deadline(t), fetching(t, &file)); err != nil {
		t.Fatal(err)
	}
	if e, err = s.Export(deadline(t), a, e.ID); err != nil {
		t.Fatal(err)
	}
	if e.State != ExportDone || e.Problem != "" || e.Bytes != int64(file.Len()) || e.EndedAt == nil {
		t.Errorf("the export is %+v after %d bytes", e, file.Len())
	}
	return file.Bytes(), e
}

// telling is a log with a call of every kind that a file must tell.
func telling(t testing.TB) *Store {
	t.Helper()
	d, s := callCentre(t)
	r, _ := record(t, config(t, d))

	r.Update(ended(answered(ringing(1, "1001", "1002")))) // Neda took it

	hidden := ended(ringing(2, "1001"))
	hidden.Caller = pbx.Party{Number: "anonymous", Name: "Secret Name", Withheld: true}
	hidden.Legs[0].Number = ""
	hidden.Outcome, hidden.Queue = pbx.Abandoned, ""
	r.Update(hidden)

	out := ended(answered(ringing(3, "1002")))
	out.Direction, out.Dialed, out.Queue = pbx.Outbound, "09131112222", ""
	out.Caller = pbx.Party{Number: "1002", Name: "Omid"}
	r.Update(out)

	evil := ended(ringing(4, "1001"))
	evil.Caller.Name, evil.Partial = `=HYPERLINK("http://evil.example";"x")`, true
	evil.Queue = "+support"
	r.Update(evil)

	live := answered(ringing(5, "1001"))
	live.Caller = pbx.Party{Number: "*72", Name: "پدرام"}
	r.Update(live)

	internal := ended(answered(ringing(6, "1002")))
	internal.Direction, internal.Dialed, internal.Queue = pbx.Internal, "1002", ""
	internal.Caller = pbx.Party{Number: "1001", Name: "Neda"}
	internal.Legs[0] = pbx.Leg{
		ID: "6.0", Role: pbx.RoleAgent, Extension: "1001", OfferedAt: internal.StartedAt, AnsweredAt: internal.StartedAt,
		EndedAt: internal.EndedAt.Add(time.Second), End: pbx.EndHungUp, Talk: 10 * time.Second,
	}
	r.Update(internal)
	settle(t, r)

	note := "-1+1 & <b>\r\nsecond line, _x0041_ \"quoted\"\tand a \v control"
	if _, err := s.Annotate(deadline(t), admin, callID(4), Patch{Note: &note, Customer: new(sara)}, false); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Pool().Exec(deadline(t), `UPDATE queue SET said_label = 'پشتیبانی' WHERE name = 'support'`); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestExport_GoldenInBothLanguages(t *testing.T) {
	s := telling(t)
	for _, language := range []string{"fa", "en"} {
		calendar := map[string]Calendar{"fa": CalendarJalali, "en": CalendarGregorian}[language]
		file, e := take(t, s, admin, ExportInput{Format: ExportCSV, Language: language, Calendar: calendar})
		if e.Rows != 6 || e.Estimate == nil || e.Exact && *e.Estimate != 6 {
			t.Errorf("%s: %+v", language, e)
		}
		golden(t, "export-"+language+".csv", file)
		rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(file, []byte("\ufeff")))).ReadAll()
		if err != nil || len(rows) != 7 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}

		file, _ = take(t, s, admin, ExportInput{Format: ExportXLSX, Language: language, Calendar: calendar})
		golden(t, "export-"+language+".xlsx.txt", []byte(workbook(t, file)))
	}
}

// golden compares with a file of testdata.
func golden(t *testing.T, name string, have []byte) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(path, have, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(have)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// workbook is all that another program reads in an Excel file: each cell with its kind, its value and what a person sees.
func workbook(t testing.TB, file []byte) string {
	t.Helper()
	x, err := excelize.OpenReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	kinds := map[excelize.CellType]string{excelize.CellTypeUnset: "number", excelize.CellTypeNumber: "number", excelize.CellTypeInlineString: "text"}
	var b strings.Builder
	for _, sheet := range x.GetSheetList() {
		view, err := x.GetSheetView(sheet, 0)
		if err != nil {
			t.Fatal(err)
		}
		panes, err := x.GetPanes(sheet)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "sheet %s, right to left %v, frozen %v at %s\n", sheet, *view.RightToLeft, panes.Freeze, panes.TopLeftCell)
		rows, err := x.GetRows(sheet)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := x.GetRows(sheet, excelize.Options{RawCellValue: true})
		if err != nil {
			t.Fatal(err)
		}
		for r, row := range raw {
			for c, value := range row {
				name, _ := excelize.CoordinatesToCellName(c+1, r+1)
				kind, err := x.GetCellType(sheet, name)
				if err != nil {
					t.Fatal(err)
				}
				if formula, _ := x.GetCellFormula(sheet, name); formula != "" {
					t.Errorf("%s is a formula: %s", name, formula)
				}
				if value != "" {
					fmt.Fprintf(&b, "%s %s %q shown as %q\n", name, kinds[kind], value, rows[r][c])
				}
			}
		}
	}
	return b.String()
}

// M13: what a withheld caller is called stays withheld, in any file.
func TestExport_M13_WithheldStaysWithheld(t *testing.T) {
	s := telling(t)
	for _, format := range []ExportFormat{ExportCSV, ExportXLSX} {
		file, _ := take(t, s, admin, ExportInput{Format: format, Filter: Filter{Outcome: pbx.Abandoned}})
		text := string(file)
		if format == ExportXLSX {
			text = workbook(t, file)
		}
		if !strings.Contains(text, "Number withheld") || strings.Contains(text, "Secret") || strings.Contains(text, "anonymous") {
			t.Errorf("%s: %s", format, text)
		}
	}
}

func TestExport_FurtherSheets(t *testing.T) {
	s := telling(t)
	file, _ := take(t, s, admin, ExportInput{Format: ExportXLSX, Language: "fa"}, func(r *ExportRun) { r.most = 3 })
	x, err := excelize.OpenReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if got, want := x.GetSheetList(), []string{"تماس‌ها", "تماس‌ها 2", "تماس‌ها 3"}; !slices.Equal(got, want) {
		t.Errorf("sheets %q, want %q", got, want)
	}
	seen := map[string]bool{}
	for _, sheet := range x.GetSheetList() {
		rows, err := x.GetRows(sheet)
		if err != nil || len(rows) != 3 || rows[0][0] != "تاریخ" {
			t.Errorf("%s: %d rows, %v", sheet, len(rows), err)
		}
		for _, row := range rows[1:] {
			seen[row[20]] = true
		}
	}
	if len(seen) != 6 {
		t.Errorf("%d calls in all, want 6", len(seen))
	}
}

// L14: days begin and end at midnight in the business time zone, and no call comes twice or is left out, however many batches.
func TestExport_L14_EveryCallOfTheDayOnce(t *testing.T) {
	d, s := callCentre(t)
	const calls = 2*exportBatch + 345
	if _, err := d.Pool().Exec(deadline(t), manyCalls, calls, time.Minute, sara, neda.ID, omid.ID); err != nil {
		t.Fatal(err)
	}
	zone := tehran(t)
	y, m, day := time.Now().In(zone).AddDate(0, 0, -1).Date()
	from, to := time.Date(y, m, day, 0, 0, 0, 0, zone), time.Date(y, m, day+1, 0, 0, 0, 0, zone)
	for name, c := range map[string]struct {
		actor crm.Actor
		f     Filter
		want  string
	}{
		"all":       {admin, Filter{}, "true"},
		"yesterday": {admin, Filter{From: from, To: to}, fmt.Sprintf("started_at >= '%s' AND started_at < '%s'", from.Format(time.RFC3339), to.Format(time.RFC3339))},
		"own":       {agentNeda, Filter{}, "queue < 'q2'"},
		"team":      {leader, Filter{}, "queue < 'q2'"},
		"others'":   {agentOmid, Filter{Agent: neda.ID}, "false"},
		"outbound":  {admin, Filter{Direction: pbx.Outbound}, "direction = 'outbound'"},
		"a pair":    {admin, Filter{Direction: pbx.Outbound, Outcome: pbx.Busy}, "direction = 'outbound' AND outcome = 'busy'"},
		"history":   {agentOmid, Filter{Customer: sara}, "customer_id IS NOT NULL"},
		"words":     {admin, Filter{Q: "caller"}, "search LIKE '%caller%'"},
	} {
		t.Run(name, func(t *testing.T) {
			file, e := take(t, s, c.actor, ExportInput{Filter: c.f, Calendar: CalendarGregorian})
			rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(file, []byte("\ufeff")))).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			want := count(t, d, `SELECT count(*) FROM call WHERE `+c.want)
			seen, last := map[string]bool{}, "9999"
			for _, row := range rows[1:] {
				if at := row[0] + row[1]; at > last || seen[row[20]] {
					t.Errorf("%s at %s comes after %s, or again", row[20], at, last)
				} else {
					last = at
				}
				seen[row[20]] = true
				if name == "yesterday" && row[0] != from.Format(time.DateOnly) {
					t.Errorf("a call of %s", row[0])
				}
			}
			if len(seen) != want || int(e.Rows) != want || name != "others'" && want == 0 {
				t.Errorf("%d calls, %d said, want %d", len(seen), e.Rows, want)
			}
		})
	}
}

func TestExport_BadInputIsNamed(t *testing.T) {
	_, s := callCentre(t)
	_, err := s.CreateExport(deadline(t), admin, ExportInput{Format: "pdf", Language: "de", Calendar: "lunar", Filter: Filter{
		Outcome: "fine", Number: "()", From: start, To: start.Add(-time.Hour),
	}})
	for _, field := range []string{"format", "language", "calendar", "filter.outcome", "filter.to", "filter.number"} {
		refused(t, err, field)
	}
	if _, err := s.CreateExport(deadline(t), crm.Actor{AgentID: neda.ID}, ExportInput{}); !errors.Is(err, crm.ErrForbidden) {
		t.Errorf("without a role: %v", err)
	}
	if _, err := s.Exports(deadline(t), leader, true); !errors.Is(err, crm.ErrForbidden) {
		t.Errorf("everybody's: %v", err)
	}
}

func TestExport_LimitsOwnersAndOnce(t *testing.T) {
	d, s := callCentre(t)
	in := ExportInput{Format: ExportCSV, Language: "fa", Calendar: CalendarJalali}
	var made []Export
	for range exportsOwn {
		e, err := s.CreateExport(deadline(t), agentNeda, in)
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, e)
	}
	if _, err := s.CreateExport(deadline(t), agentNeda, in); !errors.Is(err, ErrTooManyExports) {
		t.Errorf("one too many: %v", err)
	}
	if _, err := s.CreateExport(deadline(t), agentOmid, in); err != nil {
		t.Errorf("somebody else's: %v", err)
	}
	for _, a := range []crm.Actor{agentOmid, admin} {
		if _, err := s.StartExport(deadline(t), a, made[0].ID, ""); !errors.Is(err, crm.ErrNotFound) {
			t.Errorf("%s fetches Neda's: %v", a.Role, err)
		}
		if _, err := s.CancelExport(deadline(t), a, made[0].ID); !errors.Is(err, crm.ErrNotFound) {
			t.Errorf("%s cancels Neda's: %v", a.Role, err)
		}
	}
	if e, err := s.CancelExport(deadline(t), agentNeda, made[0].ID); err != nil || e.State != ExportCancelled || e.EndedAt == nil {
		t.Errorf("cancelled: %+v, %v", e, err)
	}
	if _, err := s.StartExport(deadline(t), agentNeda, made[0].ID, ""); !errors.Is(err, ErrExportTaken) {
		t.Errorf("a cancelled one is fetched: %v", err)
	}
	run, err := s.StartExport(deadline(t), agentNeda, made[1].ID, "node-a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.StartExport(deadline(t), agentNeda, made[1].ID, "node-b"); !errors.Is(err, ErrExportTaken) {
		t.Errorf("fetched twice: %v", err)
	}

	// Its node says nothing for a while: it is dead, and said to be so.
	if _, err := d.Pool().Exec(deadline(t), `UPDATE export SET beat_at = now() - interval '1 minute', rows = 7 WHERE id = $1`, made[1].ID); err != nil {
		t.Fatal(err)
	}
	if e, err := s.Export(deadline(t), agentNeda, made[1].ID); err != nil || e.State != ExportFailed || e.Problem != ExportStopped {
		t.Errorf("of a dead node: %+v, %v", e, err)
	}
	// The node was only slow, and learns that it was given up.
	blocked := newBlocked()
	to := fetching(t, blocked)
	to.Interrupt = blocked.interrupt
	if err := run.Send(deadline(t), to); err == nil {
		t.Error("what was given up is sent to its end")
	}
	if e, err := s.Export(deadline(t), agentNeda, made[1].ID); err != nil || e.State != ExportFailed || e.Problem != ExportStopped {
		t.Errorf("given up stays given up: %+v, %v", e, err)
	}

	all, err := s.Exports(deadline(t), admin, true)
	if err != nil || len(all) != 3 || all[0].Agent != "Omid" {
		t.Errorf("everybody's: %+v, %v", all, err)
	}
	var told []string
	rows, err := d.Pool().Query(deadline(t), `SELECT action || ' ' || coalesce(changes->>'state', '') || ' ' || coalesce(changes->>'rows', '') FROM audit
		WHERE entity = 'export' AND entity_id = $1 ORDER BY id`, made[1].ID.String())
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		told = append(told, line)
	}
	if len(told) < 2 || told[0] != "create  " || told[1] != "end failed 7" {
		t.Errorf("the audit says %q", told)
	}
}

// fetching is one who may have the file.
func fetching(t testing.TB, w io.Writer) ExportReader {
	return ExportReader{
		W: w, Interrupt: func() {}, May: func(context.Context) bool { return true }, Zone: tehran(t), Log: slog.New(slog.DiscardHandler),
	}
}

// blocked takes nothing until it is interrupted.
type blocked struct{ interrupted chan struct{} }

func newBlocked() *blocked { return &blocked{make(chan struct{})} }

func (b *blocked) interrupt() { close(b.interrupted) }

func (b *blocked) Write([]byte) (int, error) {
	<-b.interrupted
	return 0, context.Canceled
}

// broken takes nothing at all.
type broken struct{ err error }

func (b broken) Write([]byte) (int, error) { return 0, b.err }

func TestExport_EndsAreTold(t *testing.T) {
	d, s := callCentre(t)
	if _, err := d.Pool().Exec(deadline(t), manyCalls, 3*exportBatch, time.Minute, sara, neda.ID, omid.ID); err != nil {
		t.Fatal(err)
	}
	begin := func() *ExportRun {
		e, err := s.CreateExport(deadline(t), admin, ExportInput{Format: ExportCSV, Language: "en", Calendar: CalendarGregorian})
		if err != nil {
			t.Fatal(err)
		}
		run, err := s.StartExport(deadline(t), admin, e.ID, "node-a")
		if err != nil {
			t.Fatal(err)
		}
		return run
	}
	ended := func(run *ExportRun, err error, state ExportState, problem ExportProblem) {
		t.Helper()
		e, reading := s.Export(deadline(t), admin, run.ID)
		if err == nil || reading != nil || e.State != state || e.Problem != problem {
			t.Errorf("%v: %s %q, want %s %q (%v)", err, e.State, e.Problem, state, problem, reading)
		}
	}
	// Who reads goes away.
	run := begin()
	ended(run, run.Send(deadline(t), fetching(t, broken{io.ErrClosedPipe})), ExportFailed, ExportBroken)
	// Who reads takes nothing.
	run = begin()
	ended(run, run.Send(deadline(t), fetching(t, broken{os.ErrDeadlineExceeded})), ExportFailed, ExportStalled)
	// The node stops.
	run = begin()
	ctx, cancel := context.WithCancelCause(deadline(t))
	cancel(ErrExportStopped)
	ended(run, run.Send(ctx, fetching(t, io.Discard)), ExportFailed, ExportStopped)
	// Whoever asks for it is gone.
	run = begin()
	ctx, cancel = context.WithCancelCause(deadline(t))
	cancel(nil)
	ended(run, run.Send(ctx, fetching(t, io.Discard)), ExportFailed, ExportBroken)
	// It is cancelled elsewhere while who reads takes nothing: the next beat ends it.
	run, stuck := begin(), newBlocked()
	to := fetching(t, stuck)
	to.Interrupt = stuck.interrupt
	if _, err := s.CancelExport(deadline(t), admin, run.ID); err != nil {
		t.Fatal(err)
	}
	ended(run, run.Send(deadline(t), to), ExportCancelled, "")
	// Who reads may not any more.
	run, stuck = begin(), newBlocked()
	to = fetching(t, stuck)
	to.Interrupt, to.May = stuck.interrupt, func(context.Context) bool { return false }
	ended(run, run.Send(deadline(t), to), ExportFailed, ExportRevoked)
}

// The database is away for a moment: the file goes on.
func TestExport_SurvivesTheDatabasesAbsence(t *testing.T) {
	d, s := callCentre(t)
	if _, err := d.Pool().Exec(deadline(t), manyCalls, 2*exportBatch+10, time.Minute, sara, neda.ID, omid.ID); err != nil {
		t.Fatal(err)
	}
	e, err := s.CreateExport(deadline(t), admin, ExportInput{Format: ExportCSV, Language: "en", Calendar: CalendarGregorian})
	if err != nil {
		t.Fatal(err)
	}
	run, err := s.StartExport(deadline(t), admin, e.ID, "node-a")
	if err != nil {
		t.Fatal(err)
	}
	// The server ends every connection when the first bytes come: between two batches, or in one.
	cut := &cutting{cut: func() {
		_, _ = d.Pool().Exec(deadline(t), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()`)
	}}
	if err := run.Send(deadline(t), fetching(t, cut)); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(cut.file.Bytes(), []byte("\r\n")); n != 2*exportBatch+11 {
		t.Errorf("%d lines", n)
	}
}

type cutting struct {
	file bytes.Buffer
	cut  func()
}

func (c *cutting) Write(p []byte) (int, error) {
	if c.file.Len() == 0 {
		c.cut()
	}
	return c.file.Write(p)
}

// Excel, LibreOffice and Google Sheets take what begins so for a formula (OWASP, CSV injection).
func TestDefuse_FormulasNotNumbers(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "سارا": "سارا", "0912 123": "0912 123", "+989121234567": "+989121234567", "+1": "+1",
		"=1+1": "'=1+1", "+1+1": "'+1+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\tx": "'\tx", "\rx": "'\rx", "\n=x": "'\n=x",
		" =1": "' =1", "\u200f=1": "'\u200f=1", "\ufeff@x": "'\ufeff@x", "＝1": "'＝1", "+98912 1": "'+98912 1", "+": "'+",
		"+۹۸": "'+۹۸", "a=1": "a=1", "\u00a0-x": "'\u00a0-x",
	} {
		if got := defuse(in); got != want {
			t.Errorf("defuse(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzDefuse(f *testing.F) {
	for _, s := range []string{"=1", "+98912", "-", "@", "\t", "\"", ";=1", "a,b", "\u200f+1", "\xff=", " \r\n=1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := defuse(s)
		if got != s && got != "'"+s {
			t.Fatalf("defuse(%q) = %q", s, got)
		}
		shown := strings.TrimSpace(got)
		if shown != "" && strings.ContainsAny(shown[:1], "=+-@") && !isPhone(shown) {
			t.Fatalf("defuse(%q) = %q is a formula", s, got)
		}
		if !utf8.ValidString(s) {
			return // PostgreSQL has none
		}
		// A reader of CSV gets the text back, in one field, whatever is in it; and so does one who splits at semicolons.
		var file bytes.Buffer
		w, err := newCSVFile(&file, []string{"a", "b"})
		if err != nil || w.row([]cell{{text: s}, {text: "end"}}) != nil || w.close() != nil {
			t.Fatal(err)
		}
		for _, comma := range []rune{',', ';'} {
			r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(file.Bytes(), []byte("\ufeff"))))
			r.Comma, r.FieldsPerRecord, r.LazyQuotes = comma, -1, comma == ';'
			rows, err := r.ReadAll()
			if err != nil || len(rows) != 2 {
				t.Fatalf("%q: %d rows, %v", s, len(rows), err)
			}
			if want := strings.ReplaceAll(got, "\r\n", "\n"); comma == ',' && rows[1][0] != want {
				t.Fatalf("%q came back as %q", want, rows[1][0])
			}
			for _, field := range rows[1][1:] {
				if comma == ';' && field != "" && strings.ContainsAny(field[:1], "=+-@") {
					t.Fatalf("%q: split at semicolons, %q is a formula", s, field)
				}
			}
		}
		// And so does a reader of Excel's, but for what XML cannot hold.
		if x := string(appendText(nil, s)); strings.ContainsAny(x, "<>\x00\v\r") || !utf8.ValidString(x) {
			t.Fatalf("%q is no text of XML: %q", s, x)
		}
	})
}

// A workbook is a ZIP that any program takes: every part is there once, and named by the types.
func TestExport_WorkbookIsWhole(t *testing.T) {
	var file bytes.Buffer
	x, err := newXLSXFile(&file, []string{"one", "two"}, "Calls", false, 2)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("😀", cellMost)
	if err := errors.Join(x.row([]cell{{text: long}, {kind: cellDuration, n: 90_061_000}}), x.row([]cell{{text: "a"}, {text: "_x000D_"}}), x.close()); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for _, f := range z.File {
		parts = append(parts, f.Name)
	}
	want := []string{"xl/worksheets/sheet1.xml", "xl/worksheets/sheet2.xml", "xl/styles.xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "_rels/.rels", "[Content_Types].xml"}
	if !slices.Equal(parts, want) {
		t.Errorf("parts %q, want %q", parts, want)
	}
	book, err := excelize.OpenReader(bytes.NewReader(file.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	cut, err := book.GetCellValue("Calls", "A2")
	if err != nil || cut != strings.Repeat("😀", cellMost/2) {
		t.Errorf("%d characters, %v", utf8.RuneCountInString(cut), err)
	}
	if shown, err := book.GetCellValue("Calls", "B2"); shown != "25:01:01" || err != nil {
		t.Errorf("a duration of more than a day is shown as %q, %v", shown, err)
	}
	if same, err := book.GetCellValue("Calls 2", "B2"); same != "_x000D_" || err != nil {
		t.Errorf("what looks like an escape comes back as %q, %v", same, err)
	}
}

// The calendar is the library's business; that the days are written so that they sort is ours.
func TestExport_JalaliDays(t *testing.T) {
	for day, want := range map[string]string{
		"2026-11-22": "1405/09/01", "2026-03-21": "1405/01/01", "2025-03-20": "1403/12/30", "2024-03-20": "1403/01/01", "1979-02-11": "1357/11/22",
	} {
		at, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		if got := dayText(at, CalendarJalali); got != want {
			t.Errorf("%s is %s, want %s", day, got, want)
		}
	}
}
