package main

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"ringbook/db"
)

// proxy stands between a program and its database, or another server, so that that can be away and come back.
type proxy struct {
	network, target string // the database's
	user, database  string

	mu       sync.Mutex // guards all below
	address  string     // once started, always the same
	listener net.Listener
	open     map[net.Conn]bool
	work     sync.WaitGroup
}

// newProxy makes a proxy that is stopped, on an address of its own.
func newProxy(t *testing.T, d *db.DB) *proxy {
	t.Helper()
	config := d.Pool().Config().ConnConfig
	network, target := pgconn.NetworkAddress(config.Host, config.Port)
	p := newProxyTo(t, network, target)
	p.user, p.database = config.User, config.Database
	return p
}

// newProxyTo is newProxy for any server.
func newProxyTo(t *testing.T, network, target string) *proxy {
	t.Helper()
	p := &proxy{network: network, target: target, address: "127.0.0.1:0", open: map[net.Conn]bool{}}
	p.start(t)
	p.stop()
	t.Cleanup(p.stop)
	return p
}

func (p *proxy) url() string {
	u := url.URL{Scheme: "postgres", User: url.User(p.user), Host: p.address, Path: "/" + p.database, RawQuery: "sslmode=disable"}
	return u.String()
}

// start lets the database be there.
func (p *proxy) start(t testing.TB) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	listener, err := net.Listen("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	p.listener, p.address = listener, listener.Addr().String()
	p.work.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // stopped
			}
			server, err := (&net.Dialer{}).DialContext(context.Background(), p.network, p.target)
			if err != nil {
				client.Close()
				continue
			}
			p.join(client, server)
		}
	})
}

// join copies both ways until either end is closed.
func (p *proxy) join(a, b net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener == nil {
		a.Close()
		b.Close()
		return
	}
	p.open[a], p.open[b] = true, true
	p.work.Go(func() {
		splice(a, b, a, b)
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.open, a)
		delete(p.open, b)
	})
}

// splice copies between two connections, both ways, until either ends, and closes both. What comes from one is written to the
// other's writer.
func splice(a, b net.Conn, toA, toB io.Writer) {
	pipe := func(to io.Writer, from net.Conn) {
		_, _ = io.Copy(to, from) // ends when either is closed
		a.Close()
		b.Close()
	}
	var back sync.WaitGroup
	back.Go(func() { pipe(toA, b) })
	pipe(toB, a)
	back.Wait()
}

// stop takes the database away, cutting every connection. Stopping twice is fine.
func (p *proxy) stop() {
	p.mu.Lock()
	if p.listener != nil {
		p.listener.Close()
		p.listener = nil
	}
	for c := range p.open {
		c.Close()
	}
	p.mu.Unlock()
	p.work.Wait()
}
