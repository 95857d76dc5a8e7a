package pbxtest_test

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringbook/pbx/pbxtest"
)

// TestAsterisk holds what other tests rely on: two real PBXes side by side, ready when they are given out, with a user
// that may act and one that may only look, and nothing left of them afterwards.
func TestAsterisk(t *testing.T) {
	var one, two *pbxtest.Asterisk
	t.Run("side by side", func(t *testing.T) {
		one, two = pbxtest.StartAsterisk(t), pbxtest.StartAsterisk(t, "RING_SECONDS=1")
		if one.URL == two.URL || one.SIP == two.SIP {
			t.Errorf("both at %s and %s", one.URL, one.SIP)
		}
		for _, a := range []*pbxtest.Asterisk{one, two} {
			var info struct{ System struct{ Version string } }
			if err := a.Get("/asterisk/info", &info); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(info.System.Version, "22.") {
				t.Errorf("version %s, want 22", info.System.Version)
			}
		}
		for url, want := range map[string]int{one.URL: http.StatusNoContent, one.ViewerURL: http.StatusForbidden} {
			resp, err := http.Post(url+"/asterisk/variable?variable=LAB&value=1", "", nil)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("setting a variable as %s: %s, want %d", url, resp.Status, want)
			}
		}
		out, err := two.CLI("dialplan show globals")
		if err != nil || !strings.Contains(out, "RING_SECONDS=1") {
			t.Errorf("globals: %v\n%s", err, out)
		}
	})
	if one == nil || two == nil {
		return // left out, or failed above
	}
	for _, a := range []*pbxtest.Asterisk{one, two} {
		if conn, err := net.DialTimeout("tcp", a.Address(), time.Second); err == nil {
			conn.Close()
			t.Errorf("somebody still answers at %s", a.Address())
		}
	}
	root := os.Getenv("RINGBOOK_ASTERISK_ROOT")
	if root == "" {
		root = "/var/cache/ringbook/asterisk-root"
	}
	for _, a := range []*pbxtest.Asterisk{one, two} {
		_, port, err := net.SplitHostPort(a.Address())
		if err != nil {
			t.Fatal(err)
		}
		left, err := filepath.Glob(filepath.Join(root, "var/lib/ringbook/test-*-"+port))
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %s, %v", left, err)
		}
	}
}

// TestPhones holds that phones do what their behaviour says, as their callers see it.
func TestPhones(t *testing.T) {
	a := pbxtest.StartAsterisk(t)
	phone := a.Phone("1001", pbxtest.Behaviour{Answer: true, Ring: 50 * time.Millisecond, Talk: 100 * time.Millisecond})
	begun := time.Now()
	a.Call(pbxtest.CallSpec{From: "09120001001", To: "91001236"}).Wait()
	if took := time.Since(begun); took < 150*time.Millisecond {
		t.Errorf("the phone rang and talked for only %v", took)
	}
	a.Quiet()
	phone.Close()

	// Nobody answers: the call ends when the caller gives up, long before the PBX would.
	a.Phone("1001", pbxtest.Behaviour{})
	call := a.Call(pbxtest.CallSpec{From: "09120001001", To: "91001236", GiveUp: 200 * time.Millisecond})
	a.Eventually("the call is not up", func() bool { return a.Channels() > 0 })
	call.Wait()
	a.Quiet()

	// Its program killed, a phone stays registered, and does not answer.
	if out, err := a.CLI("pjsip show contacts"); err != nil || !strings.Contains(out, "1001/sip:1001@") {
		t.Errorf("contacts: %v\n%s", err, out)
	}
}
