package calllog

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"

	"ringbook/pbx"
)

// picture is what is kept of a call: the call, and whose the extensions were when it came.
type picture struct {
	Call   pbx.Call             `json:"call"`
	Agents map[string]uuid.UUID `json:"agents,omitempty"` // by leg ID
	// Nameless: there was no directory, so Agents is to be found before it is written.
	Nameless bool `json:"nameless,omitempty"`
}

// A segment file is spoolMagic and then frames: the payload's length and CRC-32C (both big-endian uint32), and the
// payload, a picture in JSON. What does not read as a frame, and all that follows it, was never acknowledged.
const (
	spoolMagic   = "ringbook spool 1\n"
	frameHeader  = 8
	frameMost    = 16 << 20
	segmentBytes = 4 << 20
	segmentExt   = ".spool"
)

var (
	castagnoli   = crc32.MakeTable(crc32.Castagnoli)
	errSpoolFull = errors.New("spool is full")
)

// spool keeps pictures on disk until the database has them. Safe for concurrent use.
type spool struct {
	dir  string
	max  int64
	lock *os.File // held while the process lives: one recorder for one folder

	io     sync.Mutex // one goroutine at a time touches files; guards active and next
	active *os.File   // of the last segment; nil: the next append begins a new one
	next   uint64     // number of the next segment

	mu       sync.Mutex // guards the segments; never held across I/O, taken after io
	segments []*segment // oldest first; the last may be active
	bytes    int64      // of all segments
}

// segment is one file of a spool. Guarded by spool.mu.
type segment struct {
	path   string
	size   int64
	since  time.Time // of its oldest frame
	open   int       // frames whose picture is also in memory, not yet known to be in the database
	cold   bool      // it has frames that only the disk knows: it must be read back
	active bool      // frames may still be added
}

// openSpool takes a folder and what a former process left in it. torn is how many bytes were cut off as never
// acknowledged.
func openSpool(dir string, most int64) (s *spool, torn int64, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, 0, fmt.Errorf("make spool folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, 0, fmt.Errorf("open spool: %w", err)
	}
	defer func() {
		if err != nil {
			lock.Close()
		}
	}()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, 0, fmt.Errorf("spool %s is in use by another ringbook: %w", dir, err)
	}
	s = &spool{dir: dir, max: most, lock: lock, next: 1}
	names, err := filepath.Glob(filepath.Join(dir, "*"+segmentExt))
	if err != nil {
		return nil, 0, fmt.Errorf("read spool: %w", err)
	}
	slices.Sort(names) // fixed width: by number
	for _, name := range names {
		var n uint64
		if _, err := fmt.Sscanf(strings.TrimSuffix(filepath.Base(name), segmentExt), "%d", &n); err != nil {
			continue // not ours
		}
		s.next = max(s.next, n+1)
		cut, err := s.adopt(name)
		if err != nil {
			return nil, 0, fmt.Errorf("read spool: %w", err)
		}
		torn += cut
	}
	return s, torn, nil
}

// adopt takes over a segment of a former process and cuts its torn tail.
func (s *spool) adopt(name string) (cut int64, err error) {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	good := int64(0)
	r := bufio.NewReaderSize(f, 1<<16)
	if readMagic(r) == nil {
		good = int64(len(spoolMagic))
		for {
			payload, err := readFrame(r)
			if err != nil {
				break
			}
			good += frameHeader + int64(len(payload))
		}
	}
	cut = info.Size() - good
	if good <= int64(len(spoolMagic)) {
		return cut, os.Remove(name)
	}
	if cut > 0 {
		if err := errors.Join(f.Truncate(good), f.Sync()); err != nil {
			return 0, err
		}
	}
	s.segments = append(s.segments, &segment{path: name, size: good, since: info.ModTime(), cold: true})
	s.bytes += good
	return cut, nil
}

func readMagic(r io.Reader) error {
	b := make([]byte, len(spoolMagic))
	if _, err := io.ReadFull(r, b); err != nil {
		return err
	}
	if string(b) != spoolMagic {
		return errors.New("not a spool segment")
	}
	return nil
}

// readFrame returns the next payload; an error at the end and at the first frame that is not whole.
func readFrame(r io.Reader) ([]byte, error) {
	var head [frameHeader]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 || n > frameMost {
		return nil, io.ErrUnexpectedEOF
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(r, payload); err != nil {
		return nil, err
	}
	if crc32.Checksum(payload, castagnoli) != binary.BigEndian.Uint32(head[4:]) {
		return nil, io.ErrUnexpectedEOF
	}
	return payload, nil
}

// append writes pictures down and returns when they are safe on disk, all or none. It blocks on the disk.
func (s *spool) append(pictures []picture) (*segment, error) {
	var frames []byte
	for i := range pictures {
		payload, err := json.Marshal(&pictures[i])
		if err != nil {
			return nil, fmt.Errorf("spool call %s: %w", pictures[i].Call.ID, err)
		}
		frames = binary.BigEndian.AppendUint32(frames, uint32(len(payload)))
		frames = binary.BigEndian.AppendUint32(frames, crc32.Checksum(payload, castagnoli))
		frames = append(frames, payload...)
	}

	s.io.Lock()
	defer s.io.Unlock()
	s.tidy()
	if s.active != nil && s.last().size > segmentBytes {
		s.seal()
	}
	s.mu.Lock()
	room := s.bytes+int64(len(frames)+len(spoolMagic)) <= s.max
	s.mu.Unlock()
	if !room {
		return nil, errSpoolFull
	}
	if s.active == nil {
		if err := s.begin(); err != nil {
			return nil, fmt.Errorf("begin spool segment: %w", err)
		}
	}
	g := s.last()
	_, err := s.active.WriteAt(frames, g.size)
	if err == nil {
		err = s.active.Sync()
	}
	if err != nil {
		// Nothing of this is acknowledged. A file whose sync failed is not to be trusted with more.
		_ = s.active.Truncate(g.size)
		s.seal()
		return nil, fmt.Errorf("write spool: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if g.size == int64(len(spoolMagic)) {
		g.since = time.Now()
	}
	g.size += int64(len(frames))
	s.bytes += int64(len(frames))
	g.open += len(pictures)
	return g, nil
}

// last is the newest segment. Its size changes only under s.io.
func (s *spool) last() *segment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.segments[len(s.segments)-1]
}

// begin makes a new active segment. Callers hold s.io.
func (s *spool) begin() error {
	name := filepath.Join(s.dir, fmt.Sprintf("%012d%s", s.next, segmentExt))
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(spoolMagic)
	if err == nil {
		err = syncFolder(s.dir)
	}
	if err != nil {
		f.Close()
		return errors.Join(err, os.Remove(name))
	}
	s.next++
	s.active = f
	s.mu.Lock()
	defer s.mu.Unlock()
	g := &segment{path: name, size: int64(len(spoolMagic)), since: time.Now(), active: true}
	s.segments = append(s.segments, g)
	s.bytes += g.size
	return nil
}

// seal ends the active segment: the next append begins another. Callers hold s.io.
func (s *spool) seal() {
	if s.active == nil {
		return
	}
	s.active.Close()
	s.active = nil
	g := s.last()
	s.mu.Lock()
	g.active = false
	s.mu.Unlock()
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// confirm says that a frame's picture is in the database. It does not touch the disk.
func (s *spool) confirm(g *segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g.open--
}

// leave says that a frame's picture is no longer in memory: it must be read back. It does not touch the disk.
func (s *spool) leave(g *segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g.open--
	g.cold = true
}

// free gives the room of what is in the database back to the disk.
func (s *spool) free() {
	s.io.Lock()
	defer s.io.Unlock()
	s.tidy()
}

// tidy is free. Whether a removal reaches the disk does not matter: what is read back twice is written once. Callers
// hold s.io.
func (s *spool) tidy() {
	var files []string
	empty := false
	s.mu.Lock()
	s.segments = slices.DeleteFunc(s.segments, func(g *segment) bool {
		if g.open > 0 || g.cold {
			return false
		}
		if g.active {
			empty = g.size > int64(len(spoolMagic))
			if empty {
				s.bytes -= g.size - int64(len(spoolMagic))
				g.size = int64(len(spoolMagic))
			}
			return false
		}
		files = append(files, g.path)
		s.bytes -= g.size
		return true
	})
	s.mu.Unlock()
	for _, name := range files {
		_ = os.Remove(name)
	}
	if empty && s.active.Truncate(int64(len(spoolMagic))) != nil {
		s.seal()
	}
}

// oldestCold is the segment to be read back next, sealed; nil: there is none.
func (s *spool) oldestCold() *segment {
	s.io.Lock()
	defer s.io.Unlock()
	s.mu.Lock()
	i := slices.IndexFunc(s.segments, func(g *segment) bool { return g.cold })
	var g *segment
	if i >= 0 {
		g = s.segments[i]
	}
	s.mu.Unlock()
	if g != nil && g.active {
		s.seal()
	}
	return g
}

// done says that all of a sealed segment is in the database.
func (s *spool) done(g *segment) {
	s.io.Lock()
	defer s.io.Unlock()
	s.mu.Lock()
	g.cold, g.open = false, 0
	s.mu.Unlock()
	s.tidy()
}

// forget leaves a segment where it is, for a person to look at; the next start tries it again.
func (s *spool) forget(g *segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g.cold = false
	s.segments = slices.DeleteFunc(s.segments, func(h *segment) bool { return h == g })
}

// state is the spool's size, the age of its oldest frame, and whether something must be read back.
func (s *spool) state(now time.Time) (bytes int64, age time.Duration, cold bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.segments {
		cold = cold || g.cold
		if g.size > int64(len(spoolMagic)) {
			bytes += g.size
			age = max(age, now.Sub(g.since))
		}
	}
	return bytes, age, cold
}

// close ends the use of the folder; what is in it stays.
func (s *spool) close() {
	s.io.Lock()
	defer s.io.Unlock()
	s.tidy()
	s.seal()
	s.lock.Close()
}

// reader reads a sealed segment back, in the order in which it was written.
type reader struct {
	segment *segment
	file    *os.File
	buf     *bufio.Reader
}

func openSegment(g *segment) (*reader, error) {
	f, err := os.Open(g.path)
	if err != nil {
		return nil, fmt.Errorf("read spool back: %w", err)
	}
	r := &reader{segment: g, file: f, buf: bufio.NewReaderSize(f, 1<<16)}
	if err := readMagic(r.buf); err != nil {
		f.Close()
		return nil, fmt.Errorf("read spool back: %s: %w", g.path, err)
	}
	return r, nil
}

// read returns at most n pictures; none at the end. bad counts frames that are whole but hold no picture.
func (r *reader) read(n int) (pictures []picture, bad int) {
	for len(pictures) < n {
		payload, err := readFrame(r.buf)
		if err != nil {
			return pictures, bad // the end: what was torn was cut when the spool was opened
		}
		var p picture
		if json.Unmarshal(payload, &p) != nil {
			bad++
			continue
		}
		pictures = append(pictures, p)
	}
	return pictures, bad
}

func (r *reader) close() { r.file.Close() }
