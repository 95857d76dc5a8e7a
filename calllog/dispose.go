package calllog

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ringbook/crm"
)

// dispose says how a call ended; uuid.Nil takes back what was said. What is offered of other queues only, or not any more,
// is refused, but what was said already may be said again.
func (s *Store) dispose(ctx context.Context, tx pgx.Tx, a crm.Actor, id, disposition uuid.UUID) error {
	var before *uuid.UUID
	var beforeName, name string
	if err := tx.QueryRow(ctx, `SELECT c.disposition_id, coalesce(d.name, '')
		FROM call c LEFT JOIN disposition d ON d.id = c.disposition_id WHERE c.id = $1`, id).Scan(&before, &beforeName); err != nil {
		return fmt.Errorf("read disposition: %w", err)
	}
	said := idOrNil(disposition)
	if before == said || before != nil && said != nil && *before == *said {
		return nil
	}
	word := ""
	if said != nil {
		var no int
		err := tx.QueryRow(ctx, `SELECT d.name, d.no FROM disposition d, call c WHERE d.id = $1 AND c.id = $2 AND d.archived_at IS NULL
			AND (d.queue_id IS NULL OR d.queue_id = c.queue_id)`, said, id).Scan(&name, &no)
		if errors.Is(err, pgx.ErrNoRows) {
			return crm.FieldErrors{{Field: "disposition_id", Problem: "is not offered for this call"}}
		}
		if err != nil {
			return fmt.Errorf("find disposition: %w", err)
		}
		word = " " + dispositionWord(no)
	}
	if _, err := tx.Exec(ctx, `UPDATE call SET disposition_id = $2, note_search = `+noteWords+` || $3 WHERE id = $1`, id, said, word); err != nil {
		return fmt.Errorf("save disposition: %w", err)
	}
	return crm.AuditTx(ctx, tx, a, "dispose", EventCall, id.String(), map[string]any{"disposition": [2]any{beforeName, name}})
}

// dispositionWord is the word by which calls with a disposition are found: six characters, which are a word whole, with a sign that
// no note's has. It stands among the words of the call's note.
func dispositionWord(no int) string { return fmt.Sprintf("=%05x", no) }

// Of call.note_search: the words of the note alone, and that of the disposition, which may be NULL.
const (
	noteWords = `regexp_replace(note_search, ' *=[0-9a-f]+', '', 'g')`
	saidWord  = `' ' || substring(note_search FROM '=[0-9a-f]+')`
)

// moveDisposition gives what was said of a call ($1) to the one that it became part of ($2), unless something was said of that.
// Done again it changes nothing.
const moveDisposition = `
WITH part AS (SELECT disposition_id, ` + saidWord + ` AS word FROM call WHERE id = $1 AND disposition_id IS NOT NULL),
moved AS (UPDATE call SET disposition_id = (SELECT disposition_id FROM part), note_search = note_search || (SELECT coalesce(word, '') FROM part)
	WHERE id = $2 AND disposition_id IS NULL AND EXISTS (SELECT FROM part) RETURNING id)
UPDATE call SET disposition_id = NULL, note_search = ` + noteWords + ` WHERE id = $1 AND EXISTS (SELECT FROM moved)`
