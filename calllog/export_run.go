package calllog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/crm"
)

// Causes for which who sends a file ends it (ExportRun.Send).
var (
	ErrExportStopped = errors.New("the node is being shut down")
	errRevoked       = errors.New("not allowed any more")
	errEnded         = errors.New("the export was ended elsewhere")
)

const (
	exportBeat     = time.Second      // between two words on how far it is
	exportPatience = 20 * time.Second // the database may be away for so long
	exportQuery    = 20 * time.Second // one batch
)

// ExportRun is an export whose file is being sent, by this node and to one reader.
type ExportRun struct {
	Export
	store *Store
	actor crm.Actor
	scope crm.Scope
	most  int // rows of a sheet
	rows  atomic.Int64
	bytes atomic.Int64
}

// StartExport takes the file of one of the actor's own exports: ErrExportTaken if it was taken before, or is over. Whoever gets
// it calls Send.
func (s *Store) StartExport(ctx context.Context, a crm.Actor, id uuid.UUID, node string) (*ExportRun, error) {
	e, err := s.Export(ctx, a, id)
	if err != nil {
		return nil, err
	}
	scope, err := exportScope(a, e.Filter)
	if err != nil {
		return nil, err
	}
	tag, err := s.db.Pool().Exec(ctx, `UPDATE export SET state = 'running', node = $2, beat_at = now() WHERE id = $1 AND state = 'ready'`, id, node)
	if err != nil {
		return nil, fmt.Errorf("start export %s: %w", id, err)
	}
	if tag.RowsAffected() == 0 {
		return nil, fmt.Errorf("start export %s: %w", id, ErrExportTaken)
	}
	e.State = ExportRunning
	return &ExportRun{Export: e, store: s, actor: a, scope: scope, most: sheetRows}, nil
}

// FileName is that under which the file is kept, in ASCII: of the day in the reader's calendar.
func (r *ExportRun) FileName(zone *time.Location) string {
	day := []byte(dayText(r.CreatedAt.In(zone), r.Calendar))
	for i, c := range day {
		if c == '/' {
			day[i] = '-'
		}
	}
	return "ringbook-calls-" + string(day) + "." + string(r.Format)
}

// ExportReader is who fetches a file.
type ExportReader struct {
	W         io.Writer
	Interrupt func()                     // makes a Write that waits return at once, and all later ones
	May       func(context.Context) bool // asked every second: still may have the calls
	Zone      *time.Location             // of days and times
	Log       *slog.Logger
}

// Send writes the file while it reads the calls, and keeps what became of it. It blocks until all is written, or the export is
// cancelled, ctx ends (its cause ErrExportStopped says why), a Write fails, or the reader may not any more. The file is whole if
// and only if the error is nil.
func (r *ExportRun) Send(ctx context.Context, to ExportReader) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	interrupted := context.AfterFunc(ctx, to.Interrupt)
	out := &exportWriter{w: to.W, count: &r.bytes}
	var beating sync.WaitGroup
	beating.Go(func() { r.beat(ctx, cancel, to.May) })
	err := r.write(ctx, out, to.Zone)
	interrupted() // no more
	cause := context.Cause(ctx)
	cancel(nil)
	beating.Wait()

	state, problem := ExportFailed, ExportDatabase
	switch {
	case err == nil:
		state, problem = ExportDone, ""
	case errors.Is(cause, errEnded):
		state, problem = ExportCancelled, ""
	case errors.Is(cause, errRevoked):
		problem = ExportRevoked
	case errors.Is(cause, ErrExportStopped):
		problem = ExportStopped
	case errors.Is(out.failed, os.ErrDeadlineExceeded):
		problem = ExportStalled
	case out.failed != nil || cause != nil:
		problem = ExportBroken
	}
	kept, keeping := r.end(ctx, state, problem)
	switch {
	case keeping != nil:
		to.Log.WarnContext(ctx, "what became of an export cannot be kept", "export", r.ID, "err", keeping)
	case err == nil && kept != state:
		err = errEnded // elsewhere, since the last beat
	}
	to.Log.InfoContext(ctx, "export ended", "export", r.ID, "agent", r.AgentID, "state", cmp.Or(kept, state), "problem", problem, "rows", r.rows.Load(), "bytes", r.bytes.Load())
	return err
}

// beat says every second how far it is, so that any node can tell, and notices that it is to end.
func (r *ExportRun) beat(ctx context.Context, cancel context.CancelCauseFunc, may func(context.Context) bool) {
	tick := time.NewTicker(exportBeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		tag, err := r.store.db.Pool().Exec(ctx, `UPDATE export SET rows = $2, bytes = $3, beat_at = now() WHERE id = $1 AND state = 'running'`,
			r.ID, r.rows.Load(), r.bytes.Load())
		switch {
		case err != nil: // the batches notice it, too
		case tag.RowsAffected() == 0:
			cancel(errEnded)
		case !may(ctx) && ctx.Err() == nil:
			cancel(errRevoked)
		}
	}
}

// end keeps what became of it. One that was cancelled, or given up for dead, stays that.
func (r *ExportRun) end(ctx context.Context, state ExportState, problem ExportProblem) (kept ExportState, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err = r.store.db.InTx(ctx, func(tx pgx.Tx) error {
		var why ExportProblem
		err := tx.QueryRow(ctx, `
			UPDATE export SET rows = $2, bytes = $3, ended_at = coalesce(ended_at, now()),
				state = CASE state WHEN 'running' THEN $4 ELSE state END, problem = CASE state WHEN 'running' THEN $5 ELSE problem END
			 WHERE id = $1 RETURNING state, problem`, r.ID, r.rows.Load(), r.bytes.Load(), state, problem).Scan(&kept, &why)
		if err != nil {
			return err
		}
		return auditExport(ctx, tx, r.actor, r.ID, kept, why, r.rows.Load())
	})
	return kept, err
}

// batch is some calls that were read, or why they were not.
type batch struct {
	rows []exportRow
	err  error
}

// write makes the file. While a batch is written the next one is read.
func (r *ExportRun) write(ctx context.Context, w io.Writer, zone *time.Location) error {
	form := newExportForm(r.Language, r.Calendar, zone)
	file, err := r.newFile(w, form)
	if err != nil {
		return err
	}
	reading, stop := context.WithCancel(ctx)
	batches := make(chan batch)
	var reader sync.WaitGroup
	reader.Go(func() { r.read(reading, batches) })
	defer reader.Wait()
	defer stop()
	var cells []cell
	for b := range batches {
		if b.err != nil {
			return b.err
		}
		for i := range b.rows {
			cells = form.cells(cells, &b.rows[i])
			if err := file.row(cells); err != nil {
				return err
			}
			r.rows.Add(1)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return file.close()
}

func (r *ExportRun) newFile(w io.Writer, form *exportForm) (exportFile, error) {
	if r.Format == ExportXLSX {
		return newXLSXFile(w, form.headings(), form.words["calls.title"], r.Language == "fa", r.most)
	}
	return newCSVFile(w, form.headings())
}

// read sends batch after batch, and closes the channel after the last one or the first failure.
func (r *ExportRun) read(ctx context.Context, batches chan<- batch) {
	defer close(batches)
	f := r.Filter
	for {
		rows, next, err := r.readBatch(ctx, f)
		select {
		case batches <- batch{rows, err}:
		case <-ctx.Done():
			return
		}
		if err != nil || next == nil {
			return
		}
		f.Cursor = *next
	}
}

// readBatch reads one; while the database is away it tries again, for a while.
func (r *ExportRun) readBatch(ctx context.Context, f Filter) (rows []exportRow, next *string, err error) {
	began := time.Now()
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		asking, cancel := context.WithTimeout(ctx, exportQuery)
		rows, next, err = r.store.exportRows(asking, r.actor, r.scope, f)
		cancel()
		if err == nil || ctx.Err() != nil || time.Since(began) > exportPatience {
			return rows, next, err
		}
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// exportWriter counts what it writes, and remembers that it could not.
type exportWriter struct {
	w      io.Writer
	count  *atomic.Int64
	failed error
}

func (w *exportWriter) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	w.count.Add(int64(n))
	if err != nil {
		w.failed = err
	}
	return n, err
}
