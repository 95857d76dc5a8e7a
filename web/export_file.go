package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"ringbook/calllog"
	"ringbook/crm"
)

// Types of the files.
const (
	typeCSV  = "text/csv; charset=utf-8"
	typeXLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
)

const (
	filePiece    = 32 << 10         // bytes that a reader must take
	fileStall    = 30 * time.Second // in this time
	fileFarewell = 5 * time.Second  // a file may still end, when the program is about to
)

// files are the exports that are being sent. Run ends them.
type files struct {
	mu      sync.Mutex
	closed  bool
	closing chan struct{} // closed when no more may begin
	sending sync.WaitGroup

	stall, farewell time.Duration // fileStall, fileFarewell; a test shortens them
}

func (f *files) begin() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.sending.Add(1)
	return true
}

// shut lets no more begin, and waits for the others, which have a moment to end.
func (f *files) shut() {
	f.mu.Lock()
	if !f.closed {
		f.closed = true
		close(f.closing)
	}
	f.mu.Unlock()
	f.sending.Wait()
}

// exportFile sends the file of an export, for as long as that takes: it must go on, but may go on for hours.
func (s *Server) exportFile(w http.ResponseWriter, r *http.Request) {
	if !s.files.begin() {
		writeProblem(w, http.StatusServiceUnavailable, "ringbook is shutting down. Try again in a moment.")
		return
	}
	defer s.files.sending.Done()
	asking, done := context.WithTimeout(r.Context(), patience)
	defer done()
	run, actor, err := s.startExport(asking, r)
	if err != nil {
		write(w, s.problem(asking, r.Method, err))
		return
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	go func() {
		select {
		case <-ctx.Done():
			return
		case <-s.files.closing:
		}
		select {
		case <-ctx.Done():
		case <-time.After(s.files.farewell):
			cancel(calllog.ErrExportStopped)
		}
	}()

	h := w.Header()
	h.Set("Content-Type", map[calllog.ExportFormat]string{calllog.ExportCSV: typeCSV, calllog.ExportXLSX: typeXLSX}[run.Format])
	h.Set("Content-Disposition", "attachment; filename="+strconv.Quote(run.FileName(s.Zone)))
	h.Set("X-Accel-Buffering", "no") // nginx: what is cut here is cut there
	h.Set("Accept-Ranges", "none")
	control := http.NewResponseController(w)
	out := &fileWriter{w: w, control: control, stall: s.files.stall}
	w.WriteHeader(http.StatusOK)
	_ = control.Flush()
	err = run.Send(ctx, calllog.ExportReader{W: out, Interrupt: out.interrupt, May: s.stillMay(r, actor), Zone: s.Zone, Log: s.Log})
	if err != nil {
		panic(http.ErrAbortHandler) // the file must not look whole
	}
	_ = control.SetWriteDeadline(time.Time{}) // the connection lives on
}

// startExport is what authorize and an operation do for the others.
func (s *Server) startExport(ctx context.Context, r *http.Request) (*calllog.ExportRun, crm.Actor, error) {
	id, err := s.authenticate(r.WithContext(ctx))
	if err != nil {
		return nil, id.actor, err
	}
	if !id.actor.Can(crm.CallsExport) {
		return nil, id.actor, crm.ErrForbidden
	}
	export, err := uuid.Parse(chi.URLParam(r, "id"))
	if err != nil {
		return nil, id.actor, crm.ErrNotFound
	}
	run, err := s.Calls.StartExport(ctx, id.actor, export, s.Node)
	return run, id.actor, err
}

// stillMay tells whether the session or token of the request is still there, and may see the calls that it might at first.
func (s *Server) stillMay(r *http.Request, first crm.Actor) func(context.Context) bool {
	return func(ctx context.Context) bool {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		id, err := s.authenticate(r.WithContext(ctx))
		if err != nil { // another error says that it cannot be told at the moment
			return !errors.Is(err, errNoSession)
		}
		return id.actor.Role == first.Role && slices.Equal(id.actor.Teams, first.Teams)
	}
}

// fileWriter writes to a reader who must take each piece in time.
type fileWriter struct {
	w       io.Writer
	control *http.ResponseController
	stall   time.Duration
	ended   atomic.Bool
}

// interrupt ends the Write that waits, and all later ones.
func (f *fileWriter) interrupt() {
	f.ended.Store(true)
	_ = f.control.SetWriteDeadline(time.Unix(1, 0))
}

func (f *fileWriter) Write(p []byte) (n int, err error) {
	for len(p) > 0 && err == nil {
		piece := p[:min(len(p), filePiece)]
		if err := f.control.SetWriteDeadline(time.Now().Add(f.stall)); err != nil {
			return n, err
		}
		if f.ended.Load() { // and the deadline that said so has just been put off
			return n, context.Canceled
		}
		began := time.Now()
		var m int
		m, err = f.w.Write(piece)
		n, p = n+m, p[m:]
		if errors.Is(err, os.ErrDeadlineExceeded) && time.Since(began) < f.stall {
			err = context.Canceled // it was interrupted
		}
	}
	return n, err
}
