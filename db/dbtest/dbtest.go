// Package dbtest gives each test a PostgreSQL database of its own, migrated and empty.
//
// All databases of a test process live in one cluster that does not fsync, made on first use in the temporary folder,
// and are copied from one migrated template (about 100 ms each). RINGBOOK_TEST_DATABASE names a server to use instead;
// its user must be allowed to create databases.
//
// The cluster dies with the test process, however that ends. A package whose tests use it says
//
//	func TestMain(m *testing.M) { dbtest.Main(m) }
//
// which also stops it in order, removes its folder and fails on leaked goroutines; what a killed process leaves
// behind, the next one removes.
package dbtest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
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
	"go.uber.org/goleak"

	"ringbook/db"
)

// New returns a fresh migrated database. It is closed and dropped at the end of the test.
func New(t testing.TB) *db.DB {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	s, err := shared(ctx)
	if err != nil {
		t.Fatalf("dbtest: %v", err)
	}
	name := "test_" + random()
	// Copying files takes half the work of writing their blocks to the log, which is the default.
	if err := s.exec(ctx, `CREATE DATABASE `+name+` TEMPLATE `+s.template+` STRATEGY FILE_COPY`); err != nil {
		t.Fatalf("dbtest: %v", err)
	}
	d, err := db.Open(ctx, db.Config{URL: s.url(name), MaxConns: 8, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatalf("dbtest: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := d.Close(ctx); err != nil {
			t.Errorf("dbtest: %v", err)
		}
		if err := s.exec(ctx, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`); err != nil {
			t.Errorf("dbtest: %v", err)
		}
	})
	return d
}

// Roomy lets the cluster of this process keep as much in memory as ringbook's own usually does, for what is measured. To be asked for
// before the first New.
func Roomy(t testing.TB) {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	if only != nil && !roomy {
		t.Fatal("dbtest: the cluster is there already")
	}
	roomy = true
}

// URL is how another process connects to a database of New.
func URL(d *db.DB) string { return d.Pool().Config().ConnString() }

// Port is where on loopback a program that cannot reach the socket of a database's server finds it, until the test ends. The user
// is ringbook, without a password.
func Port(t testing.TB, d *db.DB) int {
	t.Helper()
	u, err := url.Parse(URL(d))
	if err != nil {
		t.Fatalf("dbtest: %v", err)
	}
	network, address := "tcp", u.Host
	if folder := u.Query().Get("host"); folder != "" {
		network, address = "unix", filepath.Join(folder, ".s.PGSQL.5432")
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("dbtest: %v", err)
	}
	var passing sync.WaitGroup
	passing.Go(func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return // closed
			}
			to, err := (&net.Dialer{}).DialContext(context.Background(), network, address)
			if err != nil {
				from.Close()
				continue
			}
			for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
				passing.Go(func() {
					_, _ = io.Copy(way[1], way[0]) // until one of them ends
					way[0].Close()
					way[1].Close()
				})
			}
		}
	})
	ended := make(chan struct{})
	t.Cleanup(func() {
		listener.Close()
		go func() { passing.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(time.Minute):
			t.Error("dbtest: a program is still connected")
		}
	})
	return listener.Addr().(*net.TCPAddr).Port
}

// Main runs a package's tests, stops the cluster and fails on leaked goroutines.
func Main(m *testing.M) {
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "dbtest:", err)
		code = max(code, 1)
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, "dbtest:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// server is where the databases are.
type server struct {
	base     *url.URL // of any database of it
	cluster  *db.Cluster
	folder   string // of the cluster
	template string
}

var (
	mu    sync.Mutex
	only  *server // guarded by mu
	roomy bool    // guarded by mu
)

// shared is the process's server, with its template.
func shared(ctx context.Context) (*server, error) {
	mu.Lock()
	defer mu.Unlock()
	if only != nil {
		return only, nil
	}
	s := &server{}
	address := os.Getenv("RINGBOOK_TEST_DATABASE")
	if address == "" {
		if err := s.start(ctx); err != nil {
			return nil, err
		}
		address = s.cluster.URL("postgres")
	}
	base, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("RINGBOOK_TEST_DATABASE is not a postgres:// URL")
	}
	s.base = base
	if err := s.makeTemplate(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	only = s
	return s, nil
}

func stop() error {
	mu.Lock()
	defer mu.Unlock()
	if only == nil {
		return nil
	}
	s := only
	only = nil
	return s.stop()
}

const folderPrefix = "ringbook-dbtest-"

// tempFolder is short enough for the path of a socket in a cluster under it, which other programs are to use.
func tempFolder() string {
	if dir := os.TempDir(); len(dir) <= 50 {
		return dir
	}
	return "/tmp"
}

func (s *server) start(ctx context.Context) error {
	sweep()
	folder, err := os.MkdirTemp(tempFolder(), folderPrefix+strconv.Itoa(os.Getpid())+"-")
	if err != nil {
		return err
	}
	s.folder = folder
	settings := map[string]string{
		"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "wal_level": "minimal",
		"max_wal_senders": "0", "autovacuum": "off", "shared_buffers": "64MB", "max_connections": "200",
	}
	if roomy {
		delete(settings, "shared_buffers")
	}
	s.cluster, err = db.OpenCluster(ctx, db.ClusterConfig{Folder: folder, Settings: settings, DieWithParent: true})
	if err != nil {
		return errors.Join(err, os.RemoveAll(folder))
	}
	return nil
}

func (s *server) stop() error {
	if s.cluster == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return errors.Join(s.cluster.Close(ctx), os.RemoveAll(s.folder))
}

// sweep removes the folders of test processes that were killed.
func sweep() {
	left, _ := filepath.Glob(filepath.Join(tempFolder(), folderPrefix+"*"))
	for _, folder := range left {
		pid, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(folder), folderPrefix), "-")
		if n, err := strconv.Atoi(pid); err == nil && n > 0 && errors.Is(syscall.Kill(n, 0), syscall.ESRCH) {
			os.RemoveAll(folder)
		}
	}
}

// makeTemplate makes a migrated database to copy, unless the server has one of the same migrations.
func (s *server) makeTemplate(ctx context.Context) error {
	sum := sha256.New()
	err := fs.WalkDir(db.Migrations(), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := fs.ReadFile(db.Migrations(), path)
		fmt.Fprintf(sum, "%s %d\n%s", path, len(text), text)
		return err
	})
	if err != nil {
		return err
	}
	s.template = "ringbook_template_" + hex.EncodeToString(sum.Sum(nil))[:16]
	conn, err := pgx.Connect(ctx, s.base.String())
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(ctx)
	// Several test processes may share a server.
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock(7246)`); err != nil {
		return err
	}
	var there bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, s.template).Scan(&there); err != nil || there {
		return err
	}
	name := "ringbook_making_" + random()
	if _, err := conn.Exec(ctx, `CREATE DATABASE `+name+` TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'`); err != nil {
		return err
	}
	d, err := db.Open(ctx, db.Config{URL: s.url(name), MaxConns: 2})
	if err != nil {
		return err
	}
	if err := errors.Join(d.Migrate(ctx), d.Close(ctx)); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, `ALTER DATABASE `+name+` RENAME TO `+s.template)
	return err
}

func (s *server) url(database string) string {
	u := *s.base
	u.Path = "/" + database
	return u.String()
}

func (s *server) exec(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, s.base.String())
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}

func random() string {
	b := make([]byte, 8)
	rand.Read(b)
	return hex.EncodeToString(b)
}
