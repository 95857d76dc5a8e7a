package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ringbook/calllog"
	"ringbook/crm"
	"ringbook/db"
	"ringbook/db/dbtest"
	"ringbook/pbx"
	"ringbook/pbx/pbxtest"
)

// command runs one command line and returns its exit status and everything it said.
func command(t *testing.T, args ...string) (int, string) {
	t.Helper()
	out := newLines()
	code := execute(&console{ctx: t.Context(), stdout: out, stderr: out}, args)
	return code, out.String()
}

// succeed is command that must succeed and say all of these.
func succeed(t *testing.T, says []string, args ...string) {
	t.Helper()
	code, out := command(t, args...)
	if code != 0 {
		t.Fatalf("%v: exit status %d and\n%s", args, code, out)
	}
	for _, s := range says {
		if !strings.Contains(out, s) {
			t.Errorf("%v does not say %q but\n%s", args, s, out)
		}
	}
}

// refuse is command that must fail with these words.
func refuse(t *testing.T, says string, args ...string) {
	t.Helper()
	if code, out := command(t, args...); code != 1 || !strings.Contains(out, says) {
		t.Errorf("%v: exit status %d and %q, want 1 and %q", args, code, out, says)
	}
}

// writeFile makes a file of a data folder.
func writeFile(t *testing.T, content string, path ...string) {
	t.Helper()
	file := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// contentsOf opens a data folder's database, and says what it holds.
func contentsOf(t *testing.T, config db.Config) db.Contents {
	t.Helper()
	d, err := db.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close(context.Background())
	c, err := d.Contents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// filesOf are the plain files of a folder and what is in them.
func filesOf(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, folder+"/")] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func manifestOf(t *testing.T, backup string) (m manifest) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(backup, manifestName))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// backups are the whole backups in a folder, oldest first.
func backups(t *testing.T, folder string) []string {
	t.Helper()
	names, err := backupsIn(folder)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestBackup_WhileTheProgramRunsAndWrites: the demo's customers and calls in a private cluster, recordings, and the program
// that goes on taking calls while it is backed up, twice. The backup restored into a fresh cluster is, table by table and
// file by file, what the manifest says; and the program runs on it.
func TestBackup_WhileTheProgramRunsAndWrites(t *testing.T) {
	clearEnvironment(t)
	fake := startFake(t, pbxtest.FakeConfig{Endpoints: demoEndpoints})
	settings := testSettings(t, func(c *Config) { c.PBX = "main=" + fake.URL() })
	data, shelf := settings.Data, filepath.Join(t.TempDir(), "backups")
	p := startProgram(t, settings)
	awaitReady(t, p.URL)
	seed(t, settings)
	for n := range 30 {
		writeFile(t, fmt.Sprintf("sound %d", n), data, "recordings", "2026", "11", fmt.Sprintf("%d.wav", n))
	}
	writing, stop := context.WithCancel(t.Context())
	wrote := make(chan int, 1)
	go func() {
		n := 0
		for ; writing.Err() == nil; n++ {
			play(t, fake, "direct-answered-caller-hangs-up", fmt.Sprintf("0912555%04d", n), 20)
		}
		wrote <- n
	}()
	succeed(t, []string{"The backup is in " + shelf, "30 recordings", "a full dump"}, "backup", shelf, "--data", data)
	writeFile(t, "the newest sound", data, "recordings", "2026", "12", "new.wav")
	writeFile(t, "changed sound", data, "recordings", "2026", "11", "3.wav")
	moved := filepath.Join(data, "recordings", "2026", "11", "moved.wav")
	if err := os.Rename(filepath.Join(data, "recordings", "2026", "11", "4.wav"), moved); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(moved, time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
	succeed(t, []string{"29 of 31 files are those of "}, "backup", shelf, "--data", data)
	stop()
	if n := <-wrote; n < 2 {
		t.Errorf("only %d calls came while it was backed up", n)
	}
	p.stop()
	if err := <-p.done; err != nil {
		t.Fatal(err)
	}

	names := backups(t, shelf)
	if len(names) != 2 {
		t.Fatalf("the backups are %v", names)
	}
	same := func(path string) bool {
		a, err1 := os.Stat(filepath.Join(shelf, names[0], path))
		b, err2 := os.Stat(filepath.Join(shelf, names[1], path))
		return err1 == nil && err2 == nil && os.SameFile(a, b)
	}
	if !same("recordings/2026/11/5.wav") || same("recordings/2026/11/3.wav") {
		t.Error("what did not change takes space again, or what changed is the old file")
	}
	last := filepath.Join(shelf, names[1])
	sums := exec.Command("sha256sum", "--check", "--quiet", "--strict", sumsName)
	sums.Dir = last
	if out, err := sums.CombinedOutput(); err != nil {
		t.Errorf("sha256sum: %v: %s", err, out)
	}

	fresh := filepath.Join(t.TempDir(), "data")
	succeed(t, []string{"Restored and compared"}, "restore", shelf, "--data", fresh)
	made := manifestOf(t, last)
	if wrong := made.Database.Differences(contentsOf(t, db.Config{Data: fresh})); len(wrong) > 0 {
		t.Errorf("the restored database: %v", wrong)
	}
	if made.Database.Rows() < 2000 {
		t.Errorf("the backup has only %d rows", made.Database.Rows())
	}
	want := filesOf(t, filepath.Join(data, "recordings"))
	if diff := cmp.Diff(want, filesOf(t, filepath.Join(fresh, "recordings"))); diff != "" {
		t.Errorf("the recordings are others (-want +have):\n%s", diff)
	}
	settings.Data, settings.PBX, settings.Exchanges = fresh, "", nil
	again := startProgram(t, settings)
	awaitReady(t, again.URL)
	var rows page
	login(t, again.URL, "admin", testPassword).do("GET", "/calls", nil, &rows)
	if len(rows.Items) == 0 {
		t.Error("the restored log is empty")
	}
	refuse(t, "is in use by another ringbook", "restore", shelf, "--data", fresh, "--force")
	again.stop()
	if err := <-again.done; err != nil {
		t.Fatal(err)
	}
	refuse(t, "it has postgres, recordings", "restore", shelf, "--data", fresh)
	succeed(t, []string{"before-restore-"}, "restore", shelf, "--data", fresh, "--force")
	if wrong := made.Database.Differences(contentsOf(t, db.Config{Data: fresh})); len(wrong) > 0 {
		t.Errorf("the database restored over another: %v", wrong)
	}
}

// seed fills the private database of a running program as the demo's.
func seed(t *testing.T, settings Settings) {
	t.Helper()
	d, err := db.Open(t.Context(), db.Config{Data: settings.Data, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close(context.Background())
	store := crm.NewStore(d, crm.Config{Numbering: settings.Numbering})
	if err := store.SeedDemo(t.Context(), 1000, testPassword); err != nil {
		t.Fatal(err)
	}
	if err := seedCalls(t.Context(), d, store, filepath.Join(t.TempDir(), "past"), settings, time.Now(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
}

// smallBackup is a data folder beside a database with one row of everything, and a backup of both. Returned are the
// arguments that name them and the folder of backups.
func smallBackup(t *testing.T) (data, address, shelf string) {
	t.Helper()
	clearEnvironment(t)
	data, shelf = filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "backups")
	d := dbtest.New(t)
	if _, err := d.Pool().Exec(t.Context(), `INSERT INTO team (id, name) VALUES (gen_random_uuid(), 'support')`); err != nil {
		t.Fatal(err)
	}
	if err := db.ClaimFolder(data); err != nil {
		t.Fatal(err)
	}
	writeFile(t, "a sound", data, "recordings", "a.wav")
	address = dbtest.URL(d)
	succeed(t, nil, "backup", shelf, "--data", data, "--database", address)
	return data, address, shelf
}

// TestBackup_KilledLeavesNoBackup: kill -9 in the middle of a backup. What is there of it is no backup, and the next one
// clears it away. While it goes on, no second one begins.
func TestBackup_KilledLeavesNoBackup(t *testing.T) {
	data, address, shelf := smallBackup(t)
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	hold, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hold.Exec(t.Context(), `LOCK TABLE customer`); err != nil { // which the dump waits for
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "backup", shelf)
	cmd.Env = []string{asProgram + "=1", "PATH=" + os.Getenv("PATH"), "RINGBOOK_DATA=" + data, "RINGBOOK_DATABASE=" + address}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	partials := func() []string {
		names, err := filepath.Glob(filepath.Join(shelf, "*"+partialSuffix, dumpName))
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	eventually(t, "the dump has begun", func() bool { return len(partials()) == 1 })
	refuse(t, "is under way", "backup", shelf, "--data", data, "--database", address)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	if len(partials()) != 1 {
		t.Fatal("nothing is left of the killed backup: the test shows nothing")
	}
	if names := backups(t, shelf); len(names) != 1 {
		t.Errorf("what was killed counts as a backup: %v", names)
	}
	if err := hold.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	succeed(t, nil, "backup", shelf, "--data", data, "--database", address, "--keep", "1")
	if names, left := backups(t, shelf), partials(); len(names) != 1 || len(left) != 0 {
		t.Errorf("the backups are %v, and left are %v", names, left)
	}
	succeed(t, nil, "restore", "--check", shelf)
}

// TestBackup_FullDisk: a backup for which there is no room says so, and leaves the disk as it was.
func TestBackup_FullDisk(t *testing.T) {
	data, address, _ := smallBackup(t)
	writeFile(t, strings.Repeat("noise", 1<<20), data, "recordings", "long.wav")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"--mount", "sh", "-c", `mount -t tmpfs -o size=2m none "$1" && "$0" backup "$1"; code=$?; ls -A "$1"; exit $code`, self, t.TempDir()}
	if os.Geteuid() != 0 {
		args = slices.Insert(args, 0, "--map-root-user")
	}
	cmd := exec.Command("unshare", args...)
	cmd.Env = []string{asProgram + "=1", "PATH=" + os.Getenv("PATH"), "RINGBOOK_DATA=" + data, "RINGBOOK_DATABASE=" + address}
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "there is no space left in ") {
		t.Errorf("ended with %v and\n%s", err, out)
	}
	if strings.Contains(string(out), partialSuffix+"\n") {
		t.Errorf("left on the disk:\n%s", out)
	}
}

// TestBackup_TheSpoolIsInIt: a call that ended while the database was away, and no program runs: it is in the backup, and in
// the log of the one that starts on the restored data.
func TestBackup_TheSpoolIsInIt(t *testing.T) {
	data, address, shelf := smallBackup(t)
	away, err := db.New(db.Config{URL: "postgres://nobody@127.0.0.1:1/none?sslmode=disable"})
	if err != nil {
		t.Fatal(err)
	}
	defer away.Close(context.Background())
	recorder, err := calllog.NewRecorder(calllog.RecorderConfig{
		DB: away, Spool: filepath.Join(data, "spool"), Directory: noDirectory{},
		Match:     func(context.Context, crm.Query) (crm.Match, error) { return crm.Match{}, nil },
		Normalise: func(_, _, raw string) crm.Number { return crm.Number{Raw: raw} },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- recorder.Run(ctx) }()
	start := time.Now().Add(-time.Minute).Truncate(time.Millisecond)
	recorder.Update(pbx.Call{
		ID: pbx.CallID("main", "1.1", start), PBX: "main", Version: 1, Direction: pbx.Inbound, State: pbx.StateEnded, Outcome: pbx.Missed,
		Caller: pbx.Party{Number: "09125550000"}, StartedAt: start, EndedAt: start.Add(10 * time.Second),
	})
	eventually(t, "the call is in the spool", func() bool { return spooled(t, data, "09125550000") })
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}

	succeed(t, []string{"the calls that wait in the spool"}, "backup", shelf, "--data", data, "--database", address)
	settings := testSettings(t, func(c *Config) {
		c.Data, c.Database.Database = filepath.Join(t.TempDir(), "data"), emptyDatabase(t, address)
	})
	succeed(t, nil, "restore", shelf, "--data", settings.Data, "--database", settings.Database.Database)
	p := startProgram(t, settings)
	awaitReady(t, p.URL)
	admin := login(t, p.URL, "admin", testPassword)
	eventually(t, "the call is in the log", func() bool {
		var rows page
		admin.do("GET", "/calls?outcome=missed", nil, &rows)
		return len(rows.Items) == 1 && rows.Items[0].Caller.Raw == "09125550000"
	})
}

// noDirectory knows nobody.
type noDirectory struct{}

func (noDirectory) ByExtension(string, string) (crm.AgentRef, bool) { return crm.AgentRef{}, false }

func (noDirectory) Loaded() bool { return true }

// TestSums_AnyName: the list of checksums is sha256sum's, whatever the files are called.
func TestSums_AnyName(t *testing.T) {
	folder := t.TempDir()
	want := sumList{}
	for _, name := range []string{"plain", "two  spaces", "line\nbreak", `back\slash`, `\n`, "فارسی.wav", " "} {
		writeFile(t, name, folder, name)
		sum, _, err := copyFile(filepath.Join(folder, name), filepath.Join(t.TempDir(), "copy"), time.Now(), make([]byte, 10), newProgress(newLines()))
		if err != nil {
			t.Fatal(err)
		}
		want[name] = sum
	}
	if err := want.write(filepath.Join(folder, sumsName)); err != nil {
		t.Fatal(err)
	}
	have, err := readSums(folder)
	if err != nil || !maps.Equal(want, have) {
		t.Errorf("read %q, %v", have, err)
	}
	check := exec.Command("sha256sum", "--check", "--quiet", "--strict", sumsName)
	check.Dir = folder
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
