package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ringbook/db"
)

// backupCommand makes a backup of everything that ringbook keeps, also while it runs. See docs/backup.md.
type backupCommand struct {
	Folder string `arg:"" type:"path" help:"Folder that holds the backups; each is a folder of its own in it, named by its time."`
	Keep   int    `placeholder:"N" help:"Afterwards remove all backups there but the newest N. 0: none is removed."`
	Database
	Logging
}

// A backup is a folder:
//
//	2026-11-22T174828Z/
//	  manifest.json     what is in it, and what made it
//	  database.dump     pg_dump's custom format
//	  recordings/       as in the data folder; files that the backup before has too are hard links to its own
//	  spool/            calls that were not in the database yet
//	  SHA256SUMS        of all these files, as sha256sum writes it
//
// One that is being made has a name that ends in .partial, and is no backup.
const (
	backupTime    = "2006-01-02T150405Z"
	backupFormat  = 1
	partialSuffix = ".partial"
	manifestName  = "manifest.json"
	dumpName      = "database.dump"
	sumsName      = "SHA256SUMS"
	recordings    = "recordings"
	spoolFolder   = "spool"
)

// manifest says what a backup holds.
type manifest struct {
	Format     int         `json:"format"`
	MadeAt     time.Time   `json:"made_at"`  // when the database's picture was taken
	Ringbook   string      `json:"ringbook"` // version of the program that made it
	Shape      int64       `json:"shape"`    // of the database: its newest migration
	Database   db.Contents `json:"database"`
	Dump       int64       `json:"dump_bytes"`
	Recordings fileCount   `json:"recordings"`
	Spool      fileCount   `json:"spool"`
}

type fileCount struct {
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
}

func (b backupCommand) Run(c *console) (err error) {
	if b.Keep < 0 {
		return Faults{{"--keep", fmt.Sprintf("%d is not a number of backups; write 0 or more", b.Keep)}}
	}
	if inside, err := within(b.Folder, b.Data); err != nil {
		return err
	} else if inside {
		return Faults{{"FOLDER", "is inside the data folder; choose another place, best on another disk"}}
	}
	if _, err := os.Stat(b.Data); err != nil {
		return fmt.Errorf("the data folder %s cannot be read: %w", b.Data, plain(err))
	}
	if _, err := os.Stat(filepath.Join(b.Data, "postgres")); err != nil && b.Database.Database == "" {
		return fmt.Errorf("the data folder %s has no database in it: name the service's in RINGBOOK_DATA, or its server in RINGBOOK_DATABASE", b.Data)
	}
	database, err := b.Database.open(c, b.Logging)
	if err != nil {
		return err
	}
	defer closing(c.ctx, database, &err)
	shelf, err := openShelf(b.Folder)
	if err != nil {
		return err
	}
	defer shelf.close()
	name, m, err := shelf.add(c.ctx, b.Data, database, newProgress(c.stderr))
	if err != nil {
		return spaceProblem(err, b.Folder)
	}
	fmt.Fprintf(c.stdout, "The backup is in %s: %s.\n", filepath.Join(b.Folder, name), m)
	if b.Keep > 0 {
		gone, err := shelf.prune(b.Keep)
		for _, name := range gone {
			fmt.Fprintf(c.stdout, "Removed the old backup %s.\n", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m manifest) String() string {
	waiting := ""
	if m.Spool.Files > 0 {
		waiting = ", the calls that wait in the spool"
	}
	return fmt.Sprintf("%d rows in %d tables, %s in %s%s", m.Database.Rows(), len(m.Database.Tables),
		count(m.Recordings.Files, "recording"), byteSize(m.Recordings.Bytes), waiting)
}

// add makes one backup. It is there whole, or not at all.
//
// The recordings are copied before the picture of the database is taken, and again, as far as they are new, after it.
// So every file that the picture speaks of is in the backup, also one that is deleted meanwhile. The spool is copied
// before: a call leaves it only once it is in the database.
func (s *shelf) add(ctx context.Context, data string, database *db.DB, p *progress) (name string, m manifest, err error) {
	before, err := s.newest()
	if err != nil {
		return "", m, err
	}
	began := time.Now().UTC()
	name = s.free(began)
	partial := filepath.Join(s.folder, name+partialSuffix)
	if err := os.Mkdir(partial, 0o700); err != nil {
		return "", m, fmt.Errorf("begin the backup: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(partial))
		}
	}()
	sums := sumList{}
	spoken := newCopier(filepath.Join(data, recordings), filepath.Join(partial, recordings), recordings, sums)
	if before != "" {
		if err := spoken.reuse(filepath.Join(s.folder, before)); err != nil {
			return "", m, fmt.Errorf("read the backup before, %s: %w", before, err)
		}
	}
	if err := spoken.run(ctx, p, "recordings"); err != nil {
		return "", m, err
	}
	waiting := newCopier(filepath.Join(data, spoolFolder), filepath.Join(partial, spoolFolder), spoolFolder, sums)
	waiting.skip = "lock"
	if err := waiting.run(ctx, p, "spool"); err != nil {
		return "", m, err
	}
	m = manifest{Format: backupFormat, MadeAt: time.Now().UTC().Truncate(time.Millisecond), Ringbook: programVersion()}
	if m.Database, err = dumpTo(ctx, filepath.Join(partial, dumpName), database, sums, &m.Dump, p); err != nil {
		return "", m, err
	}
	if err := spoken.run(ctx, p, "recordings that came meanwhile"); err != nil {
		return "", m, err
	}
	m.Shape, m.Recordings, m.Spool = m.Database.Shape(), spoken.total(), waiting.total()
	if err := writeManifest(partial, m, sums); err != nil {
		return "", m, err
	}
	if err := sums.write(filepath.Join(partial, sumsName)); err != nil {
		return "", m, err
	}
	if spoken.linked > 0 {
		p.say("recordings: %d of %d files are those of %s, and take no space again", spoken.linked, m.Recordings.Files, before)
	}
	p.begin("writing everything to the disk", 0)
	if err := syncFilesystem(partial); err != nil {
		return "", m, fmt.Errorf("write the backup to the disk: %w", err)
	}
	if err := os.Rename(partial, filepath.Join(s.folder, name)); err != nil {
		return "", m, fmt.Errorf("finish the backup: %w", err)
	}
	p.end("")
	return name, m, syncFilesystem(s.folder)
}

// dumpTo writes the database to a file.
func dumpTo(ctx context.Context, file string, database *db.DB, sums sumList, bytes *int64, p *progress) (c db.Contents, err error) {
	out, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return c, fmt.Errorf("begin the dump: %w", err)
	}
	p.begin("database", 0)
	hash := newHash()
	c, err = database.Dump(ctx, io.MultiWriter(out, hash, p))
	if closed := out.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return c, err
	}
	*bytes = p.done
	sums[dumpName] = hex.EncodeToString(hash.Sum(nil))
	p.end(fmt.Sprintf("database: %d rows, %s, a full dump (the dump of a PostgreSQL %d cannot be incremental)", c.Rows(), byteSize(p.done), c.Major()))
	return c, nil
}

// spaceProblem says what to do where a disk is full.
func spaceProblem(err error, folder string) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("there is no space left in %s, and the unfinished backup was removed: make room, or name a folder on another disk (%w)", folder, err)
	}
	return err
}

// within says whether a folder, which need not exist, is another one or inside it.
func within(inner, outer string) (bool, error) {
	in, err1 := filepath.Abs(inner)
	out, err2 := filepath.Abs(outer)
	if err := errors.Join(err1, err2); err != nil {
		return false, err
	}
	rest, err := filepath.Rel(out, in)
	return err == nil && filepath.IsLocal(rest), nil
}

// syncFilesystem makes everything that was written to the file system of a path safe.
func syncFilesystem(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return os.NewSyscallError("syncfs", unix.Syncfs(int(f.Fd())))
}
