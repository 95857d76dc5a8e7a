package pbxtest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// TB is what the laboratory needs of a *testing.T. Programs that are not tests may bring their own.
type TB interface {
	Helper()
	Name() string
	TempDir() string
	Cleanup(func())
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
	Failed() bool
}

// Asterisk is a real Asterisk 22 of its own, with the PBX of deploy/asterisk: one line to the outside and the
// phones 1001 to 1004. It ends with the test that started it. Its methods may be used from several goroutines,
// except those that say Fatalf, which like every Fatalf belong to the test's own.
type Asterisk struct {
	// URL is ARI's address with the read-write user in it, ViewerURL with the user that may only look.
	URL, ViewerURL string
	// SIP is the UDP address that phones and the line talk to.
	SIP string

	tb        TB
	name      string // of the instance
	repo      string // the repository's root
	dir       string // logs of sipp, kept when the test fails
	sipPort   int    // of SIP; 0: any
	trunkPort int
	ami       string // host and port
	ari       *http.Client

	settings []string // of deploy/lab/asterisk.sh

	mu       sync.Mutex
	end      func()   // ends Asterisk itself
	stop     []func() // what still runs, newest last
	phones   []*Phone // of the scenario that is played
	programs atomic.Int64
}

// startTimeout bounds how long an Asterisk may take until it is ready; here it takes half a second.
const startTimeout = 100 * time.Second

// StartAsterisk starts an Asterisk and returns when ARI answers and SIP is up. Settings are those of
// deploy/lab/asterisk.sh ("RING_SECONDS=3"); times are short unless they say otherwise: phones ring for 2 s, a
// queue tries its members for 2 s at a time and gives up after 5 to 6 s.
//
// Without an installed Asterisk it fails the test; RINGBOOK_LAB=off (make test-fast) leaves such tests out.
func StartAsterisk(tb TB, settings ...string) *Asterisk {
	tb.Helper()
	a := newAsterisk(tb)
	// Between choosing a port and Asterisk's taking it, another program may have it; then others are tried.
	var err error
	for range 3 {
		if err = a.start(settings); err == nil || !strings.Contains(err.Error(), "Address already in use") {
			break
		}
	}
	if err != nil {
		tb.Fatalf("start Asterisk: %v", err)
	}
	return a
}

// newAsterisk makes an Asterisk that does not run yet.
func newAsterisk(tb TB) *Asterisk {
	tb.Helper()
	if os.Getenv("RINGBOOK_LAB") == "off" {
		tb.Skipf("left out of the fast tests: needs a real Asterisk")
	}
	repo, err := repository()
	if err != nil {
		tb.Fatalf("find the repository: %v", err)
	}
	for _, program := range []string{"bash", "sipp"} {
		if _, err := exec.LookPath(program); err != nil {
			tb.Fatalf("%s is missing: run deploy/lab/asterisk.sh install first", program)
		}
	}
	a := &Asterisk{tb: tb, repo: repo, ari: &http.Client{Timeout: 30 * time.Second}}
	if a.dir, err = os.MkdirTemp("", "ringbook-lab-"); err != nil {
		tb.Fatalf("make a folder for logs: %v", err)
	}
	tb.Cleanup(a.close)
	return a
}

// start chooses ports and starts Asterisk on them.
func (a *Asterisk) start(settings []string) error {
	ariPort, err := freePort()
	if err != nil {
		return err
	}
	amiPort, err := freePort()
	if err != nil {
		return err
	}
	phonePort := a.sipPort
	if phonePort == 0 {
		if phonePort, err = sipPort(); err != nil {
			return err
		}
	}
	if a.trunkPort, err = sipPort(); err != nil {
		return err
	}
	a.URL = fmt.Sprintf("http://ringbook:ringbook-lab@127.0.0.1:%d/ari", ariPort)
	a.ami = fmt.Sprintf("127.0.0.1:%d", amiPort)
	a.ViewerURL = fmt.Sprintf("http://viewer:viewer-lab@127.0.0.1:%d/ari", ariPort)
	a.SIP = fmt.Sprintf("127.0.0.1:%d", phonePort)
	a.name = fmt.Sprintf("test-%d-%d", os.Getpid(), ariPort)
	a.settings = append([]string{
		"run", a.name, "UNTIL_EOF=1",
		fmt.Sprintf("ARI_PORT=%d", ariPort), fmt.Sprintf("AMI_PORT=%d", amiPort), fmt.Sprintf("SIP_PORT=%d", phonePort), fmt.Sprintf("TRUNK_PORT=%d", a.trunkPort),
		"RING_SECONDS=2", "MEMBER_SECONDS=2", "QUEUE_SECONDS=6", "WRAPUP_SECONDS=0", "PARK_SECONDS=2",
	}, settings...)
	return a.run(a.settings)
}

// run starts deploy/lab/asterisk.sh, which ends when its standard input does: so no Asterisk outlives this process,
// however it ends.
func (a *Asterisk) run(args []string) error {
	cmd := exec.CommandContext(context.Background(), filepath.Join(a.repo, "deploy/lab/asterisk.sh"), args...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	var stderr lockedBuffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	ready := make(chan bool, 1)
	done := make(chan struct{}) // closed when it has ended, with ended set
	var ended error
	go func() {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "ready ") {
				ready <- true
			}
		}
		ended = cmd.Wait()
		close(done)
	}()
	end := func() {
		stdin.Close()
		select {
		case <-done:
		case <-time.After(15 * time.Second):
			_ = cmd.Process.Kill() // it may just have ended
			<-done
		}
	}
	select {
	case <-ready:
		a.mu.Lock()
		a.end = end
		a.mu.Unlock()
		a.onClose(end)
		return nil
	case <-done:
		return fmt.Errorf("%w\n%s", errors.Join(errors.New("it ended at once"), ended), stderr.String())
	case <-time.After(startTimeout):
		end()
		return fmt.Errorf("not ready after %v\n%s", startTimeout, stderr.String())
	}
}

// CLI gives Asterisk a console command and returns what it says.
func (a *Asterisk) CLI(command string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, filepath.Join(a.repo, "deploy/lab/asterisk.sh"), "cli", a.name, command).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("asterisk console %q: %w", command, err)
	}
	return string(out), nil
}

// AMI is the address of the manager with a user in it who may do what ringbook needs, AMIViewer with one who may only look.
func (a *Asterisk) AMI() string       { return "tcp://ringbook:ringbook-lab@" + a.ami }
func (a *Asterisk) AMIViewer() string { return "tcp://viewer:viewer-lab@" + a.ami }

// Get reads a resource of ARI, like "/channels", into v.
func (a *Asterisk) Get(path string, v any) error {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, a.URL+path, nil)
	if err != nil {
		return err
	}
	resp, err := a.ari.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return fmt.Errorf("GET %s: %s: %s", path, resp.Status, body)
	}
	return json.NewDecoder(resp.Body).Decode(v)
}

// Eventually asks cond every 20 ms until it is true; it fails the test if that takes longer than a minute.
func (a *Asterisk) Eventually(what string, cond func() bool) {
	a.tb.Helper()
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		if time.Now().After(deadline) {
			a.tb.Fatalf("waited a minute: %s", what)
		}
		<-tick.C
	}
}

// Quiet waits until no channel is left: every call is over.
func (a *Asterisk) Quiet() {
	a.tb.Helper()
	a.Eventually("calls are still up", func() bool { return a.Channels() == 0 })
}

// Channels counts the channels that are up; -1 if ARI does not answer.
func (a *Asterisk) Channels() int {
	var channels []json.RawMessage
	if err := a.Get("/channels", &channels); err != nil {
		return -1
	}
	return len(channels)
}

// Address is the host and port of ARI.
func (a *Asterisk) Address() string {
	u, err := url.Parse(a.URL)
	if err != nil {
		panic(err) // made by StartAsterisk
	}
	return u.Host
}

func (a *Asterisk) onClose(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stop = append(a.stop, f)
}

// lend lets another test use the PBX for a while: it is that test which fails, and what was started meanwhile ends
// when the PBX is given back. A test that failed may leave calls and phones behind; they are taken away.
func (a *Asterisk) lend(tb TB) (giveBack func()) {
	owner := a.tb
	a.tb = tb
	a.mu.Lock()
	mark := len(a.stop)
	a.mu.Unlock()
	return func() {
		left := a.registered()
		a.mu.Lock()
		stop := a.stop[mark:]
		a.stop, a.phones = a.stop[:mark:mark], nil
		a.mu.Unlock()
		for _, end := range slices.Backward(stop) {
			end()
		}
		if tb.Failed() {
			if out, err := a.CLI("channel request hangup all"); err != nil {
				tb.Logf("hang up what is left: %v %s", err, out)
			}
			for _, p := range left {
				if err := a.register(p.ext, p.port, 0); p.ext != "" && err != nil {
					tb.Logf("take phone %s away: %v", p.ext, err)
				}
			}
		}
		a.tb = owner
	}
}

// registered are the phones that were not closed yet.
func (a *Asterisk) registered() []*Phone {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.phones)
}

// close ends everything that was started, the newest first. Logs are kept if the test failed.
func (a *Asterisk) close() {
	failed := a.tb.Failed() || os.Getenv("RINGBOOK_KEEP_LOGS") != ""
	if failed {
		root := os.Getenv("RINGBOOK_ASTERISK_ROOT")
		if root == "" {
			root = "/var/cache/ringbook/asterisk-root"
		}
		if log, err := os.ReadFile(filepath.Join(root, "var/lib/ringbook", a.name, "log/messages")); err == nil {
			if err := os.WriteFile(filepath.Join(a.dir, "asterisk.log"), log, 0o644); err != nil {
				a.tb.Logf("keep Asterisk's log: %v", err)
			}
		}
	}
	a.mu.Lock()
	stop := a.stop
	a.stop = nil
	a.mu.Unlock()
	for i := len(stop) - 1; i >= 0; i-- {
		stop[i]()
	}
	if failed {
		a.tb.Logf("logs of the laboratory: %s", a.dir)
		return
	}
	os.RemoveAll(a.dir)
}

// repository finds the folder with go.mod, upwards from the working folder.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "deploy/lab/asterisk.sh")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no deploy/lab above the working folder")
		}
		dir = parent
	}
}

// freePort asks the system for a TCP port on loopback that nobody has at this moment.
func freePort() (int, error) {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// SIP in the laboratory uses the UDP ports from sipFirst on; RTP has those above (deploy/lab/asterisk.sh). Both lie
// below the ports that the system hands out, so that only laboratories can get into each other's way.
const (
	sipFirst   = 20000
	sipPorts   = 1000
	mediaFirst = 24000 // of the phones, eight for each
)

// sipNext begins anywhere, so that laboratories of several test programs seldom try the same port.
var sipNext = func() *atomic.Int64 {
	var n atomic.Int64
	n.Store(rand.Int64N(sipPorts))
	return &n
}()

// sipPort returns a free UDP port, and another one each time until all had their turn.
func sipPort() (int, error) {
	for range sipPorts {
		port := sipFirst + int(sipNext.Add(1)%sipPorts)
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err == nil {
			conn.Close()
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free UDP port from %d on", sipFirst)
}

// lockedBuffer is a bytes.Buffer for a writer and a reader in different goroutines.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
