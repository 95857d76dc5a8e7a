package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ringbook/db"
)

// restoreCommand makes a data folder and a database of a backup. See docs/backup.md.
type restoreCommand struct {
	Backup string `arg:"" type:"path" help:"The backup, or the folder of backups, whose newest is then taken."`
	Force  bool   `help:"Replace what is there. What was in the data folder is kept beside, what was in a database of RINGBOOK_DATABASE goes away."`
	Check  bool   `help:"Only read the backup, and say whether it is whole."`
	Database
	Logging
}

func (r restoreCommand) Run(c *console) error {
	var faults Faults
	r.Database.check(&faults)
	r.Logging.check(&faults)
	if len(faults) > 0 {
		return faults
	}
	backup, err := chooseBackup(r.Backup)
	if err != nil {
		return err
	}
	m, sums, err := readManifest(backup)
	if err != nil {
		return err
	}
	p := newProgress(c.stderr)
	p.say("%s, of %s by ringbook %s: %s", backup, m.MadeAt.Local().Format(time.DateTime), m.Ringbook, m)
	if err := verify(backup, m, sums, p); err != nil {
		return err
	}
	if r.Check {
		fmt.Fprintf(c.stdout, "The backup %s is whole: %s.\n", backup, m)
		return nil
	}
	t := target{restoreCommand: r, backup: backup, manifest: m, sums: sums, progress: p}
	aside, err := t.restore(c)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "Restored and compared: the database holds the %d rows of the backup, table by table, and all %s are as they were.\n",
		m.Database.Rows(), count(m.Recordings.Files+m.Spool.Files, "file"))
	if aside != "" {
		fmt.Fprintf(c.stdout, "What was in the data folder before is in %s; delete it when you do not need it.\n", aside)
	}
	return nil
}

// chooseBackup is the backup that a path means: itself, or the newest in it.
func chooseBackup(path string) (string, error) {
	if _, err := os.Stat(filepath.Join(path, sumsName)); err == nil || strings.HasSuffix(filepath.Clean(path), partialSuffix) {
		return path, nil
	}
	names, err := backupsIn(path)
	if err != nil {
		return "", err
	}
	if len(names) == 0 {
		return "", fmt.Errorf("%s is not a backup, and has none in it", path)
	}
	return filepath.Join(path, names[len(names)-1]), nil
}

// target is where a backup goes.
type target struct {
	restoreCommand
	backup   string
	manifest manifest
	sums     sumList
	progress *progress
	again    bool // a restore before this one was interrupted: what is there is not whole
}

// kept are the parts of a data folder that a restore makes.
var kept = []string{"postgres", recordings, spoolFolder}

// restore does it. The data folder is marked as unfinished meanwhile; if it fails, what was there is put back. aside is
// the folder of what was there before, empty if there was nothing.
func (t *target) restore(c *console) (aside string, err error) {
	if err := db.ClaimForRestore(t.Data); err != nil {
		return "", err
	}
	unlock, err := lockData(t.Data)
	if err != nil {
		return "", err
	}
	defer unlock()
	there, err := t.inTheWay()
	if err != nil {
		return "", err
	}
	if len(there) > 0 && !t.Force {
		return "", fmt.Errorf("the data folder %s is not empty (it has %s): name a new one in RINGBOOK_DATA, or say --force to replace what is there",
			t.Data, strings.Join(there, ", "))
	}
	if err := db.StopCluster(c.ctx, t.Data, t.logger(c.stderr)); err != nil {
		return "", err
	}
	if t.again, err = db.BeginRestore(t.Data); err != nil {
		return "", err
	}
	if len(there) > 0 {
		aside = filepath.Join(t.Data, "before-restore-"+time.Now().UTC().Format(backupTime))
		if err := move(t.Data, aside, there); err != nil {
			return "", errors.Join(err, t.putBack(aside, there))
		}
	}
	if err := t.fill(c); err != nil {
		if strings.Contains(err.Error(), "No space left on device") {
			err = fmt.Errorf("there is no space left for the data folder %s: %w", t.Data, err)
		}
		return "", errors.Join(err, t.putBack(aside, there))
	}
	return aside, db.EndRestore(t.Data)
}

// inTheWay are the parts that the data folder has already.
func (t *target) inTheWay() (there []string, err error) {
	for _, part := range kept {
		entries, err := os.ReadDir(filepath.Join(t.Data, part))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("the data folder %s cannot be read: %w", t.Data, plain(err))
		}
		// A spool that only has its lock is empty; the private cluster stays where another database is meant.
		entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return part == spoolFolder && e.Name() == "lock" })
		if len(entries) > 0 && (part != "postgres" || t.Database.Database == "") {
			there = append(there, part)
		}
	}
	return there, nil
}

func move(from, to string, parts []string) error {
	if err := os.Mkdir(to, 0o755); err != nil {
		return fmt.Errorf("put aside what is in the data folder: %w", err)
	}
	for _, part := range parts {
		if err := os.Rename(filepath.Join(from, part), filepath.Join(to, part)); err != nil {
			return fmt.Errorf("put aside what is in the data folder: %w", err)
		}
	}
	return nil
}

// putBack makes the data folder what it was before a restore that failed.
func (t *target) putBack(aside string, there []string) error {
	for _, part := range kept {
		old := filepath.Join(aside, part)
		if aside != "" && slices.Contains(there, part) {
			if _, err := os.Lstat(old); err != nil {
				continue // it was not put aside yet: what is there is the old one
			}
		}
		if part == "postgres" && t.Database.Database != "" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(t.Data, part)); err != nil {
			return err
		}
		if aside != "" && slices.Contains(there, part) {
			if err := os.Rename(old, filepath.Join(t.Data, part)); err != nil {
				return err
			}
		}
	}
	if aside != "" {
		if err := os.Remove(aside); err != nil {
			return err
		}
	}
	if t.again {
		return nil
	}
	return db.EndRestore(t.Data)
}

// fill makes everything of the backup, and compares it.
func (t *target) fill(c *console) (err error) {
	ctx, p := c.ctx, t.progress
	p.begin("recordings and spool", t.manifest.Recordings.Bytes+t.manifest.Spool.Bytes)
	if err := t.copyBack(ctx); err != nil {
		return err
	}
	p.end("recordings and spool are there")

	address := t.Database.Database
	if address != "" {
		// Told from a service's connections by its name.
		u, err := url.Parse(address)
		if err != nil {
			return errors.New("RINGBOOK_DATABASE is not a URL") // check has seen it
		}
		query := u.Query()
		query.Set("application_name", "ringbook restore")
		u.RawQuery = query.Encode()
		address = u.String()
	}
	database, err := db.Open(ctx, db.Config{URL: address, Data: t.Data, Log: t.logger(c.stderr), MaxConns: 2, Restoring: true})
	if err != nil {
		return err
	}
	defer closing(ctx, database, &err)
	empty, err := database.Empty(ctx)
	if err != nil {
		return err
	}
	if !empty && !t.Force {
		return errors.New("the database of RINGBOOK_DATABASE is not empty: name another one, or say --force to replace what is in it")
	}
	if others, err := database.Others(ctx); err != nil {
		return err
	} else if address != "" && others > 0 {
		return errors.New("a running ringbook uses the database: stop it first, on every node")
	}
	dump, err := os.Open(filepath.Join(t.backup, dumpName))
	if err != nil {
		return err
	}
	defer dump.Close()
	p.begin("database", t.manifest.Dump)
	if err := database.Load(ctx, io.TeeReader(dump, p), t.manifest.Database, !empty); err != nil {
		return err
	}
	p.end("the database is there")
	p.begin("comparing the database with the backup", 0)
	have, err := database.Contents(ctx)
	if err != nil {
		return err
	}
	have.Postgres = t.manifest.Database.Postgres
	if wrong := t.manifest.Database.Differences(have); len(wrong) > 0 {
		return fmt.Errorf("the restored database is not what the backup holds: %s", strings.Join(wrong, "; "))
	}
	p.end(fmt.Sprintf("the database is the backup's: %s, %d rows", count(len(have.Tables), "table"), have.Rows()))
	return nil
}

// copyBack copies recordings and spool, and compares each file with its checksum on the way.
func (t *target) copyBack(ctx context.Context) error {
	blocks := make([]byte, 256<<10)
	for _, path := range slices.Sorted(maps.Keys(t.sums)) {
		if path == manifestName || path == dumpName {
			continue
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		from, to := filepath.Join(t.backup, path), filepath.Join(t.Data, path)
		info, err := os.Stat(from)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return fmt.Errorf("restore %s: %w", path, err)
		}
		sum, _, err := copyFile(from, to, info.ModTime(), blocks, t.progress)
		if err != nil {
			return fmt.Errorf("restore %s: %w", path, err)
		}
		if sum != t.sums[path] {
			return damaged(from)
		}
	}
	return syncFilesystem(t.Data)
}
