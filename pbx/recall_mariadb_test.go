package pbx_test

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql" // opens MariaDB
)

// startMariaDB starts a server of the test's own with an empty asteriskcdrdb, and returns it and its address for a user with a
// password. It ends with the test.
func startMariaDB(t *testing.T) (*sql.DB, string) {
	t.Helper()
	folder, err := os.MkdirTemp("/tmp", "ringbook-mariadb-") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	data := filepath.Join(folder, "data")
	run := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s (install the package mariadb-server-core)", name, err, out)
		}
	}
	user := "--user=" + os.Getenv("USER")
	if os.Geteuid() == 0 {
		user = "--user=root"
	}
	run("mariadb-install-db", "--no-defaults", user, "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	ctx, stop := context.WithCancel(context.Background())
	server := exec.CommandContext(ctx, "/usr/sbin/mariadbd", "--no-defaults", user, "--datadir="+data, "--socket="+filepath.Join(folder, "socket"),
		"--bind-address=127.0.0.1", fmt.Sprintf("--port=%d", port), "--innodb-flush-log-at-trx-commit=0", "--pid-file="+filepath.Join(folder, "pid"))
	var said tail
	server.Stderr = &said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = server.Wait() // killed
	})
	db, err := sql.Open("mysql", "root@unix("+filepath.Join(folder, "socket")+")/")
	if err != nil {
		t.Fatal(err)
	}
	tick, end := time.NewTicker(20*time.Millisecond), time.After(30*time.Second)
	defer tick.Stop()
	for db.PingContext(t.Context()) != nil {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("MariaDB does not start: %s", said)
		}
	}
	for _, statement := range []string{
		"CREATE DATABASE asteriskcdrdb", "CREATE USER freepbxuser@'127.0.0.1' IDENTIFIED BY 'p@ss'", "GRANT SELECT ON asteriskcdrdb.* TO freepbxuser@'127.0.0.1'",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	db.Close()
	if db, err = sql.Open("mysql", "root@unix("+filepath.Join(folder, "socket")+")/asteriskcdrdb"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db, fmt.Sprintf("mysql://freepbxuser:p%%40ss@127.0.0.1:%d/asteriskcdrdb", port)
}

// tail is what a server said.
type tail []byte

func (t *tail) Write(p []byte) (int, error) { *t = append(*t, p...); return len(p), nil }
