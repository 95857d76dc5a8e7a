package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// shelf is a folder of backups, while this process is the only one that changes it.
type shelf struct {
	folder string
	lock   *os.File
}

// openShelf makes the folder if it is missing, and removes what an interrupted backup left.
func openShelf(folder string) (*shelf, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("the folder %s cannot be made: %w", folder, plain(err))
	}
	lock, err := os.OpenFile(filepath.Join(folder, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the folder %s cannot be written: %w", folder, plain(err))
	}
	s := &shelf{folder, lock}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		s.close()
		return nil, fmt.Errorf("another backup into %s is under way", folder)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		s.close()
		return nil, fmt.Errorf("the folder %s cannot be read: %w", folder, plain(err))
	}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), partialSuffix); ok && backupName.MatchString(name) {
			if err := os.RemoveAll(filepath.Join(folder, e.Name())); err != nil {
				s.close()
				return nil, fmt.Errorf("remove what an interrupted backup left: %w", err)
			}
		}
	}
	return s, nil
}

func (s *shelf) close() { s.lock.Close() }

var backupName = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d{6}Z(-\d+)?$`)

// backupsIn are the names of the whole backups in a folder, oldest first.
func backupsIn(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("the folder %s cannot be read: %w", folder, plain(err))
	}
	var names []string
	for _, e := range entries {
		if backupName.MatchString(e.Name()) {
			if _, err := os.Stat(filepath.Join(folder, e.Name(), sumsName)); err == nil {
				names = append(names, e.Name())
			}
		}
	}
	return names, nil // ReadDir has sorted them
}

// newest is the last backup's name, empty if there is none.
func (s *shelf) newest() (string, error) {
	names, err := backupsIn(s.folder)
	if err != nil || len(names) == 0 {
		return "", err
	}
	return names[len(names)-1], nil
}

// free is a name for a backup made at a time.
func (s *shelf) free(at time.Time) string {
	name := at.Format(backupTime)
	for n := 2; ; n++ {
		if _, err := os.Lstat(filepath.Join(s.folder, name)); errors.Is(err, fs.ErrNotExist) {
			return name
		}
		name = fmt.Sprintf("%s-%d", at.Format(backupTime), n)
	}
}

// prune removes all backups but the newest few, and returns the names of those that are gone.
func (s *shelf) prune(keep int) (gone []string, err error) {
	names, err := backupsIn(s.folder)
	if err != nil {
		return nil, err
	}
	for _, name := range names[:max(0, len(names)-keep)] {
		// Half removed it shall not look whole.
		dying := filepath.Join(s.folder, name+partialSuffix)
		if err := os.Rename(filepath.Join(s.folder, name), dying); err != nil {
			return gone, fmt.Errorf("remove the old backup %s: %w", name, err)
		}
		if err := os.RemoveAll(dying); err != nil {
			return gone, fmt.Errorf("remove the old backup %s: %w", name, err)
		}
		gone = append(gone, name)
	}
	return gone, nil
}

// sumList is the SHA-256, in hexadecimal, of each file of a backup, by its path there.
type sumList map[string]string

// write writes the list as sha256sum does.
func (l sumList) write(file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("write the checksums: %w", err)
	}
	w := bufio.NewWriter(f)
	for _, path := range slices.Sorted(maps.Keys(l)) {
		escaped := sumEscaper.Replace(path)
		mark := ""
		if escaped != path {
			mark = `\`
		}
		fmt.Fprintf(w, "%s%s  %s\n", mark, l[path], escaped)
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		return fmt.Errorf("write the checksums: %w", err)
	}
	return nil
}

var (
	sumEscaper   = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`)
	sumUnescaper = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r")
)

// readSums reads the list of a backup.
func readSums(backup string) (sumList, error) {
	text, err := os.ReadFile(filepath.Join(backup, sumsName))
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", filepath.Join(backup, sumsName), plain(err))
	}
	list := sumList{}
	for line := range strings.Lines(string(text)) {
		escaped := strings.HasPrefix(line, `\`)
		sum, path, ok := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(line, `\`), "\n"), "  ")
		if escaped {
			path = sumUnescaper.Replace(path)
		}
		if _, err := hex.DecodeString(sum); err != nil || !ok || len(sum) != 2*sha256.Size || !filepath.IsLocal(path) {
			return nil, fmt.Errorf("the backup is damaged: %s has a line that is no checksum", filepath.Join(backup, sumsName))
		}
		list[path] = sum
	}
	return list, nil
}

func newHash() hash.Hash { return sha256.New() }

func writeManifest(folder string, m manifest, sums sumList) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if err := os.WriteFile(filepath.Join(folder, manifestName), text, 0o600); err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	sum := sha256.Sum256(text)
	sums[manifestName] = hex.EncodeToString(sum[:])
	return nil
}

// readManifest reads a backup's manifest and checksums, and refuses what this program cannot restore.
func readManifest(backup string) (m manifest, sums sumList, err error) {
	if strings.HasSuffix(filepath.Clean(backup), partialSuffix) {
		return m, nil, fmt.Errorf("%s was interrupted, or is still being made: it is no backup", backup)
	}
	if sums, err = readSums(backup); err != nil {
		return m, nil, err
	}
	file := filepath.Join(backup, manifestName)
	text, err := os.ReadFile(file)
	if err != nil {
		return m, nil, fmt.Errorf("the backup is damaged: %s cannot be read: %w", file, plain(err))
	}
	if sum := sha256.Sum256(text); sums[manifestName] != hex.EncodeToString(sum[:]) {
		return m, nil, damaged(file)
	}
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&m); err != nil {
		return m, nil, damaged(file)
	}
	if unknown := m.Database.Unknown(); m.Format > backupFormat || len(unknown) > 0 {
		return m, nil, fmt.Errorf("the backup was made by ringbook %s, which is newer than this program (%s): its database has the shape %d. Restore it with that version",
			m.Ringbook, programVersion(), m.Shape)
	}
	if listed, holds := len(sums), 2+m.Recordings.Files+m.Spool.Files; listed != holds {
		return m, nil, fmt.Errorf("the backup is damaged: %s lists %d files and the manifest %d", filepath.Join(backup, sumsName), listed, holds)
	}
	return m, sums, nil
}

func damaged(file string) error {
	return fmt.Errorf("the backup is damaged: %s is not as it was written", file)
}

// verify reads every file of a backup and compares it with its checksum.
func verify(backup string, m manifest, sums sumList, p *progress) error {
	p.begin("checking the backup", m.Dump+m.Recordings.Bytes+m.Spool.Bytes)
	for _, path := range slices.Sorted(maps.Keys(sums)) {
		file := filepath.Join(backup, path)
		f, err := os.Open(file)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the backup is damaged: %s is missing", file)
		} else if err != nil {
			return err
		}
		h := newHash()
		_, err = io.Copy(io.MultiWriter(h, p), f)
		f.Close()
		if err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		if hex.EncodeToString(h.Sum(nil)) != sums[path] {
			return damaged(file)
		}
	}
	p.end(fmt.Sprintf("all %d files are as they were written", len(sums)))
	return nil
}
