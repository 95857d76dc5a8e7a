package db

import (
	"strings"
	"testing"
)

func TestFacts_Problem(t *testing.T) {
	good := facts{version: 150018, versionText: "15.18", name: "ringbook", ctype: "C.UTF-8", encoding: "UTF8"}
	for want, change := range map[string]func(*facts){
		"":                            func(*facts) {},
		"PostgreSQL 14.9: ringbook":   func(f *facts) { f.version, f.versionText = 140009, "14.9" },
		"LC_CTYPE POSIX, where":       func(f *facts) { f.ctype = "POSIX" },
		"has the encoding LATIN1: cr": func(f *facts) { f.encoding = "LATIN1" },
	} {
		f := good
		change(&f)
		err := f.problem()
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("%+v: %v, want %q", f, err, want)
		}
	}
}
