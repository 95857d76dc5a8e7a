package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The map of the house: which of our packages each of our packages may import. A package without a row, a row
// without a package and an import outside its row each fail the test. External test packages and test files of
// a package may besides import the test helpers, pbx/pbxtest and db/dbtest.
var imports = map[string][]string{
	"db":        {},
	"pbx/ari":   {},
	"pbx/ami":   {},
	"pbx/cdr":   {},
	"pbx":       {"pbx/ari", "pbx/ami", "pbx/cdr"},
	"crm":       {"db"},
	"screenpop": {"pbx", "crm"},
	"calllog":   {"pbx", "crm", "db"},
	"web":       {"pbx", "crm", "screenpop", "calllog"},
	"cmd/ringbook": {
		"db", "pbx/ari", "pbx/ami", "pbx/cdr", "pbx", "crm", "screenpop", "calllog", "web", "pbx/pbxtest",
	},
	"pbx/pbxtest": {"pbx", "pbx/ari", "pbx/ami"},
	"db/dbtest":   {"db"},
	// The embedded bundle: a folder that npm fills; it is a package only so that go:embed can reach it.
}

// testHelpers may be imported by any test, and by no code that is shipped except the demo's fake exchange.
var testHelpers = []string{"pbx/pbxtest", "db/dbtest"}

func TestImports(t *testing.T) {
	type listed struct {
		ImportPath   string
		Imports      []string
		TestImports  []string
		XTestImports []string
	}
	list := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "ringbook/...")
	list.Dir = "../.."
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}

	seen := map[string]bool{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
		var p listed
		if err := decoder.Decode(&p); err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, "ringbook/")
		seen[name] = true
		allowed, ok := imports[name]
		if !ok {
			t.Errorf("package %s has no row in the map of the house", name)
			continue
		}
		check := func(kind string, list []string, allowed []string) {
			for _, imported := range list {
				ours, ok := strings.CutPrefix(imported, "ringbook/")
				if ok && ours != name && !slices.Contains(allowed, ours) {
					t.Errorf("%s of %s imports %s, which its row does not allow: %v", kind, name, ours, allowed)
				}
			}
		}
		check("code", p.Imports, allowed)
		// A test may reach what its package reaches, at any depth, and the helpers.
		check("a test", append(p.TestImports, p.XTestImports...), append(reach(name), testHelpers...))
	}
	for name := range imports {
		if !seen[name] {
			t.Errorf("the map has a row for %s, which is not there", name)
		}
	}
}

// reach is everything that the row of name leads to, directly or not.
func reach(name string) []string {
	var all []string
	for _, next := range imports[name] {
		all = append(all, next)
		all = append(all, reach(next)...)
	}
	return all
}

// TestImportMapHasNoRing keeps the map itself a tree: without it reach would not end.
func TestImportMapHasNoRing(t *testing.T) {
	const unseen, open, done = 0, 1, 2
	state := map[string]int{}
	var visit func(path []string, name string)
	visit = func(path []string, name string) {
		switch state[name] {
		case open:
			t.Fatalf("ring: %v", append(path, name))
		case done:
			return
		}
		state[name] = open
		for _, next := range imports[name] {
			visit(append(path, name), next)
		}
		state[name] = done
	}
	for name := range imports {
		visit(nil, name)
	}
}
