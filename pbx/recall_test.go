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

var updateRecords = flag.Bool("update-records", false, "play every scenario on a real Asterisk and write what records it keeps to testdata/records")

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

// TestRecall_Scenarios folds the records that a real Asterisk kept of every scenario, and holds the calls against what the
// scenario says; what records cannot tell is left out of the comparison.
func TestRecall_Scenarios(t *testing.T) {
	wrong := map[pbx.Source][]string{}
	for name, s := range recorded() {
		t.Run(name, func(t *testing.T) {
			if *updateRecords {
				t.Parallel()
				flavour := "plain"
				if strings.HasSuffix(name, ".freepbx") {
					flavour = "freepbx"
				}
				keepRecords(t, name, s, flavour)
				return
			}
			all := recordsOf(t, name)
			for _, faults := range recallFaults(s, all) {
				t.Log(faults)
				wrong[pbx.SourceCEL] = append(wrong[pbx.SourceCEL], name)
			}
			for _, faults := range recallFaults(s, cdr.Records{Records: all.Records}) {
				t.Log("cdr: " + faults)
				wrong[pbx.SourceCDR] = append(wrong[pbx.SourceCDR], name)
			}
		})
	}
	for source, names := range wrong {
		fmt.Println(source, len(slices.Compact(names)), slices.Compact(names))
	}
}

func recallFaults(s pbxtest.Scenario, r cdr.Records) []string {
	var calls []pbx.Call
	for _, c := range pbx.Recall(labConfig, r) {
		calls = append(calls, c.Call)
	}
	return s.Faults(told(listed(calls)))
}
