package pbxtest

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// LoadCall is one call of a load: who calls, and the DID that is dialled.
type LoadCall struct{ From, To string }

// LoadSpec is a stream of calls from the line at a steady rate.
type LoadSpec struct {
	Rate  int // calls per second
	Calls []LoadCall
	// GiveUp and Talk are those of a CallSpec, the same for all.
	GiveUp, Talk time.Duration
}

// Load is a stream of calls that is under way.
type Load struct {
	name  string
	stats string // the file in which sipp counts
	prog  *program
}

// PhoneBank is Phone for several extensions at once that behave alike: one program answers for all of them, and takes any
// number of calls at a time.
func (a *Asterisk) PhoneBank(extensions []string, b Behaviour) {
	a.tb.Helper()
	bank := a.Phone(extensions[0], b)
	for _, ext := range extensions[1:] {
		if err := a.register(ext, bank.port, 3600); err != nil {
			a.tb.Fatalf("register phone %s: %v", ext, err)
		}
	}
	for _, ext := range extensions[1:] {
		a.Eventually("phone "+ext+" is not free", func() bool { return a.device(ext) == "NOT_INUSE" })
	}
}

// Load begins to place calls, and returns at once. One program places them all.
func (a *Asterisk) Load(name string, spec LoadSpec) *Load {
	a.tb.Helper()
	port, err := sipPort()
	if err != nil {
		a.tb.Fatalf("load %s: %v", name, err)
	}
	text, err := a.scenario("caller", map[string]string{
		"CANCEL": millis(spec.GiveUp, never), "TALK": millis(spec.Talk, never), "DIGITS": "",
	})
	if err != nil {
		a.tb.Fatalf("load %s: %v", name, err)
	}
	text = strings.NewReplacer("[from]", "<sip:[field0]@carrier.example>", "[to]", "[field1]", "[headers]", "").Replace(text)
	list := &strings.Builder{}
	list.WriteString("SEQUENTIAL\n")
	for _, c := range spec.Calls {
		fmt.Fprintf(list, "%s;%s\n", c.From, c.To)
	}
	injected := filepath.Join(a.dir, name+".csv")
	if err := os.WriteFile(injected, []byte(list.String()), 0o644); err != nil {
		a.tb.Fatalf("load %s: %v", name, err)
	}
	l := &Load{name: name, stats: filepath.Join(a.dir, name+".stat")}
	l.prog, err = a.launch("load-"+name, text, port, "-inf", injected, "-r", strconv.Itoa(spec.Rate), "-m", strconv.Itoa(len(spec.Calls)),
		"-l", "5000", "-trace_stat", "-stf", l.stats, "-fd", "1")
	if err != nil {
		a.tb.Fatalf("load %s: %v", name, err)
	}
	a.onClose(func() { l.prog.cancel(); <-l.prog.done })
	return l
}

// Wait waits until the last call is over and returns how many did not go as SIP should, seen from the caller. An error says
// that sipp did not come to its end.
func (l *Load) Wait() (failed int, err error) {
	<-l.prog.done
	if l.prog.killed {
		return 0, fmt.Errorf("load %s: sipp was killed before its last call", l.name)
	}
	file, err := os.Open(l.stats)
	if err != nil {
		return 0, fmt.Errorf("load %s: %w", l.name, err)
	}
	defer file.Close()
	table := csv.NewReader(file)
	table.Comma, table.FieldsPerRecord = ';', -1
	rows, err := table.ReadAll()
	if err != nil {
		return 0, fmt.Errorf("load %s: sipp's figures: %w", l.name, err)
	}
	if len(rows) < 2 {
		return 0, fmt.Errorf("load %s: sipp has counted nothing: %w", l.name, l.prog.err)
	}
	last := rows[len(rows)-1]
	i := slices.Index(rows[0], "FailedCall(C)")
	if i < 0 || i >= len(last) {
		return 0, fmt.Errorf("load %s: sipp does not tell how many calls failed", l.name)
	}
	if failed, err = strconv.Atoi(last[i]); err != nil {
		return 0, fmt.Errorf("load %s: sipp's failed calls are %q", l.name, last[i])
	}
	return failed, nil
}
