package calllog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/crm"
)

// ExportFormat is what kind of file an export is.
type ExportFormat string

const (
	ExportCSV  ExportFormat = "csv"
	ExportXLSX ExportFormat = "xlsx"
)

// Calendar is how an export writes days.
type Calendar string

const (
	CalendarJalali    Calendar = "jalali"
	CalendarGregorian Calendar = "gregorian"
)

// ExportState is how far an export has come:
//
//	ready ──► running ──► done
//	  │          ├──────► failed
//	  └──────────┴──────► cancelled
type ExportState string

const (
	ExportReady     ExportState = "ready"   // waits for its file to be fetched
	ExportRunning   ExportState = "running" // its file is being sent
	ExportDone      ExportState = "done"
	ExportFailed    ExportState = "failed"
	ExportCancelled ExportState = "cancelled"
)

// ExportProblem is why an export failed; empty: it did not.
type ExportProblem string

const (
	ExportNotFetched ExportProblem = "not_fetched" // nobody asked for the file
	ExportBroken     ExportProblem = "broken"      // who fetched it went away
	ExportStalled    ExportProblem = "stalled"     // who fetched it took nothing for a while
	ExportStopped    ExportProblem = "stopped"     // the node that sent it was shut down, or died
	ExportRevoked    ExportProblem = "revoked"     // who fetched it may not any more
	ExportDatabase   ExportProblem = "database"    // the database was away for too long
)

// Export is a list of calls that somebody takes out as a file. The file is sent while it is made, once, and kept nowhere.
type Export struct {
	ID        uuid.UUID     `json:"id"`
	AgentID   uuid.UUID     `json:"agent_id"`
	Agent     string        `json:"agent"` // that agent's name
	Format    ExportFormat  `json:"format"`
	Language  string        `json:"language" enum:"fa,en"`
	Calendar  Calendar      `json:"calendar"`
	Filter    Filter        `json:"filter"`
	State     ExportState   `json:"state"`
	Problem   ExportProblem `json:"problem"`
	Rows      int64         `json:"rows"`  // written so far
	Bytes     int64         `json:"bytes"` // of the file, so far
	Estimate  *int64        `json:"estimate" doc:"about how many rows there will be; null: unknown"`
	Exact     bool          `json:"exact" doc:"the estimate was counted when the export was made"`
	CreatedAt time.Time     `json:"created_at"`
	EndedAt   *time.Time    `json:"ended_at"`
}

// ExportInput is a new export.
type ExportInput struct {
	Format   ExportFormat
	Language string // "fa" or "en": of headings and words
	Calendar Calendar
	Filter   Filter // without Cursor and Limit
}

// ErrTooManyExports says that the actor, or everybody together, has as many exports under way as are allowed.
var ErrTooManyExports = errors.New("too many exports at once")

// ErrExportTaken says that the file of an export was fetched already.
var ErrExportTaken = errors.New("the file was fetched already")

const (
	exportsOwn    = 2 // ready or running, of one agent
	exportsAll    = 8 // of everybody
	exportsListed = 20
	exportFetch   = 5 * time.Minute  // a ready one waits so long for being fetched
	exportSilence = 20 * time.Second // a running one whose node says nothing for so long is dead
	exportKept    = 90 * 24 * time.Hour
)

const exportColumns = `e.id, e.agent_id, coalesce(g.name, ''), e.format, e.language, e.calendar, e.filter, e.state, e.problem, e.rows,
	e.bytes, e.estimate, e.exact, e.created_at, e.ended_at`

func scanExport(row pgx.CollectableRow) (e Export, err error) {
	err = row.Scan(&e.ID, &e.AgentID, &e.Agent, &e.Format, &e.Language, &e.Calendar, &e.Filter, &e.State, &e.Problem, &e.Rows,
		&e.Bytes, &e.Estimate, &e.Exact, &e.CreatedAt, &e.EndedAt)
	e.CreatedAt, e.EndedAt = millis(e.CreatedAt), millisOrNil(e.EndedAt)
	return e, err
}

// CreateExport prepares the export of the calls that Calls would list: the file is made while it is fetched. A fault in the
// input is a crm.FieldErrors.
func (s *Store) CreateExport(ctx context.Context, a crm.Actor, in ExportInput) (Export, error) {
	scope, err := exportScope(a, in.Filter)
	if err != nil {
		return Export{}, err
	}
	if err := s.checkExport(ctx, a, scope, in); err != nil {
		return Export{}, err
	}
	var about *int64
	estimate, err := s.Estimate(ctx, a, in.Filter)
	if err == nil {
		about = &estimate.Rows
	} else if ctx.Err() != nil {
		return Export{}, err
	} // else there is none: the file does not need it
	id, err := uuid.NewV7()
	if err != nil {
		return Export{}, err
	}
	err = s.db.InTx(ctx, func(tx pgx.Tx) error {
		// One after the other, so that the count is true.
		if _, err := tx.Exec(ctx, `LOCK TABLE export IN SHARE ROW EXCLUSIVE MODE`); err != nil {
			return err
		}
		if err := buryExports(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM export WHERE created_at < now() - $1::interval`, exportKept); err != nil {
			return err
		}
		var own, all int
		err := tx.QueryRow(ctx, `SELECT count(*) FILTER (WHERE agent_id = $1), count(*) FROM export WHERE ended_at IS NULL`, a.AgentID).
			Scan(&own, &all)
		if err != nil {
			return err
		}
		if own >= exportsOwn || all >= exportsAll {
			return ErrTooManyExports
		}
		_, err = tx.Exec(ctx, `INSERT INTO export (id, agent_id, format, language, calendar, filter, state, estimate, exact)
			VALUES ($1, $2, $3, $4, $5, $6, 'ready', $7, $8)`, id, a.AgentID, in.Format, in.Language, in.Calendar, in.Filter, about, estimate.Exact)
		if err != nil {
			return err
		}
		return crm.AuditTx(ctx, tx, a, "create", "export", id.String(), map[string]any{"format": in.Format, "filter": in.Filter})
	})
	if err != nil {
		return Export{}, fmt.Errorf("create export: %w", err)
	}
	return s.Export(ctx, a, id)
}

// exportScope is whose calls the actor may take out: those of Calls.
func exportScope(a crm.Actor, f Filter) (crm.Scope, error) {
	if !a.Can(crm.CallsExport) {
		return crm.ScopeNone, fmt.Errorf("export calls: %w", crm.ErrForbidden)
	}
	return listScope(a, f)
}

func (s *Store) checkExport(ctx context.Context, a crm.Actor, scope crm.Scope, in ExportInput) error {
	var faults crm.FieldErrors
	one := func(field string, ok bool) {
		if !ok {
			faults = append(faults, crm.FieldError{Field: field, Problem: "is none of the choices"})
		}
	}
	one("format", in.Format == ExportCSV || in.Format == ExportXLSX)
	one("language", in.Language == "fa" || in.Language == "en")
	one("calendar", in.Calendar == CalendarJalali || in.Calendar == CalendarGregorian)
	in.Filter.Cursor, in.Filter.Limit = "", 0
	_, err := s.list(ctx, a, scope, in.Filter)
	if wrong, ok := errors.AsType[crm.FieldErrors](err); ok {
		for _, f := range wrong {
			faults = append(faults, crm.FieldError{Field: "filter." + f.Field, Problem: f.Problem})
		}
	} else if err != nil {
		return err
	}
	if faults != nil {
		return faults
	}
	return nil
}

// buryExports ends those that nobody fetched and those whose node has died.
func buryExports(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `
		UPDATE export SET state = 'failed', problem = CASE state WHEN 'ready' THEN $3 ELSE $4 END, ended_at = now()
		 WHERE ended_at IS NULL AND beat_at < now() - CASE state WHEN 'ready' THEN $1::interval ELSE $2::interval END
		RETURNING id, rows, problem`, exportFetch, exportSilence, ExportNotFetched, ExportStopped)
	if err != nil {
		return err
	}
	type dead struct {
		ID      uuid.UUID
		Rows    int64
		Problem ExportProblem
	}
	buried, err := pgx.CollectRows(rows, pgx.RowToStructByPos[dead])
	if err != nil {
		return err
	}
	for _, d := range buried {
		if err := auditExport(ctx, tx, crm.System, d.ID, ExportFailed, d.Problem, d.Rows); err != nil {
			return err
		}
	}
	return nil
}

// auditExport keeps for ever how many calls an export has told, and how it ended.
func auditExport(ctx context.Context, tx pgx.Tx, a crm.Actor, id uuid.UUID, state ExportState, problem ExportProblem, rows int64) error {
	return crm.AuditTx(ctx, tx, a, "end", "export", id.String(), map[string]any{"state": state, "problem": problem, "rows": rows})
}

// Exports are the actor's last 20, the newest first; with crm.AuditRead everybody's, if they are asked for.
func (s *Store) Exports(ctx context.Context, a crm.Actor, everybody bool) ([]Export, error) {
	if everybody {
		if err := a.Require(crm.AuditRead); err != nil {
			return nil, fmt.Errorf("list exports: %w", err)
		}
	}
	return s.exports(ctx, `$1 OR e.agent_id = $2`, everybody, a.AgentID)
}

// Export is one of the actor's own.
func (s *Store) Export(ctx context.Context, a crm.Actor, id uuid.UUID) (Export, error) {
	list, err := s.exports(ctx, `e.id = $1 AND e.agent_id = $2`, id, a.AgentID)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("export %s: %w", id, crm.ErrNotFound)
	}
	if err != nil {
		return Export{}, err
	}
	return list[0], nil
}

func (s *Store) exports(ctx context.Context, where string, args ...any) ([]Export, error) {
	var list []Export
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		if err := buryExports(ctx, tx); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, fmt.Sprintf(`SELECT %s FROM export e LEFT JOIN agent g ON g.id = e.agent_id
			WHERE %s ORDER BY e.created_at DESC, e.id DESC LIMIT %d`, exportColumns, where, exportsListed), args...)
		if err != nil {
			return err
		}
		list, err = pgx.CollectRows(rows, scanExport)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read exports: %w", err)
	}
	return list, nil
}

// CancelExport ends one of the actor's own, on whatever node it runs, within a second. One that has ended stays as it is.
func (s *Store) CancelExport(ctx context.Context, a crm.Actor, id uuid.UUID) (Export, error) {
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		var was ExportState
		err := tx.QueryRow(ctx, `SELECT state FROM export WHERE id = $1 AND agent_id = $2 FOR UPDATE`, id, a.AgentID).Scan(&was)
		if errors.Is(err, pgx.ErrNoRows) {
			return crm.ErrNotFound
		}
		if err != nil || was != ExportReady && was != ExportRunning {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE export SET state = 'cancelled', ended_at = now() WHERE id = $1`, id); err != nil {
			return err
		}
		// One that runs is audited by who sends it, who knows how much was sent.
		if was == ExportRunning {
			return nil
		}
		return auditExport(ctx, tx, a, id, ExportCancelled, "", 0)
	})
	if err != nil {
		return Export{}, fmt.Errorf("cancel export %s: %w", id, err)
	}
	return s.Export(ctx, a, id)
}
