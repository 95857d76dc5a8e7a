package db_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ringbook/db"
	"ringbook/db/dbtest"
)

func TestMain(m *testing.M) {
	if folder := os.Getenv("RINGBOOK_TEST_OPEN_AND_DIE"); folder != "" {
		openAndDie(folder)
	}
	dbtest.Main(m)
}

func TestNew_IsMigratedAndEmpty(t *testing.T) {
	for range 3 {
		d := dbtest.New(t)
		var n int
		if err := d.Pool().QueryRow(t.Context(), `SELECT count(*) FROM customer`).Scan(&n); err != nil || n != 0 {
			t.Fatalf("customers: %d, %v", n, err)
		}
		if _, err := d.Pool().Exec(t.Context(), `INSERT INTO team (id, name) VALUES (gen_random_uuid(), 'x')`); err != nil {
			t.Fatal(err)
		}
		if os.Getenv("RINGBOOK_TEST_DIE") != "" {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	}
}

// A test process that is killed takes its cluster with it, and the next one sweeps its folder.
func TestNew_ClusterDiesWithTheProcess(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tmp, err := os.MkdirTemp("/tmp", "rb")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	env := append(os.Environ(), "TMPDIR="+tmp, "RINGBOOK_TEST_DATABASE=")
	run := func(env ...string) *exec.Cmd {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, exe, "-test.run=^TestNew_IsMigratedAndEmpty$")
		cmd.Env = env
		if out, err := cmd.CombinedOutput(); cmd.ProcessState == nil {
			t.Fatalf("%v: %s", err, out)
		}
		return cmd
	}
	cmd := run(append(env, "RINGBOOK_TEST_DIE=1")...)
	if cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatal("it was not killed")
	}
	left, err := filepath.Glob(filepath.Join(tmp, "ringbook-dbtest-*"))
	if err != nil || len(left) != 1 {
		t.Fatalf("%v, %v", left, err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for serverPID(t, left[0]) != 0 {
		if time.Now().After(deadline) {
			t.Fatal("the cluster outlives its process")
		}
	}
	if cmd := run(env...); !cmd.ProcessState.Success() {
		t.Error("the next test process fails")
	}
	if left, _ := filepath.Glob(filepath.Join(tmp, "ringbook-dbtest-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// private opens a data folder's cluster, ended with the test.
func private(t *testing.T, folder string) *db.DB {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	d, err := db.Open(ctx, db.Config{Data: folder, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, d) })
	return d
}

func closed(t *testing.T, d *db.DB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := d.Close(ctx); err != nil {
		t.Error(err)
	}
}

// serverPID is the cluster's process, 0 if it has ended.
func serverPID(t *testing.T, folder string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "postgres", "postmaster.pid"))
	if errors.Is(err, os.ErrNotExist) {
		return 0
	} else if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	if syscall.Kill(pid, 0) != nil {
		return 0
	}
	return pid
}

func ask[T any](t *testing.T, d *db.DB, sql string) (v T) {
	t.Helper()
	if err := d.Pool().QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// The folder is closed to the server's user, and its path is far longer than a socket's may be.
func TestOpen_PrivateClusterInAnyFolder(t *testing.T) {
	folder := filepath.Join(t.TempDir(), strings.Repeat("long'name ", 15), "data")
	if err := os.MkdirAll(filepath.Dir(folder), 0o700); err != nil {
		t.Fatal(err)
	}
	d := private(t, folder)
	for range 2 {
		if err := d.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Healthy(t.Context()); err != nil {
		t.Error(err)
	}
	for setting, want := range map[string]string{"fsync": "on", "listen_addresses": "", "synchronous_commit": "on", "statement_timeout": "15s", "TimeZone": "UTC"} {
		if got := ask[string](t, d, "SHOW "+setting); got != want {
			t.Errorf("%s is %q, want %q", setting, got, want)
		}
	}
	if !ask[bool](t, d, `SELECT cardinality(show_trgm('سلام')) > 3`) {
		t.Error("trigrams find nothing in Persian")
	}
	info, err := os.Stat(filepath.Join(folder, "postgres"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the cluster's folder: %v, %v", info.Mode(), err)
	}
	if _, err := d.Pool().Exec(t.Context(), `INSERT INTO team (id, name) VALUES (gen_random_uuid(), 'kept')`); err != nil {
		t.Fatal(err)
	}

	// A second process is a guest: its Close leaves the server alone.
	guest := private(t, folder)
	pid := serverPID(t, folder)
	closed(t, guest)
	if got := serverPID(t, folder); got != pid || pid == 0 {
		t.Errorf("after the guest the server is %d, was %d", got, pid)
	}
	closed(t, d)
	if pid := serverPID(t, folder); pid != 0 {
		t.Errorf("after Close the server still runs as %d", pid)
	}
	again := private(t, folder)
	if got := ask[string](t, again, `SELECT name FROM team`); got != "kept" {
		t.Errorf("after a restart: %q", got)
	}
}

// openAndDie is another ringbook that is killed.
func openAndDie(folder string) {
	d, err := db.Open(context.Background(), db.Config{Data: folder})
	if err == nil {
		err = d.Migrate(context.Background())
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

func TestOpen_TakesOverTheClusterOfAKilledProcess(t *testing.T) {
	folder := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe)
	cmd.Env = append(os.Environ(), "RINGBOOK_TEST_OPEN_AND_DIE="+folder)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("%v: %s", err, out)
	}
	pid := serverPID(t, folder)
	if pid == 0 {
		t.Fatal("the cluster died with its ringbook")
	}
	d := private(t, folder)
	if got := serverPID(t, folder); got != pid {
		t.Errorf("the server is %d now, was %d", got, pid)
	}
	ask[int](t, d, `SELECT count(*) FROM customer`)

	// Killed under our hands it is started again.
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for d.Healthy(t.Context()) != nil || serverPID(t, folder) == pid {
		if time.Now().After(deadline) {
			t.Fatal("the cluster does not come back")
		}
	}
	closed(t, d)
	if pid := serverPID(t, folder); pid != 0 {
		t.Errorf("after Close the server still runs as %d", pid)
	}

	// A pid file that the power cut left behind, naming a process that now is another one: ours.
	stale := fmt.Sprintf("%d\n%s\n0\n5432\n\n\n\n", os.Getpid(), folder)
	if err := os.WriteFile(filepath.Join(folder, "postgres", "postmaster.pid"), []byte(stale), 0o600); err != nil {
		t.Fatal(err)
	}
	ask[int](t, private(t, folder), `SELECT count(*) FROM customer`)
}

func wantOneSentence(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("%q does not say %q", err, p)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("%q is more than one line", err)
	}
}

func TestOpen_RefusesWhatIsNotOurs(t *testing.T) {
	ctx := t.Context()
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "thesis.doc"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := db.Open(ctx, db.Config{Data: foreign})
	wantOneSentence(t, err, foreign, "not ringbook's", "thesis.doc")

	old := t.TempDir()
	if err := errors.Join(db.ClaimFolder(old), db.ClaimFolder(old), os.Mkdir(filepath.Join(old, "postgres"), 0o700),
		os.WriteFile(filepath.Join(old, "postgres", "PG_VERSION"), []byte("9\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	_, err = db.Open(ctx, db.Config{Data: old})
	wantOneSentence(t, err, "PostgreSQL 9", "postgresql-9")

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = db.Open(ctx, db.Config{Data: filepath.Join(file, "data")})
	wantOneSentence(t, err, "data folder")
	_, err = db.Open(ctx, db.Config{})
	wantOneSentence(t, err, "neither")
}

func TestOpen_RefusesUnfitServers(t *testing.T) {
	d := dbtest.New(t)
	ctx := t.Context()
	config := d.Pool().Config().ConnConfig
	url := func(database string) string {
		return strings.Replace(dbtest.URL(d), config.Database, database, 1)
	}
	for name, how := range map[string]string{
		"unfit_c":     `ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`,
		"unfit_ascii": `ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'`,
	} {
		if _, err := d.Pool().Exec(ctx, `CREATE DATABASE `+name+` TEMPLATE template0 `+how); err != nil {
			t.Fatal(err)
		}
		defer d.Pool().Exec(context.Background(), `DROP DATABASE `+name)
	}
	_, err := db.Open(ctx, db.Config{URL: url("unfit_c")})
	wantOneSentence(t, err, "LC_CTYPE C", "Persian", "CREATE DATABASE unfit_c")
	_, err = db.Open(ctx, db.Config{URL: url("unfit_ascii")})
	wantOneSentence(t, err, "SQL_ASCII", "UTF8")
	_, err = db.Open(ctx, db.Config{URL: url("nowhere")})
	wantOneSentence(t, err, "no such database")
	if errors.Is(err, db.ErrUnreachable) {
		t.Errorf("%v is ErrUnreachable", err)
	}
	_, err = db.Open(ctx, db.Config{URL: "postgres://user:secretpass@127.0.0.1:1/x"})
	wantOneSentence(t, err, "cannot be reached")
	if !errors.Is(err, db.ErrUnreachable) {
		t.Errorf("%v is not ErrUnreachable", err)
	}
	if strings.Contains(err.Error(), "secretpass") {
		t.Errorf("%q tells the password", err)
	}
	_, err = db.Open(ctx, db.Config{URL: "postgres://user:secretpass@[::1/x"})
	wantOneSentence(t, err, "cannot be read")
	if strings.Contains(err.Error(), "secretpass") {
		t.Errorf("%q tells the password", err)
	}
}

func TestMigrate_NodesStartTogether(t *testing.T) {
	d := dbtest.New(t)
	if _, err := d.Pool().Exec(t.Context(), `DROP SCHEMA public CASCADE; CREATE SCHEMA public`); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	for range 3 {
		go func() { done <- d.Migrate(t.Context()) }()
	}
	for range 3 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	ask[int](t, d, `SELECT count(*) FROM customer`)
}

// TestMigrate_TheVersionBeforeServesReadsMeanwhile: two nodes of a new version migrate at once, held up in the middle, while
// the version before goes on reading: no read waits for them, and the migration is made once.
func TestMigrate_TheVersionBeforeServesReadsMeanwhile(t *testing.T) {
	d := dbtest.New(t)
	const again = 3 // a migration that can be made twice
	if _, err := d.Pool().Exec(t.Context(), `DELETE FROM goose_db_version WHERE version_id = $1`, again); err != nil {
		t.Fatal(err)
	}
	hold, err := d.Pool().Begin(t.Context()) // as a back-up does: no migration can be recorded
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Rollback(context.Background())
	if _, err := hold.Exec(t.Context(), `LOCK TABLE goose_db_version IN SHARE MODE`); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 2)
	for range cap(done) {
		node, err := db.Open(t.Context(), db.Config{URL: dbtest.URL(d), MaxConns: 2})
		if err != nil {
			t.Fatal(err)
		}
		defer closed(t, node)
		go func() { done <- node.Migrate(t.Context()) }()
	}
	for held := false; !held; {
		held = ask[bool](t, d, `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'goose_db_version'::regclass)`)
	}
	for name, pool := range map[string]*pgxpool.Pool{"pool": d.Pool(), "ring pool": d.RingPool()} {
		for _, table := range []string{"customer", "agent", "team", "call", "call_leg", "call_annotation"} {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			if _, err := pool.Exec(ctx, `SELECT count(*) FROM `+table); err != nil {
				t.Errorf("%s: read %s while another version migrates: %v", name, table, err)
			}
			cancel()
		}
	}
	if len(done) > 0 {
		t.Error("a migration ended while it was held up")
	}
	if err := hold.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := ask[int](t, d, fmt.Sprintf(`SELECT count(*) FROM goose_db_version WHERE version_id = %d AND is_applied`, again)); n != 1 {
		t.Errorf("the migration is recorded %d times", n)
	}
}

func TestInTx(t *testing.T) {
	d := dbtest.New(t)
	add := func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO team (id, name) VALUES (gen_random_uuid(), 'x')`)
		return err
	}
	sorry := errors.New("sorry")
	err := d.InTx(t.Context(), func(tx pgx.Tx) error { return errors.Join(add(tx), sorry) })
	if !errors.Is(err, sorry) {
		t.Error(err)
	}
	if n := ask[int](t, d, `SELECT count(*) FROM team`); n != 0 {
		t.Errorf("%d rows of a transaction that failed", n)
	}
	if err := d.InTx(t.Context(), add); err != nil {
		t.Error(err)
	}
	if n := ask[int](t, d, `SELECT count(*) FROM team`); n != 1 {
		t.Errorf("%d rows of a transaction that succeeded", n)
	}
}

// A server that has stopped answering must not hold a caller without a deadline for ever.
func TestPool_StatementsHaveADeadline(t *testing.T) {
	d := dbtest.New(t)
	for name, pool := range map[string]*pgxpool.Pool{"pool": d.Pool(), "ring pool": d.RingPool()} {
		tracer := pool.Config().ConnConfig.Tracer
		ctx := tracer.TraceQueryStart(context.Background(), nil, pgx.TraceQueryStartData{})
		if until, ok := ctx.Deadline(); !ok || time.Until(until) > 30*time.Second {
			t.Errorf("%s: deadline %v, %v", name, until, ok)
		}
		tracer.TraceQueryEnd(ctx, nil, pgx.TraceQueryEndData{})
		if ctx.Err() == nil {
			t.Errorf("%s: the deadline's timer is kept after the statement", name)
		}
	}
}

// Whoever waits for a ringing telephone does not wait for reports.
func TestRingPool_AnswersWhilePoolIsBusy(t *testing.T) {
	d := dbtest.New(t)
	for range d.Pool().Config().MaxConns {
		conn, err := d.Pool().Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Release()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var plans, timeout string
	err := d.RingPool().QueryRow(ctx, `SELECT current_setting('plan_cache_mode'), current_setting('statement_timeout')`).Scan(&plans, &timeout)
	if err != nil || plans != "force_generic_plan" || timeout != "15s" {
		t.Errorf("plans %q, timeout %q, %v", plans, timeout, err)
	}
}
