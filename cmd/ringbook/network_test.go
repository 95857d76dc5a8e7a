package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"ringbook/pbx/pbxtest"
)

// cutOff gives the pair's first node a way to its database and its exchange that can be cut: a network of its own, where
// that may be made, else connections that fall silent.
func cutOff(t *testing.T, p *pair, asterisk *pbxtest.Asterisk) {
	t.Helper()
	host, node := "127.0.0.1", "127.0.0.1"
	n, err := newNamespace(t)
	if err == nil {
		host, node = n.host, n.node
		p.by = []string{n.ip, "netns", "exec", n.name}
		t.Logf("%-12s is that of a network namespace's only link", p.name)
	} else {
		t.Logf("%-12s is silence on all connections, for there can be no network namespace here: %v", p.name, err)
	}
	config := p.database.Pool().Config().ConnConfig
	network, address := pgconn.NetworkAddress(config.Host, config.Port)
	database := newWire(t, host, network, address)
	exchange := newWire(t, host, "tcp", asterisk.Address())
	p.settings[0] = append(p.settings[0],
		"RINGBOOK_LISTEN="+net.JoinHostPort(node, "0"),
		"RINGBOOK_DATABASE=postgres://"+config.User+"@"+database.address+"/"+config.Database+"?sslmode=disable",
		"RINGBOOK_PBX=main="+strings.Replace(asterisk.URL, asterisk.Address(), exchange.address, 1))
	p.fault = func(t *testing.T) {
		if n != nil {
			n.link(t, "down")
			return
		}
		database.silence(true)
		exchange.silence(true)
	}
	p.mend = func(t *testing.T) {
		if n != nil {
			n.link(t, "up")
			return
		}
		database.silence(false)
		exchange.silence(false)
	}
}

// namespace is a network of its own, with one link to the machine's.
type namespace struct {
	ip, name   string // the program ip, and the namespace's
	outside    string // the end of the link here
	host, node string // addresses of its ends
}

// newNamespace makes one. It needs root, and a kernel that lets it.
func newNamespace(t *testing.T) (*namespace, error) {
	ip, err := exec.LookPath("ip")
	if err != nil {
		return nil, err
	}
	// A network of four addresses in the range for tests of networks (RFC 2544), by the process's number.
	at := os.Getpid() % (1 << 14)
	address := func(last int) string { return fmt.Sprintf("198.18.%d.%d", at>>6, (at&63)<<2+last) }
	id := fmt.Sprintf("rb%x", os.Getpid())
	n := &namespace{ip: ip, name: id, outside: id + "h", host: address(1), node: address(2)}
	do := func(args ...string) error {
		if out, err := exec.CommandContext(t.Context(), ip, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
		}
		return nil
	}
	if err := do("netns", "add", n.name); err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		_ = exec.Command(ip, "netns", "del", n.name).Run() // with its end of the link, and so with ours
	})
	inside := id + "n"
	for _, args := range [][]string{
		{"link", "add", n.outside, "type", "veth", "peer", "name", inside, "netns", n.name},
		{"address", "add", n.host + "/30", "dev", n.outside},
		{"link", "set", n.outside, "up"},
		{"-n", n.name, "address", "add", n.node + "/30", "dev", inside},
		{"-n", n.name, "link", "set", inside, "up"},
		{"-n", n.name, "link", "set", "lo", "up"},
	} {
		if err := do(args...); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// link cuts the link, or mends it.
func (n *namespace) link(t *testing.T, state string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), n.ip, "link", "set", n.outside, state).CombinedOutput(); err != nil {
		t.Errorf("set the link %s: %v: %s", state, err, out)
	}
}

// wire forwards connections from an address of its own. While it is silent they stay open, and nothing comes through.
type wire struct {
	address string

	mu     sync.Mutex
	silent bool       // guarded by mu
	open   []net.Conn // guarded by mu
}

func newWire(t *testing.T, host, network, target string) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{address: listener.Addr().String()}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // the test is over
			}
			server, err := net.Dial(network, target)
			if err != nil {
				client.Close()
				continue
			}
			w.mu.Lock()
			w.open = append(w.open, client, server)
			w.mu.Unlock()
			work.Go(func() { splice(client, server, loud{client, w}, loud{server, w}) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		w.mu.Lock()
		for _, c := range w.open {
			c.Close()
		}
		w.mu.Unlock()
		work.Wait()
	})
	return w
}

// silence begins or ends; what was swallowed meanwhile ends its connection.
func (w *wire) silence(silent bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.silent = silent
	if !silent {
		for _, c := range w.open {
			c.Close()
		}
		w.open = nil
	}
}

// loud writes unless its wire is silent.
type loud struct {
	io.Writer
	wire *wire
}

func (l loud) Write(p []byte) (int, error) {
	l.wire.mu.Lock()
	silent := l.wire.silent
	l.wire.mu.Unlock()
	if silent {
		return len(p), nil
	}
	return l.Writer.Write(p)
}
