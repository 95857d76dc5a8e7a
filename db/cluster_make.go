package db

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// find sets bin, making the cluster if there is none.
func (c *Cluster) find(ctx context.Context, folder string) error {
	installed := installedServers(ctx)
	version, err := os.ReadFile(filepath.Join(c.path, "PG_VERSION"))
	switch {
	case err == nil:
		major, _ := strconv.Atoi(strings.TrimSpace(string(version)))
		bin, ok := installed[major]
		if !ok {
			return fmt.Errorf("the database in %s was made by PostgreSQL %d, which is not installed: install the package postgresql-%d", c.path, major, major)
		}
		c.bin = bin
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("read the private database: %w", err)
	}
	newest := 0
	for major := range installed {
		newest = max(newest, major)
	}
	if newest < oldestMajor {
		return fmt.Errorf("PostgreSQL %d or newer is not installed: install the package postgresql (apt-get install postgresql), or name a server in RINGBOOK_DATABASE", oldestMajor)
	}
	c.bin = installed[newest]
	return c.create(ctx, folder)
}

// installedServers are the folders with postgres and initdb, by major version.
func installedServers(ctx context.Context) map[int]string {
	return installed(ctx, "postgres", "initdb")
}

// installed are the folders that have all of these programs of PostgreSQL, by the first one's major version.
func installed(ctx context.Context, programs ...string) map[int]string {
	var folders []string
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql*/bin", "/usr/local/bin", "/usr/bin"} {
		found, _ := filepath.Glob(pattern)
		folders = append(folders, found...)
	}
	if p, err := exec.LookPath(programs[len(programs)-1]); err == nil {
		folders = append(folders, filepath.Dir(p))
	}
	found := map[int]string{}
	for _, bin := range folders {
		if slices.ContainsFunc(programs, func(p string) bool {
			_, err := os.Stat(filepath.Join(bin, p))
			return err != nil
		}) {
			continue
		}
		out, err := exec.CommandContext(ctx, filepath.Join(bin, programs[0]), "-V").Output() // "postgres (PostgreSQL) 15.18 (Debian …)"
		if err != nil {
			continue
		}
		_, after, _ := strings.Cut(string(out), "(PostgreSQL) ")
		digits := strings.FieldsFunc(after, func(r rune) bool { return r < '0' || r > '9' })
		if len(digits) == 0 {
			continue
		}
		if major, err := strconv.Atoi(digits[0]); err == nil && found[major] == "" {
			found[major] = bin
		}
	}
	return found
}

// create runs initdb in a folder beside, and renames what is whole.
func (c *Cluster) create(ctx context.Context, folder string) error {
	fresh := filepath.Join(folder, "postgres.new")
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("make the private database: %w", err)
	}
	if err := os.Mkdir(fresh, 0o700); err != nil {
		return fmt.Errorf("make the private database: %w", err)
	}
	owner, err := serverUser()
	if err != nil {
		return err
	}
	if owner != nil {
		if err := os.Chown(fresh, int(owner.Uid), int(owner.Gid)); err != nil {
			return fmt.Errorf("make the private database: %w", err)
		}
	}
	dir, err := os.Open(fresh)
	if err != nil {
		return fmt.Errorf("make the private database: %w", err)
	}
	defer dir.Close()
	args := []string{"-D", throughFD, "-U", roleName, "--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust", "--no-instructions"}
	if c.config.Settings["fsync"] == "off" {
		args = append(args, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, "initdb"), args...)
	cmd.Dir = "/"
	cmd.Env = serverEnv()
	cmd.ExtraFiles = []*os.File{dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner, Setsid: true}
	started := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make the private database with %s: %w: %s", cmd.Path, err, lastLine(out))
	}
	hba := "# Only this socket, in a folder of mode 0700, leads here.\nlocal all all trust\n"
	if err := os.WriteFile(filepath.Join(fresh, "pg_hba.conf"), []byte(hba), 0o600); err != nil {
		return fmt.Errorf("make the private database: %w", err)
	}
	if err := os.Rename(fresh, c.path); err != nil {
		return fmt.Errorf("make the private database: %w", err)
	}
	c.config.Log.InfoContext(ctx, "database: made a private cluster", "folder", c.path, "postgres", c.bin, "took", time.Since(started).Round(time.Millisecond))
	return nil
}
