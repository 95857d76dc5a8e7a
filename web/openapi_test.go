package web

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"testing"

	"github.com/go-chi/chi/v5"
)

var update = flag.Bool("update", false, "write golden files")

// The client of web/ui is generated from web/ui/openapi.json, so that file must be what the code says.
func TestOpenAPI_FileIsCurrent(t *testing.T) {
	s := &Server{}
	raw, err := json.Marshal(s.newAPI(chi.NewMux()).OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	var doc bytes.Buffer
	if err := json.Indent(&doc, raw, "", "  "); err != nil {
		t.Fatal(err)
	}
	doc.WriteByte('\n')
	const file = "ui/openapi.json"
	if *update {
		if err := os.WriteFile(file, doc.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, doc.Bytes()) {
		t.Errorf("%s is stale: go test ./web -run OpenAPI -update", file)
	}
}

func TestOpenAPI_IsServed(t *testing.T) {
	res, body := get(t, New(Config{}), "GET", base+"/openapi.json")
	var doc struct {
		OpenAPI string
		Paths   map[string]any
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil || res.StatusCode != http.StatusOK || doc.OpenAPI != "3.1.0" || doc.Paths[base+"/push"] == nil {
		t.Errorf("%d %v %s", res.StatusCode, err, doc.OpenAPI)
	}
}
