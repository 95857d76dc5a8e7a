package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// copier copies a folder of files into a backup. What an older backup holds with the same content is linked to that
// one's file instead of being kept twice.
type copier struct {
	from, to string  // folders
	prefix   string  // of the paths in sums
	sums     sumList // gets the checksums
	skip     string  // a name to leave out
	linked   int     // files that are the older backup's
	have     map[string]copied

	older  string            // folder of the older backup's files; empty: none
	known  sumList           // of the older backup, by path below older
	bySum  map[string]string // path below older, by checksum
	blocks []byte
}

// copied is what a file was when it was copied.
type copied struct {
	size     int64
	modified time.Time
}

func newCopier(from, to, prefix string, sums sumList) *copier {
	return &copier{from: from, to: to, prefix: prefix, sums: sums, have: map[string]copied{}, blocks: make([]byte, 256<<10)}
}

// reuse makes an older backup's files available.
func (c *copier) reuse(backup string) error {
	all, err := readSums(backup)
	if err != nil {
		return err
	}
	c.older, c.known, c.bySum = filepath.Join(backup, c.prefix), sumList{}, map[string]string{}
	for path, sum := range all {
		if rest, err := filepath.Rel(c.prefix, path); err == nil && filepath.IsLocal(rest) {
			c.known[rest], c.bySum[sum] = sum, rest
		}
	}
	return nil
}

func (c *copier) total() (n fileCount) {
	for _, f := range c.have {
		n.Files++
		n.Bytes += f.size
	}
	return n
}

// run copies what was not copied yet, or has changed since. Files that go away meanwhile, and all that is no plain file,
// are passed over.
func (c *copier) run(ctx context.Context, p *progress, what string) error {
	root, err := filepath.EvalSymlinks(c.from) // the folder itself may be elsewhere
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("read %s: %w", c.from, err)
	}
	p.begin(what, 0)
	before := len(c.have)
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		} else if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		rel, err := filepath.Rel(root, path)
		if err != nil || !e.Type().IsRegular() || rel == c.skip {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		} else if err != nil {
			return err
		}
		if have, ok := c.have[rel]; ok && have == (copied{info.Size(), info.ModTime()}) {
			return nil
		}
		return c.take(path, rel, info, p)
	})
	if err != nil {
		return fmt.Errorf("copy %s: %w", what, err)
	}
	p.end(fmt.Sprintf("%s: %s, %s read", what, count(len(c.have)-before, "file"), byteSize(p.done)))
	return nil
}

// take links or copies one file.
func (c *copier) take(path, rel string, info fs.FileInfo, p *progress) error {
	target := filepath.Join(c.to, rel)
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return err
	}
	if err := os.Remove(target); err != nil && !errors.Is(err, fs.ErrNotExist) { // it has changed
		return err
	}
	if sum, ok := c.known[rel]; ok {
		old := filepath.Join(c.older, rel)
		if same, err := os.Lstat(old); err == nil && same.Size() == info.Size() && same.ModTime().Equal(info.ModTime()) {
			if c.link(old, target) {
				c.keep(rel, sum, info.Size(), info.ModTime())
				return nil
			}
		}
	}
	sum, n, err := copyFile(path, target, info.ModTime(), c.blocks, p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if twin, ok := c.bySum[sum]; ok {
		old := filepath.Join(c.older, twin)
		if same, err := os.Lstat(old); err == nil && same.Size() == n {
			beside := target + partialSuffix
			if c.link(old, beside) {
				if err := os.Rename(beside, target); err != nil {
					return err
				}
			}
		}
	}
	c.keep(rel, sum, n, info.ModTime())
	return nil
}

// link says whether target is now the same file as old; where it is not, because the file system cannot, it is copied.
func (c *copier) link(old, target string) bool {
	if os.Link(old, target) != nil {
		return false
	}
	c.linked++
	return true
}

func (c *copier) keep(rel, sum string, n int64, modified time.Time) {
	c.have[rel] = copied{n, modified}
	c.sums[filepath.Join(c.prefix, rel)] = sum
}

// copyFile copies a file with its time, and returns its checksum and size.
func copyFile(path, target string, modified time.Time, blocks []byte, p *progress) (sum string, n int64, err error) {
	in, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer in.Close()
	out, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", 0, err
	}
	h := newHash()
	// Hide os.File's own ways of copying, which would pass the hash by.
	n, err = io.CopyBuffer(io.MultiWriter(out, h, p), struct{ io.Reader }{in}, blocks)
	if err := errors.Join(err, out.Close()); err != nil {
		return "", 0, err
	}
	if err := os.Chtimes(target, modified, modified); err != nil {
		return "", 0, err
	}
	return hex.EncodeToString(h.Sum(nil)), n, nil
}
