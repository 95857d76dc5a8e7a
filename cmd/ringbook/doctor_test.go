package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"ringbook/pbx/pbxtest"
)

// examine runs the doctor against an exchange and returns what it printed and the exit status.
func examine(t *testing.T, args ...string) (string, int) {
	t.Helper()
	clearEnvironment(t)
	var out, problems bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	code := execute(&console{ctx: ctx, stdout: &out, stderr: &problems}, append([]string{"doctor"}, args...))
	if problems.Len() > 0 {
		out.WriteString("stderr: " + problems.String())
	}
	return out.String(), code
}

func startFake(t *testing.T, config pbxtest.FakeConfig) *pbxtest.Fake {
	t.Helper()
	fake := pbxtest.NewFake(config)
	t.Cleanup(fake.Close)
	if err := fake.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	return fake
}

func TestDoctorFindsWhatIsWrong(t *testing.T) {
	wrongPassword := func(url string) string { return strings.Replace(url, ":secret@", ":other@", 1) }
	for name, test := range map[string]struct {
		config pbxtest.FakeConfig
		faults pbxtest.Faults
		url    func(string) string
		code   int
		says   []string
		not    string
	}{
		"all is well": {
			config: pbxtest.FakeConfig{Endpoints: []string{"PJSIP/1001", "PJSIP/trunk"}, Version: "20.13.0"},
			says: []string{
				"✓ It answers", "✓ It is Asterisk 20.13.0", "✓ Its clock is right", "✓ The user may write", "✓ A test event came back",
				"✓ Events that are not needed", "✓ 1 phone: ", "(1001)", "PJSIP/trunk", "--watch 60s", "Result: all is well.",
			},
			not: "✗",
		},
		"wrong password": {
			url: wrongPassword, code: 1,
			says: []string{"✗ The PBX refuses the ARI user or its password", "[ringbook]", "read_only=no", "cannot work"},
		},
		"read-only user": {
			faults: pbxtest.Faults{ReadOnly: true}, code: 1,
			says: []string{"✗ The stream of events does not work", "read-only", "read_only=no", "cannot work"},
		},
		"no filter": {
			config: pbxtest.FakeConfig{Version: "16.2.1", Endpoints: []string{"PJSIP/1001"}}, faults: pbxtest.Faults{Unfiltered: true},
			says: []string{"! Asterisk 16.2.1 has no event filter", "! This PBX filters no events", "ringbook works"},
		},
		"crashing release": {
			config: pbxtest.FakeConfig{Version: "22.11.0-rc1", Endpoints: []string{"PJSIP/1001"}},
			says:   []string{"! Asterisk 22.11.0-rc1 crashes", "asterisk#2170"},
		},
		"no phones": {
			config: pbxtest.FakeConfig{Endpoints: []string{"PJSIP/reception"}}, code: 1,
			says: []string{"✗ No phone is named by an extension", "PJSIP/reception"},
		},
		"not ARI": {
			url:  func(url string) string { return url + "/elsewhere" },
			code: 1, says: []string{"✗ There is no ARI at this address", "[general]", "enabled=yes", "read_only=no"},
		},
		"nothing there": {
			url:  func(string) string { return "http://u:p@127.0.0.1:1/ari" },
			code: 1, says: []string{"✗ Nothing listens at the PBX's address", "http.conf enabled?\n"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			fake := startFake(t, test.config)
			fake.Set(func(f *pbxtest.Faults) { *f = test.faults })
			url := fake.URL()
			if test.url != nil {
				url = test.url(url)
			}
			out, code := examine(t, "--pbx", url)
			if code != test.code {
				t.Errorf("exit status %d, want %d", code, test.code)
			}
			for _, want := range test.says {
				if !strings.Contains(out, want) {
					t.Errorf("does not say %q", want)
				}
			}
			if test.not != "" && strings.Contains(out, test.not) {
				t.Errorf("says %q", test.not)
			}
			if strings.Contains(strings.ReplaceAll(out, "secret=…", ""), "secret") { // manager.conf's word for it
				t.Error("prints the password")
			}
			if t.Failed() {
				t.Log(out)
			}
		})
	}
}

func TestDoctorExaminesAMI(t *testing.T) {
	for name, test := range map[string]struct {
		config pbxtest.AMIConfig
		faults pbxtest.AMIFaults
		url    func(string) string
		queues []string
		code   int
		says   []string
		not    []string
	}{
		"all is well": {
			queues: []string{"support", "sales"},
			says: []string{
				"✓ AMI answers and takes the user ringbook", "✓ AMI is there to see queues", "✓ AMI is there to pause members (QueuePause)",
				"✓ AMI is there to transfer calls", "✓ AMI is there to hold calls at the phone (PJSIPNotify)", "✓ AMI is there to leave card numbers",
				"✓ 2 queues: sales with 1 member, support with 1 member.", "Result: all is well.",
			},
			not: []string{"[ringbook]", "!"},
		},
		"some rights are missing": {
			config: pbxtest.AMIConfig{Write: "call"},
			says: []string{
				"✓ AMI is there to transfer calls", "! AMI is not there to pause members (QueuePause): write= lacks agent.",
				"! AMI is not there to hold calls at the phone (PJSIPNotify): write= lacks system.", "✓ AMI is there to leave card numbers",
				"[ringbook]", "read=agent,system", "write=agent,call,system,reporting", "permit=127.0.0.1/255.255.255.255", "ringbook works with this exchange",
			},
		},
		"no rights": {
			config: pbxtest.AMIConfig{Write: "-"},
			says:   []string{"write= lacks system or call", "write= lacks call.", "[ringbook]"},
		},
		"wrong password": {
			url: func(u string) string { return strings.Replace(u, ":secret@", ":wrongword@", 1) }, code: 1,
			says: []string{"✗ AMI at 127.0.0.1:", "refuses the AMI user or its password", "[ringbook]", "Result: calls work with this exchange, and what needs AMI does not"},
		},
		"nothing there": {
			url: func(string) string { return "tcp://u:p@127.0.0.1:1" }, code: 1,
			says: []string{"nothing listens at the PBX's AMI address", "enabled=yes", "[u]"},
		},
		"not AMI": {faults: pbxtest.AMIFaults{Banner: "220 mail\r\n"}, code: 1, says: []string{"it is not AMI"}},
		"none": {
			url:  func(string) string { return "" },
			says: []string{"· AMI is not given", "RINGBOOK_AMI=pbx=tcp://ringbook:…@host:5038", "[ringbook]", "all is well"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			fake := startFake(t, pbxtest.FakeConfig{Endpoints: []string{"PJSIP/1001"}})
			manager := pbxtest.NewAMI(test.config)
			defer manager.Close()
			if err := manager.Start("127.0.0.1:0"); err != nil {
				t.Fatal(err)
			}
			manager.Set(test.faults)
			for _, q := range test.queues {
				manager.AddQueue(q, "ringall", "PJSIP/1001")
			}
			url := manager.URL()
			if test.url != nil {
				url = test.url(url)
			}
			args := []string{"--pbx", fake.URL()}
			if url != "" {
				args = append(args, "--ami", url)
			}
			out, code := examine(t, args...)
			if code != test.code {
				t.Errorf("exit status %d, want %d", code, test.code)
			}
			for _, want := range test.says {
				if !strings.Contains(out, want) {
					t.Errorf("does not say %q", want)
				}
			}
			for _, not := range test.not {
				if strings.Contains(out, not) {
					t.Errorf("says %q", not)
				}
			}
			if strings.Contains(out, "secret@") || strings.Contains(out, "wrongword") {
				t.Error("prints the password")
			}
			if t.Failed() {
				t.Log(out)
			}
		})
	}
}

func TestDoctorSeesTLSFaults(t *testing.T) {
	fake := startFake(t, pbxtest.FakeConfig{Endpoints: []string{"PJSIP/1001"}})
	server := httptest.NewTLSServer(fake)
	defer server.Close()
	url := strings.Replace(server.URL, "https://", "https://ringbook:secret@", 1) + "/ari"
	if out, code := examine(t, "--pbx", url); code != 1 || !strings.Contains(out, "signed by nobody we trust") {
		t.Errorf("unknown authority: exit status %d and\n%s", code, out)
	}
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	url = strings.Replace(plain.URL, "http://", "https://ringbook:secret@", 1) + "/ari"
	if out, code := examine(t, "--pbx", url); code != 1 || !strings.Contains(out, "does not speak TLS") {
		t.Errorf("no TLS: exit status %d and\n%s", code, out)
	}
}

// lines is an output that a test can wait on.
type lines struct {
	mu      sync.Mutex
	text    strings.Builder
	changed chan struct{}
}

func newLines() *lines { return &lines{changed: make(chan struct{}, 1)} }

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.changed <- struct{}{}:
	default:
	}
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// await returns when the output contains want.
func (l *lines) await(t testing.TB, want string) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for !strings.Contains(l.String(), want) {
		select {
		case <-l.changed:
		case <-deadline:
			t.Fatalf("was not printed: %q; but\n%s", want, l.String())
		}
	}
}

func TestDoctorShowsCallsLive(t *testing.T) {
	clearEnvironment(t)
	fake := startFake(t, pbxtest.FakeConfig{Endpoints: []string{"PJSIP/1001"}})
	out := newLines()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan int, 1)
	go func() {
		done <- execute(&console{ctx: ctx, stdout: out, stderr: out}, []string{"doctor", "--pbx", fake.URL(), "--watch", "1m"})
	}()
	out.await(t, "Calls, for 1m0s")
	recording, err := traces.ReadFile("traces/direct-answered-caller-hangs-up.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if err := fake.Play(ctx, bytes.NewReader(recording), pbxtest.PlayOptions{}); err != nil {
		t.Fatal(err)
	}
	out.await(t, "ended (answered)")
	for _, want := range []string{"inbound  09120001001 → ", "ringing  [1001 rings]", "talking  [1001 talks]"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("does not show %q", want)
		}
	}
	stop()
	<-done
	if t.Failed() {
		t.Log(out.String())
	}
}

func TestDoctorAgainstARealAsterisk(t *testing.T) {
	asterisk := pbxtest.StartAsterisk(t)
	out, code := examine(t, "--pbx", asterisk.URL)
	for _, want := range []string{"✓ It answers", "✓ The user may write", "✓ A test event came back", "✓ Events that are not needed", "1001"} {
		if !strings.Contains(out, want) {
			t.Errorf("does not say %q", want)
		}
	}
	if code != 0 {
		t.Errorf("exit status %d", code)
	}
	readOnly, code := examine(t, "--pbx", asterisk.ViewerURL)
	if code != 1 || !strings.Contains(readOnly, "read_only=no") {
		t.Errorf("the read-only user: exit status %d and\n%s", code, readOnly)
	}
	if t.Failed() {
		t.Log(out)
	}
}

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]version3{
		"22.10.1~dfsg+~cs6.15.60671435-1": {22, 10, 1},
		"certified/20.7-cert3":            {20, 7, 0},
		"GIT-18.9.0-abcdef":               {18, 9, 0},
		"16.3.0":                          {16, 3, 0},
	} {
		if got, ok := parseVersion(text); !ok || got != want {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
	if v, ok := parseVersion("unknown"); ok {
		t.Errorf("a version out of nothing: %v", v)
	}
}
