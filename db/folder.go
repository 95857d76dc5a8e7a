package db

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// marker is the file that says a folder is ringbook's.
const marker = ".ringbook"

// ClaimFolder makes a data folder ours: it is created if missing and marked if empty. A folder that holds something
// and has no mark is refused.
func ClaimFolder(folder string) error {
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
