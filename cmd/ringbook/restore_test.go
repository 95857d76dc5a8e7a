package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ringbook/db"
)

func TestRestore_RefusesWhatIsDamaged(t *testing.T) {
	data, address, shelf := smallBackup(t)
	backup := filepath.Join(shelf, backups(t, shelf)[0])
	succeed(t, []string{"is whole: ", "1 recording in 7 bytes"}, "restore", "--check", shelf)
	target, fresh := filepath.Join(t.TempDir(), "data"), emptyDatabase(t, address)
	rewrite := func(change func(*manifest)) func(t *testing.T) {
		return func(t *testing.T) {
			m, sums, err := readManifest(backup)
			if err != nil {
				t.Fatal(err)
			}
			change(&m)
			if err := writeManifest(backup, m, sums); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(filepath.Join(backup, sumsName)); err != nil {
				t.Fatal(err)
			}
			if err := sums.write(filepath.Join(backup, sumsName)); err != nil {
				t.Fatal(err)
			}
		}
	}
	damage := func(name string) func(t *testing.T) {
		return func(t *testing.T) {
			f, err := os.OpenFile(filepath.Join(backup, name), os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			b := make([]byte, 1)
			if _, err := f.ReadAt(b, 3); err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt([]byte{b[0] ^ 0x40}, 3); err != nil {
				t.Fatal(err)
			}
		}
	}
	for says, change := range map[string]func(t *testing.T){
		"the backup is damaged: " + backup + "/recordings/a.wav is not as it was written": damage("recordings/a.wav"),
		"the backup is damaged: " + backup + "/database.dump is not as it was written":    damage("database.dump"),
		"the backup is damaged: " + backup + "/manifest.json is not as it was written":    damage("manifest.json"),
		"the backup is damaged: " + backup + "/SHA256SUMS has a line":                     damage("SHA256SUMS"),
		"the backup is damaged: " + backup + "/recordings/a.wav is missing": func(t *testing.T) {
			if err := os.Remove(filepath.Join(backup, "recordings/a.wav")); err != nil {
				t.Fatal(err)
			}
		},
		"which is newer than this program": rewrite(func(m *manifest) { m.Database.Migrations = append(m.Database.Migrations, 9999) }),
		"the table public.team has 1 rows instead of 2": rewrite(func(m *manifest) {
			for i := range m.Database.Tables {
				if m.Database.Tables[i].Name == "public.team" {
					m.Database.Tables[i].Rows = 2
				}
			}
		}),
		"lists 3 files and the manifest 4": rewrite(func(m *manifest) { m.Recordings.Files++ }),
		"was interrupted": func(t *testing.T) {
			if err := os.Rename(backup, backup+partialSuffix); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(says, func(t *testing.T) {
			whole := filesOf(t, backup)
			defer func() {
				if err := os.RemoveAll(backup + partialSuffix); err != nil {
					t.Error(err)
				}
				for name, text := range whole {
					writeFile(t, text, backup, name)
				}
			}()
			change(t)
			from := backup
			if _, err := os.Stat(backup); err != nil {
				from += partialSuffix
			}
			refuse(t, says, "restore", from, "--data", target, "--database", fresh, "--force")
			if _, err := os.Stat(filepath.Join(target, "recordings")); err == nil {
				t.Error("its recordings are there all the same")
			}
		})
	}
	refuse(t, "is not a backup, and has none in it", "restore", data)
	refuse(t, "the database of RINGBOOK_DATABASE is not empty", "restore", shelf, "--data", target, "--database", address)
	refuse(t, "has no database in it", "backup", filepath.Join(t.TempDir(), "backups"), "--data", data)
	refuse(t, "is inside the data folder", "backup", filepath.Join(data, "backups"), "--data", data, "--database", address)
}

// TestRestore_OverWhatIsThere: a data folder that has something is refused; with --force what was there is kept beside, in a
// server's database replaced; and nothing is changed under a running service.
func TestRestore_OverWhatIsThere(t *testing.T) {
	data, address, shelf := smallBackup(t)
	refuse(t, "is not empty (it has recordings)", "restore", shelf, "--data", data, "--database", address)
	writeFile(t, "a sound that came later", data, "recordings", "b.wav")
	unlock, err := claimData(data)
	if err != nil {
		t.Fatal(err)
	}
	refuse(t, "is in use by another ringbook", "restore", shelf, "--force", "--data", data, "--database", address)
	unlock()

	service, err := db.Open(t.Context(), db.Config{URL: address, MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := service.Pool().Exec(t.Context(), `INSERT INTO team (id, name) VALUES (gen_random_uuid(), 'sales')`); err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(address, "sslmode=", "application_name=test&sslmode=", 1)
	refuse(t, "a running ringbook uses the database", "restore", shelf, "--force", "--data", data, "--database", other)
	if files := filesOf(t, filepath.Join(data, "recordings")); files["b.wav"] == "" {
		t.Error("a restore that failed did not put the recordings back")
	}
	if err := service.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The test's own pool counts as a service too.
	if _, err := execSQL(t, address, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ringbook' AND datname = current_database()`); err != nil {
		t.Fatal(err)
	}
	succeed(t, []string{"Restored and compared", "What was in the data folder before is in " + data + "/before-restore-"},
		"restore", shelf, "--force", "--data", data, "--database", address)
	if diff := cmp.Diff(map[string]string{"a.wav": "a sound"}, filesOf(t, filepath.Join(data, "recordings"))); diff != "" {
		t.Error(diff)
	}
	aside, err := filepath.Glob(filepath.Join(data, "before-restore-*", "recordings", "b.wav"))
	if err != nil || len(aside) != 1 {
		t.Errorf("what was there before: %v, %v", aside, err)
	}
	last := manifestOf(t, filepath.Join(shelf, backups(t, shelf)[0]))
	if wrong := last.Database.Differences(contentsOf(t, db.Config{URL: address})); len(wrong) > 0 {
		t.Error(wrong)
	}
}

// emptyDatabase makes a database without tables on the server of another one, and returns its address.
func emptyDatabase(t *testing.T, address string) string {
	t.Helper()
	name := fmt.Sprintf("empty_%d", time.Now().UnixNano())
	if _, err := execSQL(t, address, `CREATE DATABASE `+name+` TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'`); err != nil {
		t.Fatal(err)
	}
	return databaseURL(t, address, name)
}

func execSQL(t *testing.T, address, sql string) (string, error) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		return "", err
	}
	defer conn.Close(context.Background())
	tag, err := conn.Exec(t.Context(), sql)
	return tag.String(), err
}

// TestRestore_InterruptedIsNoService: a data folder into which a restore did not end is not served from, until one has.
func TestRestore_InterruptedIsNoService(t *testing.T) {
	_, address, shelf := smallBackup(t)
	data := filepath.Join(t.TempDir(), "data")
	if err := db.ClaimFolder(data); err != nil {
		t.Fatal(err)
	}
	if _, err := db.BeginRestore(data); err != nil {
		t.Fatal(err)
	}
	writeFile(t, "half a sound", data, "recordings", "a.wav")
	if _, err := claimData(data); err == nil || !strings.Contains(err.Error(), "did not end") {
		t.Errorf("a service is let in: %v", err)
	}
	refuse(t, "is not empty", "restore", shelf, "--data", data)
	if _, err := claimData(data); err == nil {
		t.Error("a service is let in after another restore was refused")
	}
	succeed(t, nil, "restore", shelf, "--data", data, "--force", "--database", emptyDatabase(t, address))
	unlock, err := claimData(data)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}
