package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// soakNode is one of the two nodes: a process, its disk, and its way to the exchange.
type soakNode struct {
	s       *soak
	name    string
	data    string // on a disk of its own, where the system lets us have one
	line    *proxy // to the exchange
	mu      sync.Mutex
	process *process // nil: down
}

// diskSize is what a node has on disk: enough for its spool, and soon filled.
const diskSize = 32 << 20

func (s *soak) newNode(name string) *soakNode {
	s.b.Helper()
	n := &soakNode{s: s, name: name, data: filepath.Join(s.b.TempDir(), "node-"+name)}
	if err := os.Mkdir(n.data, 0o700); err != nil {
		s.b.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", n.data, "tmpfs", 0, "size="+strconv.Itoa(diskSize)+",mode=0700"); err != nil {
		s.b.Logf("node %s has no disk of its own, and none is filled: %v", name, err)
		n.data = ""
	} else {
		s.b.Cleanup(func() { _ = syscall.Unmount(n.data, syscall.MNT_DETACH) })
	}
	n.line = &proxy{network: "tcp", target: s.exchange.Address(), address: "127.0.0.1:0", open: map[net.Conn]bool{}}
	n.line.start(s.b)
	s.b.Cleanup(n.line.stop)
	return n
}

// folder is the node's data folder.
func (n *soakNode) folder() string {
	if n.data != "" {
		return n.data
	}
	return filepath.Join(n.s.folder, "..", "data-"+n.name)
}

func (n *soakNode) start() {
	ari, err := url.Parse(n.s.exchange.URL)
	if err != nil {
		n.s.b.Fatal(err)
	}
	ari.Host = n.line.address
	process := startProcess(n.s.b,
		"RINGBOOK_NODE="+n.name, "RINGBOOK_DATABASE="+n.s.cluster.URL("ringbook"), "RINGBOOK_DATA="+n.folder(),
		"RINGBOOK_PBX=main="+ari.String(), "RINGBOOK_ADMIN_PASSWORD="+testPassword)
	n.mu.Lock()
	n.process = process
	n.mu.Unlock()
}

func (n *soakNode) kill() {
	n.mu.Lock()
	process := n.process
	n.process = nil
	n.mu.Unlock()
	process.kill()
}

func (n *soakNode) running() *process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.process
}

// soon answers within a second or not at all.
var soon = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}

// ready says whether a balancer may send browsers there.
func (n *soakNode) ready() bool {
	process := n.running()
	if process == nil {
		return false
	}
	answer, err := soon.Get(process.URL + "/readyz")
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// memory is what the node's process takes; 0: there is none.
func (n *soakNode) memory() (pid int, bytes int64) {
	process := n.running()
	if process == nil {
		return 0, 0
	}
	pid = process.cmd.Process.Pid
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmRSS:" {
			kB, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				return 0, 0
			}
			return pid, kB << 10
		}
	}
	return 0, 0
}

// fault is something that goes wrong.
type fault struct {
	name  string
	cause func(leader *soakNode) // returns when it is over
	moves bool                   // another node must lead
}

func (s *soak) faults() []fault {
	hold := func(d time.Duration) { <-time.After(d) }
	all := []fault{
		{name: "the leader's connection to Asterisk is cut for 3 s", cause: func(leader *soakNode) {
			leader.line.stop()
			hold(3 * time.Second)
			leader.line.start(s.b)
		}},
		{name: "PostgreSQL restarts", cause: func(*soakNode) {
			stopCluster(s.b, s.cluster)
			s.cluster = startCluster(s.b, s.folder)
		}},
		{name: "kill -9 of the leader, back after 15 s", moves: true, cause: func(leader *soakNode) {
			leader.kill()
			hold(15 * time.Second) // sooner, it would take its own lease again
			leader.start()
		}},
		{name: "the leader is stopped (SIGSTOP) for 15 s", moves: true, cause: func(leader *soakNode) {
			process := leader.running().cmd.Process
			if err := process.Signal(syscall.SIGSTOP); err != nil {
				s.b.Error(err)
			}
			hold(15 * time.Second)
			if err := process.Signal(syscall.SIGCONT); err != nil {
				s.b.Error(err)
			}
		}},
	}
	if s.nodes[0].data != "" && s.nodes[1].data != "" {
		all = append(all, fault{name: "the leader's disk is full for 10 s", cause: func(leader *soakNode) {
			filler := filepath.Join(leader.data, "filler")
			file, err := os.Create(filler)
			if err != nil {
				s.b.Error(err)
				return
			}
			_, err = io.CopyN(file, zeroes{}, 2*diskSize)
			file.Close()
			if err == nil {
				s.b.Error("the disk was not filled")
			}
			hold(10 * time.Second)
			if err := os.Remove(filler); err != nil {
				s.b.Error(err)
			}
		}})
	}
	return all
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// cause lets a fault happen to whoever leads, and notes when another node led.
func (s *soak) cause(f fault) {
	var leader *soakNode
	var epoch int64
	s.await("a node leads", func() bool {
		name, e, err := s.lease()
		for _, n := range s.nodes {
			if err == nil && n.name == name && n.running() != nil {
				leader, epoch = n, e
			}
		}
		return leader != nil
	})
	o := mishap{name: f.name, began: time.Now()}
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for over := false; ; {
			if name, e, err := s.lease(); err == nil && e > epoch && name != "" && name != leader.name {
				o.takeover = time.Since(o.began)
				return
			}
			if over && (!f.moves || time.Since(o.began) > 30*time.Second) {
				return
			}
			select {
			case <-done:
				done, over = nil, true
			case <-tick.C:
			}
		}
	})
	f.cause(leader)
	o.end = time.Now()
	close(done)
	watching.Wait()
	if f.moves && o.takeover == 0 {
		s.b.Errorf("%s: nobody took over", f.name)
	}
	s.b.Logf("%s: node %s led; took over after %v", f.name, leader.name, o.takeover.Round(10*time.Millisecond))
	s.mu.Lock()
	s.mishaps = append(s.mishaps, o)
	s.mu.Unlock()
}

// lease says who leads.
func (s *soak) lease() (node string, epoch int64, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.cluster.URL("ringbook"))
	if err != nil {
		return "", 0, err
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, `SELECT node, epoch FROM lease WHERE name = 'main' AND expires_at > now()`).Scan(&node, &epoch)
	return node, epoch, err
}

// balancer is one address before the nodes, as docs/two-nodes.md has it: new connections go to the first node that is ready,
// and those to a node that is not ready any more are cut.
type balancer struct {
	nodes    []*soakNode
	listener net.Listener
	work     sync.WaitGroup

	mu     sync.Mutex
	target int // of new connections; -1: none is ready
	open   map[net.Conn]int
	closed bool
}

func newBalancer(b *testing.B, nodes []*soakNode) *balancer {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	l := &balancer{nodes: nodes, listener: listener, open: map[net.Conn]int{}}
	ctx, cancel := context.WithCancel(context.Background())
	l.work.Go(l.accept)
	l.work.Go(func() {
		for range ticks(ctx, 250*time.Millisecond) {
			l.look()
		}
	})
	b.Cleanup(func() {
		cancel()
		listener.Close()
		l.mu.Lock()
		l.closed = true
		for c := range l.open {
			c.Close()
		}
		l.mu.Unlock()
		l.work.Wait()
	})
	return l
}

func (l *balancer) url() string { return "http://" + l.listener.Addr().String() }

// look finds out which nodes are ready.
func (l *balancer) look() {
	ready := make([]bool, len(l.nodes))
	var asking sync.WaitGroup
	for i, n := range l.nodes {
		asking.Go(func() { ready[i] = n.ready() })
	}
	asking.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.target < 0 || !ready[l.target] {
		l.target = -1
		for i := range ready {
			if ready[i] {
				l.target = i
				break
			}
		}
	}
	if l.target < 0 {
		l.target = 0 // nobody is ready: the first may tell why
		return
	}
	for c, i := range l.open {
		if !ready[i] {
			c.Close()
		}
	}
}

func (l *balancer) accept() {
	for {
		client, err := l.listener.Accept()
		if err != nil {
			return // closed
		}
		l.mu.Lock()
		i := l.target
		process := l.nodes[i].running()
		l.mu.Unlock()
		var server net.Conn
		if process != nil {
			server, err = net.DialTimeout("tcp", strings.TrimPrefix(process.URL, "http://"), time.Second)
		}
		if process == nil || err != nil {
			client.Close()
			continue
		}
		l.mu.Lock()
		if l.closed {
			client.Close()
			server.Close()
		} else {
			l.open[client], l.open[server] = i, i
			l.work.Go(func() { l.join(client, server) })
		}
		l.mu.Unlock()
	}
}

func (l *balancer) join(client, server net.Conn) {
	splice(client, server, client, server)
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, client)
	delete(l.open, server)
}
