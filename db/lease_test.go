package db_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ringbook/db"
	"ringbook/db/dbtest"
)

// leasing is a node of a test.
type leasing struct {
	*db.Leases
	fit   atomic.Bool
	unfit time.Duration // until it gives way
	stop  func()
}

// lead runs a node's leases on "main" until the test ends or stop is called.
func lead(t *testing.T, d *db.DB, owner, node string) *leasing {
	t.Helper()
	n := &leasing{}
	n.fit.Store(true)
	n.Leases = d.NewLeases(db.LeaseConfig{
		Owner: owner, Node: node, Names: []string{"main"}, Fit: func(string) bool { return n.fit.Load() },
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)).With("at", node),
	})
	n.unfit = db.Hasten(n.Leases)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	n.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("%s: %v", node, err)
		}
	})
	t.Cleanup(n.stop)
	return n
}

func (n *leasing) leads() bool { _, yes := n.Epoch("main"); return yes }

func (n *leasing) epoch() int64 { e, _ := n.Epoch("main"); return e }

// until waits for a state.
func until(t *testing.T, what string, state func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for !state() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("never came true: %s", what)
		}
	}
}

// writeUnder writes a row under an epoch.
func writeUnder(t *testing.T, d *db.DB, epoch int64) error {
	t.Helper()
	return d.InTx(t.Context(), func(tx pgx.Tx) error {
		b := &pgx.Batch{}
		db.Fence(b, "main", epoch)
		b.Queue(`CREATE TABLE IF NOT EXISTS written (epoch bigint)`)
		if err := tx.SendBatch(t.Context(), b).Close(); err != nil {
			return err
		}
		_, err := tx.Exec(t.Context(), `INSERT INTO written VALUES ($1)`, epoch)
		return err
	})
}

func TestLease_A5_IsHeldByOneAndGivenBack(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a := lead(t, d, "A", "node-a")
	until(t, "the first node leads", a.leads)
	b := lead(t, d, "B", "node-b")
	until(t, "the second knows who leads, and the first that it has a standby", func() bool {
		s, r := b.Status()[0], a.Status()[0]
		return s.Known && s.Node == "node-a" && !s.Leads && s.Epoch == 1 && s.Standby == "node-b" && r.Leads && r.Standby == "node-b"
	})
	if err := writeUnder(t, d, 1); err != nil {
		t.Errorf("a write under the leader's epoch: %v", err)
	}
	a.stop()
	until(t, "the second leads", b.leads)
	if a.leads() || b.epoch() != 2 {
		t.Errorf("the first leads: %v; the second's epoch is %d", a.leads(), b.epoch())
	}
	if err := writeUnder(t, d, 1); !errors.Is(err, db.ErrFenced) {
		t.Errorf("a late write of the first: %v", err)
	}
	if err := writeUnder(t, d, 2); err != nil {
		t.Errorf("a write of the second: %v", err)
	}
	var late, all int
	if err := d.Pool().QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE epoch = 1), count(*) FROM written`).Scan(&late, &all); err != nil {
		t.Fatal(err)
	}
	if late != 1 || all != 2 {
		t.Errorf("%d rows under the first epoch and %d in all, want 1 and 2", late, all)
	}
	if epoch, leads := a.Epoch("elsewhere"); epoch != 0 || !leads {
		t.Errorf("of what has no lease: epoch %d, leads %v", epoch, leads)
	}
}

// TestLease_A5_StopsBeforeAnotherBegins: a holder that is cut off from the database stops leading before the lease expires
// there; it never happens that both lead; when it is back it stands by.
func TestLease_A5_StopsBeforeAnotherBegins(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	line := newLine(t, d)
	far, err := db.New(db.Config{URL: line.url, MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = far.Close(context.Background()) })
	a := lead(t, far, "A", "node-a")
	until(t, "the first node leads", a.leads)
	b := lead(t, d, "B", "node-b")
	until(t, "the second stands by", func() bool { return b.Status()[0].Known })

	line.silent.Store(true)
	until(t, "the second leads", func() bool {
		second := b.leads() // in this order: who may lead later is asked later
		if second && a.leads() {
			t.Fatal("both lead")
		}
		return second
	})
	line.mend()
	until(t, "the first knows that it stands by", func() bool { s := a.Status()[0]; return s.Node == "node-b" && !s.Leads })
}

// TestLease_A5_IsTakenFromAStoppedWrite: a process that is stopped in the middle of a write, with the lease's row in its hand,
// does not keep another from taking over.
func TestLease_A5_IsTakenFromAStoppedWrite(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a := lead(t, d, "A", "node-a")
	until(t, "the first node leads", a.leads)
	tx, err := d.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	batch := &pgx.Batch{}
	db.Fence(batch, "main", a.epoch())
	if err := tx.SendBatch(t.Context(), batch).Close(); err != nil {
		t.Fatal(err)
	}
	b := lead(t, d, "B", "node-b")
	until(t, "the write is in the way of neither the holder nor the standby", func() bool {
		return b.Status()[0].Standby == "node-b" && a.leads()
	})
	a.stop()
	until(t, "the second leads", b.leads)
	if _, err := tx.Exec(t.Context(), `SELECT 1`); err == nil {
		t.Error("the write goes on")
	}
}

// TestLease_OfAKilledNodeIsItsOwn: a node that is started again after it was killed does not wait until what it held expires;
// one with the same name but another data folder does.
func TestLease_OfAKilledNodeIsItsOwn(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	if _, err := d.Pool().Exec(t.Context(), `
		INSERT INTO lease VALUES ('main', 'A', 'node-a', 7, now(), now() + interval '1 hour', '', '-infinity')`); err != nil {
		t.Fatal(err)
	}
	other := lead(t, d, "C", "node-a")
	until(t, "another of the same name stands by", func() bool { return other.Status()[0].Known })
	again := lead(t, d, "A", "node-a")
	until(t, "it leads again", again.leads)
	if again.epoch() != 8 || other.leads() {
		t.Errorf("its epoch is %d; the other leads: %v", again.epoch(), other.leads())
	}
}

// TestLease_GoesToWhoSeesTheExchange: a holder that does not see the exchange gives way, but only to one that does.
func TestLease_GoesToWhoSeesTheExchange(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a := lead(t, d, "A", "node-a")
	until(t, "the first node leads", a.leads)
	b := lead(t, d, "B", "node-b")
	until(t, "the second is ready", func() bool { return a.Status()[0].Standby == "node-b" })
	a.fit.Store(false)
	until(t, "the second leads", b.leads)
	b.fit.Store(false)
	until(t, "it has been unfit for long", func() bool { return time.Since(b.Status()[0].Since) > 4*b.unfit })
	if !b.leads() {
		t.Error("it gave way although nobody is up to it")
	}
	b.stop()
	until(t, "the first leads all the same, when nobody else does", a.leads)
}

// TestLease_LeavingNodeHandsOverFirst: a node that is about to end gives its lease to a standby at once, and keeps it, to
// write what it has, when there is none.
func TestLease_LeavingNodeHandsOverFirst(t *testing.T) {
	t.Parallel()
	d := dbtest.New(t)
	a := lead(t, d, "A", "node-a")
	until(t, "the first node leads", a.leads)
	b := lead(t, d, "B", "node-b")
	until(t, "the second is ready", func() bool { return a.Status()[0].Standby == "node-b" })
	a.Leave()
	until(t, "the second leads, while the first still runs", b.leads)
	a.stop()
	b.Leave()
	until(t, "it has looked after its lease for a while", func() bool { return time.Since(b.Status()[0].Since) > 4*b.unfit })
	if !b.leads() {
		t.Error("it gave back what nobody is ready to take")
	}
}

// line is a connection to a database that can fall silent without being closed.
type line struct {
	url    string
	silent atomic.Bool
	mu     sync.Mutex
	conns  []net.Conn // guarded by mu
}

func newLine(t *testing.T, d *db.DB) *line {
	t.Helper()
	config := d.Pool().Config().ConnConfig
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &line{url: "postgres://" + config.User + "@" + listener.Addr().String() + "/" + config.Database + "?sslmode=disable"}
	network, address := pgconn.NetworkAddress(config.Host, config.Port)
	var work sync.WaitGroup
	work.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := (&net.Dialer{}).DialContext(t.Context(), network, address)
			if err != nil {
				client.Close()
				continue
			}
			l.mu.Lock()
			l.conns = append(l.conns, client, server)
			l.mu.Unlock()
			for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
				work.Go(func() {
					_, _ = io.Copy(way[0], muted{way[1], l}) // until either is closed
					way[0].Close()
				})
			}
		}
	})
	t.Cleanup(func() { listener.Close(); l.mend(); work.Wait() })
	return l
}

// muted swallows what comes while the line is silent.
type muted struct {
	net.Conn
	line *line
}

func (m muted) Read(p []byte) (int, error) {
	for {
		n, err := m.Conn.Read(p)
		if err != nil || !m.line.silent.Load() {
			return n, err
		}
	}
}

// mend ends the silence; what was open is cut.
func (l *line) mend() {
	l.silent.Store(false)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.conns {
		c.Close()
	}
	l.conns = nil
}
