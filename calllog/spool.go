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

	mu       sync.Mutex
	segments []*segment // oldest first; the last may be active
	active   *os.File   // of the last segment; nil: the next append begins a new one
	next     uint64     // number of the next segment
	bytes    int64      // of all segments
}

// segment is one file of a spool. Guarded by spool.mu.
type segment struct {
	path  string
	size  int64
	since time.Time // of its oldest frame
	open  int       // frames whose picture is also in memory, not yet known to be in the database
	cold  bool      // it has frames that only the disk knows: it must be read back
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

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes+int64(len(frames))+int64(len(spoolMagic)) > s.max {
		return nil, errSpoolFull
	}
	if s.active != nil && s.last().size > segmentBytes {
		s.seal()
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
	if g.size == int64(len(spoolMagic)) {
		g.since = time.Now()
	}
	g.size += int64(len(frames))
	s.bytes += int64(len(frames))
	g.open += len(pictures)
	return g, nil
}

func (s *spool) last() *segment { return s.segments[len(s.segments)-1] }

// begin makes a new active segment. Callers hold s.mu.
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
	g := &segment{path: name, size: int64(len(spoolMagic)), since: time.Now()}
	s.segments = append(s.segments, g)
	s.bytes += g.size
	s.active = f
	return nil
}

// seal ends the active segment: the next append begins another. Callers hold s.mu.
func (s *spool) seal() {
	if s.active != nil {
		s.active.Close()
		s.active = nil
		s.settle(s.last())
	}
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// confirm says that a frame's picture is in the database.
func (s *spool) confirm(g *segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g.open--
	s.settle(g)
}

// leave says that a frame's picture is no longer in memory: it must be read back from disk.
func (s *spool) leave(g *segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g.open--
	g.cold = true
}

// settle frees a segment of which nothing is needed any more. Callers hold s.mu.
func (s *spool) settle(g *segment) {
	if g.open > 0 || g.cold {
		return
	}
	if s.active != nil && g == s.last() {
		// Whether the cut reaches the disk does not matter: what is read back twice is written once.
		if g.size > int64(len(spoolMagic)) && s.active.Truncate(int64(len(spoolMagic))) == nil {
			s.bytes -= g.size - int64(len(spoolMagic))
			g.size = int64(len(spoolMagic))
		}
		return
	}
	s.remove(g)
}

// remove deletes a segment's file; again is fine. Callers hold s.mu.
func (s *spool) remove(g *segment) {
	i := slices.Index(s.segments, g)
	if i < 0 {
		return
	}
	s.segments = slices.Delete(s.segments, i, i+1)
	s.bytes -= g.size
	_ = os.Remove(g.path) // a file that stays is read back at the next start, and written once all the same
}

// oldestCold is the segment to be read back next, sealed; nil: there is none.
func (s *spool) oldestCold() *segment {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.segments {
		if g.cold {
			if s.active != nil && g == s.last() {
				s.seal()
			}
			return g
		}
	}
	return nil
}

// done says that all of a segment is in the database.
func (s *spool) done(g *segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g.cold = false
	s.remove(g)
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
	s.mu.Lock()
	defer s.mu.Unlock()
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
