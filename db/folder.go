package db

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	marker     = ".ringbook"  // says that a folder is ringbook's
	unfinished = ".restoring" // says that what is in it is not whole
)

// BeginRestore marks a claimed data folder as not whole, until EndRestore. Meanwhile ClaimFolder refuses it. again says
// that it was marked already, by a restore that was interrupted.
func BeginRestore(folder string) (again bool, err error) {
	f, err := os.OpenFile(filepath.Join(folder, unfinished), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("the data folder %s cannot be written: %w", folder, err)
	}
	return false, errors.Join(f.Sync(), f.Close())
}

// EndRestore says that the data folder is whole.
func EndRestore(folder string) error {
	if err := os.Remove(filepath.Join(folder, unfinished)); err != nil {
		return fmt.Errorf("the data folder %s cannot be written: %w", folder, err)
	}
	return nil
}

// ClaimFolder makes a data folder ours: it is created if missing and marked if empty. A folder that holds something
// and has no mark is refused, and so is one into which a restore did not end.
func ClaimFolder(folder string) error {
	if err := ClaimForRestore(folder); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(folder, unfinished)); err == nil {
		return fmt.Errorf("a restore into the data folder %s did not end, and what is in it is not whole: run ringbook restore --force again", folder)
	}
	return nil
}

// ClaimForRestore is ClaimFolder for the restore itself.
func ClaimForRestore(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("the data folder %s cannot be made: %w", folder, err)
	}
	mark := filepath.Join(folder, marker)
	switch _, err := os.Stat(mark); {
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the data folder %s cannot be read: %w", folder, err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("the data folder %s cannot be read: %w", folder, err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("the data folder %s is not ringbook's: it holds other files (%s); name an empty or a new folder",
			folder, entries[0].Name())
	}
	text := "This folder belongs to ringbook: its database, recordings and waiting calls.\n"
	if err := os.WriteFile(mark, []byte(text), 0o644); err != nil {
		return fmt.Errorf("the data folder %s cannot be written: %w", folder, err)
	}
	return nil
}
