package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write generated files anew")

// TestGenerated keeps what is generated from the configuration's tags as it would be generated now.
func TestGenerated(t *testing.T) {
	parser, err := newParser(&console{stdout: os.Stdout, stderr: os.Stderr}, &cli{})
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string]string{
		"../../deploy/ringbook.env.example": exampleEnvironment(parser),
		"../../docs/configuration.md":       reference(parser),
	} {
		if *update {
			if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		have, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(content, string(have)); diff != "" {
			t.Errorf("%s is stale; run make generate (-want +have):\n%s", file, diff)
		}
	}
}

// TestEverySettingIsAFlagAndAVariable holds the contract: each flag of serve has the variable of the same name.
func TestEverySettingIsAFlagAndAVariable(t *testing.T) {
	parser, err := newParser(&console{stdout: os.Stdout, stderr: os.Stderr}, &cli{})
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range settings(parser) {
		want := "RINGBOOK_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		if len(flag.Envs) != 1 || flag.Envs[0] != want {
			t.Errorf("--%s has the variables %v, want %s", flag.Name, flag.Envs, want)
		}
		if flag.Help == "" {
			t.Errorf("--%s has no help", flag.Name)
		}
	}
}

// settings are the flags of serve, in the order of the struct.
func settings(parser *kong.Kong) []*kong.Flag {
	for _, command := range parser.Model.Children {
		if command.Name == "serve" {
			return command.Flags
		}
	}
	return nil
}

func exampleEnvironment(parser *kong.Kong) string {
	var b strings.Builder
	b.WriteString("# Settings of ringbook serve, for systemd's EnvironmentFile or a shell. Generated: run make generate.\n" +
		"# What is commented out has the value shown. Secrets can be read from files: NAME_FILE=/path instead of NAME.\n")
	for _, flag := range settings(parser) {
		b.WriteString("\n")
		for _, line := range wrapped(flag.Help, 110) {
			fmt.Fprintf(&b, "# %s\n", line)
		}
		if flag.Tag.Has("secret") {
			fmt.Fprintf(&b, "# (or %s_FILE)\n", flag.Envs[0])
		}
		fmt.Fprintf(&b, "#%s=%s\n", flag.Envs[0], flag.Default)
	}
	return b.String()
}

func reference(parser *kong.Kong) string {
	var b strings.Builder
	b.WriteString(`<!-- Generated from the program's own settings: run make generate. -->
# Settings

Every setting of ` + "`ringbook serve`" + ` is an environment variable and a flag of the same name (` + "`RINGBOOK_LOG_LEVEL` is `--log-level`" + `);
a flag wins. A secret can be kept in a file: set ` + "`NAME_FILE=/path`" + ` instead of ` + "`NAME`" + `. All settings are checked at the start, and everything that is
wrong is named at once, with what would be right.

| variable | meaning | default |
|---|---|---|
`)
	for _, flag := range settings(parser) {
		name := "`" + flag.Envs[0] + "`"
		if flag.Tag.Has("secret") {
			name += " (secret)"
		}
		value := "empty"
		if flag.Default != "" {
			value = "`" + flag.Default + "`"
		}
		if flag.IsBool() {
			value = "`false`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name, strings.ReplaceAll(flag.Help, "|", `\|`), value)
	}
	b.WriteString(`
Traces are sent by OTLP over HTTP when ` + "`OTEL_EXPORTER_OTLP_ENDPOINT`" + ` is set; all of OpenTelemetry's own variables work. Metrics are always at ` + "`/metrics`" + `.

## Numbers

A trunk delivers callers' numbers in a shape of its own. ` + "`RINGBOOK_REGION`, `RINGBOOK_AREA`, `RINGBOOK_STRIP` and `RINGBOOK_ADD`" + ` say how bare numbers are to be read,
and all have the same syntax: words separated by spaces. A word without ` + "`=`" + ` is for everything, ` + "`exchange=VALUE`" + ` for the calls of one exchange of
` + "`RINGBOOK_PBX`" + `, ` + "`exchange/trunk=VALUE`" + ` for one of its lines, as Asterisk names the endpoint. The most particular word wins, setting by setting;
` + "`exchange=`" + ` takes a setting away.

` + "```sh" + `
RINGBOOK_PBX="main=http://ringbook:…@10.0.0.2:8088/ari isfahan=https://ringbook:…@10.0.1.2:8089/ari"
RINGBOOK_AREA="21 isfahan=31"            # local numbers are Tehran's, those of the second exchange Isfahan's
RINGBOOK_STRIP="main/PJSIP/gsm=9"        # the GSM gateway puts a 9 before every caller
RINGBOOK_REGION="IR main/PJSIP/dubai=AE" # one trunk delivers the Emirates' national numbers
` + "```" + `
`)
	return b.String()
}

// wrapped breaks text into lines of at most width characters.
func wrapped(text string, width int) []string {
	lines := []string{""}
	for word := range strings.FieldsSeq(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case len(*last)+1+len(word) > width:
			lines = append(lines, word)
		default:
			*last += " " + word
		}
	}
	return lines
}
