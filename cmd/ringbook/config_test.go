package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ringbook/crm"
)

// parseServe reads a command line as main does, and returns serve's configuration.
func parseServe(t *testing.T, args ...string) (Config, error) {
	t.Helper()
	var out bytes.Buffer
	c := &console{ctx: t.Context(), stdout: &out, stderr: &out}
	parsed, err := parse(c, append([]string{"serve"}, args...))
	if err != nil {
		return Config{}, err
	}
	return parsed.Model.Target.Interface().(cli).Serve.Config, nil
}

func clearEnvironment(t *testing.T) {
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "RINGBOOK_") {
			t.Setenv(name, "") // restored at the end of the test
			os.Unsetenv(name)
		}
	}
}

func TestConfigDefaults(t *testing.T) {
	clearEnvironment(t)
	config, err := parseServe(t)
	if err != nil {
		t.Fatal(err)
	}
	if config.Listen != "127.0.0.1:8080" || config.Data != "./data" || config.Region != "IR" || config.Timezone != "Asia/Tehran" {
		t.Errorf("defaults are not the contract's: %+v", config)
	}
	settings, err := config.Settings()
	if err != nil {
		t.Fatalf("the defaults are refused: %v", err)
	}
	if len(settings.Exchanges) != 0 {
		t.Errorf("exchanges out of nothing: %v", settings.Exchanges)
	}
}

func TestConfigEnvironmentAndFlags(t *testing.T) {
	clearEnvironment(t)
	t.Setenv("RINGBOOK_LISTEN", "127.0.0.1:1")
	t.Setenv("RINGBOOK_TIMEZONE", "Asia/Dubai")
	config, err := parseServe(t, "--listen", "127.0.0.1:2")
	if err != nil {
		t.Fatal(err)
	}
	if config.Listen != "127.0.0.1:2" {
		t.Errorf("a flag does not win over the environment: %s", config.Listen)
	}
	if config.Timezone != "Asia/Dubai" {
		t.Errorf("the environment is not read: %s", config.Timezone)
	}
}

func TestConfigSecretsFromFiles(t *testing.T) {
	clearEnvironment(t)
	file := filepath.Join(t.TempDir(), "pbx")
	if err := os.WriteFile(file, []byte("main=http://u:p@h:1/ari\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("RINGBOOK_PBX_FILE", file)
	config, err := parseServe(t)
	if err != nil {
		t.Fatal(err)
	}
	if config.PBX != "main=http://u:p@h:1/ari" {
		t.Errorf("RINGBOOK_PBX_FILE gave %q", config.PBX)
	}
	if os.Getenv("RINGBOOK_PBX") != "" {
		t.Error("the secret stays in the environment, where children see it")
	}

	t.Setenv("RINGBOOK_PBX", "x")
	t.Setenv("RINGBOOK_DATABASE_FILE", file+".missing")
	_, err = parseServe(t)
	faults, _ := errors.AsType[Faults](err)
	var names []string
	for _, fault := range faults {
		names = append(names, fault.Name)
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"RINGBOOK_DATABASE_FILE", "RINGBOOK_PBX_FILE"}, names); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestConfigNamesEveryFaultAtOnce(t *testing.T) {
	clearEnvironment(t)
	config, err := parseServe(t)
	if err != nil {
		t.Fatal(err)
	}
	config.Listen = "8080"
	config.Database.Database = "mysql://hunter2@db/x"
	config.PBX = "main=ftp://u:hunter2@h/ari http://u:hunter2@h/ari MAIN=http://u:hunter2@h/ari a=http://h/ari a=http://u:hunter2@/ari b=http://u:hunter2%zz@h/ b=x"
	config.AMI = "main=http://u:hunter2@h:5038 a=tcp://u:hunter2@h/path b=tcp://h c=tls://u:hunter2@h nowhere"
	config.Region = "IR germany=DE"
	config.Area = "021"
	config.DialContext = "from-internal,1) main=internal"
	config.DialPrefix = "nine"
	config.Timezone = "Tehran"
	config.CallHours = "8-25"
	config.AdminPassword = "hunter2"
	config.Log = "xml"
	config.LogLevel = "loud"
	config.Spool = -1
	_, err = config.Settings()
	faults, ok := errors.AsType[Faults](err)
	if !ok {
		t.Fatalf("got %v, want Faults", err)
	}
	count := map[string]int{}
	for _, fault := range faults {
		count[fault.Name]++
		if !strings.ContainsAny(fault.Problem, ";") {
			t.Errorf("%s does not say what would be right: %s", fault.Name, fault.Problem)
		}
	}
	want := map[string]int{
		"RINGBOOK_LISTEN": 1, "RINGBOOK_DATABASE": 1, "RINGBOOK_PBX": 7, "RINGBOOK_AMI": 6, "RINGBOOK_REGION": 1, "RINGBOOK_AREA": 1,
		"RINGBOOK_DIAL_CONTEXT": 2, "RINGBOOK_DIAL_PREFIX": 1,
		"RINGBOOK_TIMEZONE": 1, "RINGBOOK_CALL_HOURS": 1, "RINGBOOK_ADMIN_PASSWORD": 1, "RINGBOOK_LOG": 1, "RINGBOOK_LOG_LEVEL": 1, "RINGBOOK_SPOOL": 1,
	}
	if diff := cmp.Diff(want, count); diff != "" {
		t.Errorf("faults (-want +got):\n%s\n%v", diff, err)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a secret is repeated: %v", err)
	}
}

func TestConfigNumbering_M11_NothingIsHardWired(t *testing.T) {
	var faults Faults
	exchanges := []ExchangeSettings{{Name: "main"}, {Name: "isfahan"}}
	numbering := parseNumbering(Config{
		Region: "IR main/PJSIP/dubai=AE",
		Area:   "21 isfahan=31 main/PJSIP/gsm=",
		Strip:  "main/PJSIP/gsm=9,09",
		Add:    "isfahan=0",
	}, exchanges, &faults)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for scope, want := range map[[2]string]crm.Rules{
		{"main", "PJSIP/trunk"}:    {Region: "IR", Area: "21"},
		{"main", "PJSIP/gsm"}:      {Region: "IR", Strip: []string{"9", "09"}},
		{"main", "PJSIP/dubai"}:    {Region: "AE", Area: "21"},
		{"isfahan", "PJSIP/trunk"}: {Region: "IR", Area: "31", Add: "0"},
		{"isfahan", ""}:            {Region: "IR", Area: "31", Add: "0"},
	} {
		if diff := cmp.Diff(want, numbering.Rules(scope[0], scope[1])); diff != "" {
			t.Errorf("%v (-want +got):\n%s", scope, diff)
		}
	}
}

func TestExecuteStatus(t *testing.T) {
	clearEnvironment(t)
	for name, test := range map[string]struct {
		args   []string
		code   int
		stdout string
		stderr string
	}{
		"version":         {[]string{"version"}, 0, "ringbook ", ""},
		"help":            {[]string{"--help"}, 0, "Run the service.", ""},
		"unknown command": {[]string{"sing"}, 2, "", "ringbook: unexpected argument sing"},
		"unknown flag":    {[]string{"serve", "--lisen=x"}, 2, "", "unknown flag --lisen"},
		"one fault":       {[]string{"serve", "--listen=8080"}, 1, "", `ringbook: RINGBOOK_LISTEN: "8080" is not an address; write host:port, as 127.0.0.1:8080`},
		"two faults":      {[]string{"serve", "--listen=8080", "--log=xml"}, 1, "", "ringbook: 2 settings are wrong:\n  RINGBOOK_LISTEN"},
		"doctor, no PBX":  {[]string{"doctor"}, 1, "", "RINGBOOK_PBX: is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := execute(&console{ctx: t.Context(), stdout: &stdout, stderr: &stderr}, test.args)
			if code != test.code {
				t.Errorf("exit status %d, want %d", code, test.code)
			}
			if !strings.Contains(stdout.String(), test.stdout) || !strings.Contains(stderr.String(), test.stderr) {
				t.Errorf("printed %q and %q, want %q and %q", stdout.String(), stderr.String(), test.stdout, test.stderr)
			}
		})
	}
}
