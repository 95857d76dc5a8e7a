package calllog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"

	"ringbook/db"
)

// Kinds of the events that the table of follow-ups writes itself, whatever statement changes it, by a trigger.
const (
	EventAgenda  = "agenda"  // an owner has others than before: the id of an agent, of a team, or the zero id: anyone's
	EventPromise = "promise" // so has a customer, whose id it is, or a number, whose key it is
)

const (
	remindEvery  = time.Minute            // by a job, on one node
	remindTime   = 30 * time.Second       // that may take
	remindBatch  = 200                    // follow-ups moved in one transaction
	offerBatch   = 1000                   // offered in one transaction
	remindMost   = 10 * time.Second       // no node waits longer for what comes next: a clock may jump
	remindLeast  = 250 * time.Millisecond // nor looks more often
	remindRetry  = 5 * time.Second        // after a failure
	dialPatience = 30 * time.Second       // a dial that is under way for longer is looked after
	dialLost     = 10 * time.Minute       // one of which the log has no call by then never was one
)

// Reminders do what follow-ups do without anybody: they are offered when they are due, they expire, they pass to somebody else
// when their owner has left, and a dial whose node ended in the middle is brought to its end. Claims of them, and of missed
// calls, lapse when who has claimed does not call.
//
// All of it is one look at the table (Look), which only moves what has not been moved yet: any number of nodes may look at the
// same time, late, or again. A job looks once a minute, so that it happens whatever becomes of a node; besides, every node
// sleeps until the next one is due (Run), which makes it happen on time.
type Reminders struct {
	db    *db.DB
	hours Hours
	log   *slog.Logger
	wake  chan struct{} // capacity one
}

// NewReminders makes Reminders whose next tries fall on some hours. No I/O.
func NewReminders(d *db.DB, hours Hours, log *slog.Logger) *Reminders {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Reminders{db: d, hours: hours, log: log, wake: make(chan struct{}, 1)}
}

// RemindJob is the job of looking after the follow-ups, which one node does every minute.
type RemindJob struct{}

// Kind names the job in the database.
func (RemindJob) Kind() string { return "follow_up_reminders" }

// Schedule is when RemindJob is due: when a node has become the one that plans jobs, and every minute.
func (RemindJob) Schedule() *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(remindEvery), func() (river.JobArgs, *river.InsertOpts) {
		return RemindJob{}, &river.InsertOpts{MaxAttempts: 1, UniqueOpts: river.UniqueOpts{ByPeriod: remindEvery / 2}}
	}, &river.PeriodicJobOpts{RunOnStart: true})
}

// Worker is what does RemindJob.
func (r *Reminders) Worker() river.Worker[RemindJob] { return remindWorker{r: r} }

type remindWorker struct {
	river.WorkerDefaults[RemindJob]
	r *Reminders
}

func (w remindWorker) Timeout(*river.Job[RemindJob]) time.Duration { return remindTime }

func (w remindWorker) Work(ctx context.Context, _ *river.Job[RemindJob]) error {
	return w.r.Look(ctx, time.Now())
}

// Wake has Run look at once: follow-ups, agents or teams have changed. It does not block.
func (r *Reminders) Wake() { nudge(r.wake) }

// Run looks whenever something is due, until ctx ends; it returns nil. The database must be migrated.
func (r *Reminders) Run(ctx context.Context) error {
	failed := false
	for ctx.Err() == nil {
		wait, err := r.round(ctx)
		if err != nil {
			if !failed && ctx.Err() == nil {
				r.log.WarnContext(ctx, "nobody can be reminded of follow-ups; it is tried again", "err", err)
			}
			wait = remindRetry
		} else if failed {
			r.log.InfoContext(ctx, "follow-ups are looked after again")
		}
		failed = err != nil
		pause(ctx, remindLeast, nil)
		pause(ctx, wait-remindLeast, r.wake)
	}
	return nil
}

// round looks, and says how long there is time until the next look.
func (r *Reminders) round(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, remindTime)
	defer cancel()
	if err := r.Look(ctx, time.Now()); err != nil {
		return 0, err
	}
	var next *time.Time
	if err := r.db.Pool().QueryRow(ctx, `
		SELECT least((SELECT min(due_at) FROM follow_up WHERE offered_at IS NULL AND closed_at IS NULL),
			(SELECT min(until) FROM follow_up WHERE closed_at IS NULL AND until IS NOT NULL))`).Scan(&next); err != nil {
		return 0, fmt.Errorf("see which follow-up is due next: %w", err)
	}
	if next == nil {
		return remindMost, nil
	}
	return max(0, min(time.Until(*next), remindMost)), nil
}

// Look does what is to be done at a time. What it did stays done if it fails.
func (r *Reminders) Look(ctx context.Context, now time.Time) error {
	return errors.Join(
		r.repeat(ctx, "hand on the follow-ups of who has left", remindBatch, func(tx pgx.Tx) (int, error) { return r.inherit(ctx, tx) }),
		r.repeat(ctx, "let claims of follow-ups lapse", remindBatch, func(tx pgx.Tx) (int, error) { return r.lapseFollowUps(ctx, tx, now) }),
		r.repeat(ctx, "let claims of missed calls lapse", remindBatch, func(tx pgx.Tx) (int, error) { return r.lapseMissed(ctx, tx, now) }),
		r.repeat(ctx, "end dials of follow-ups", remindBatch, func(tx pgx.Tx) (int, error) { return r.endDials(ctx, tx, now) }),
		r.repeat(ctx, "let follow-ups expire", remindBatch, func(tx pgx.Tx) (int, error) { return r.expire(ctx, tx, now) }),
		r.repeat(ctx, "offer follow-ups", offerBatch, func(tx pgx.Tx) (int, error) { return r.offer(ctx, tx, now) }),
	)
}

// repeat does something in transactions of a batch each, until there is no whole batch.
func (r *Reminders) repeat(ctx context.Context, what string, batch int, do func(pgx.Tx) (int, error)) error {
	for {
		var n int
		if err := r.db.InTx(ctx, func(tx pgx.Tx) (err error) {
			n, err = do(tx)
			return err
		}); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if n < batch {
			return nil
		}
	}
}

// offer shows what is due, once: who is nearest to the desks is told by the table's events.
func (r *Reminders) offer(ctx context.Context, tx pgx.Tx, now time.Time) (int, error) {
	rows, err := tx.Query(ctx, `
		UPDATE follow_up SET offered_at = $1 WHERE id IN (
			SELECT id FROM follow_up WHERE closed_at IS NULL AND offered_at IS NULL AND due_at <= $1
			ORDER BY due_at, id LIMIT $2 FOR UPDATE SKIP LOCKED)
		RETURNING owner`, now, offerBatch)
	if err != nil {
		return 0, err
	}
	owners, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil || len(owners) == 0 {
		return 0, err
	}
	return len(owners), hurryTold(ctx, tx, owners[0])
}

// hurryTold makes the nodes look at once at what the table has told in this transaction.
func hurryTold(ctx context.Context, tx pgx.Tx, owner uuid.UUID) error {
	return db.Emit(ctx, tx, db.Event{Kind: EventAgenda, ID: owner.String()})
}

// expire closes the callbacks whose window is over. One that is being dialled may yet be reached.
func (r *Reminders) expire(ctx context.Context, tx pgx.Tx, now time.Time) (int, error) {
	rows, err := tx.Query(ctx, `
		SELECT id FROM follow_up WHERE closed_at IS NULL AND until <= $1 AND state <> 'dialling'
		ORDER BY until, id LIMIT $2 FOR UPDATE SKIP LOCKED`, now, remindBatch)
	if err != nil {
		return 0, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return 0, err
	}
	from := []FollowUpState{FollowUpDue, FollowUpClaimed, FollowUpNoAnswer, FollowUpRescheduled}
	for _, id := range ids {
		if _, err := moveFollowUp(ctx, tx, id, from, followUpMove{To: FollowUpExpired, What: "expired"}); err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}

// orphan is an open follow-up whose owner is archived, or in the hands of somebody who is.
type orphan struct {
	id, owner  uuid.UUID
	state      FollowUpState
	left       bool       // the owner has
	lead, team *uuid.UUID // who comes after; neither: anyone
}

// orphans are the ids of $1 of them. They are looked for by who has left, of whom there are few: of all other open follow-ups none
// is read.
const orphans = `
	(SELECT f.id FROM (SELECT id FROM agent WHERE archived_at IS NOT NULL UNION ALL SELECT id FROM team WHERE archived_at IS NOT NULL) o
		CROSS JOIN LATERAL (SELECT id FROM follow_up WHERE owner = o.id AND closed_at IS NULL AND state <> 'dialling' LIMIT $1) f)
	UNION (SELECT f.id FROM agent o
		CROSS JOIN LATERAL (SELECT id FROM follow_up WHERE claimed_by = o.id AND state = 'claimed' LIMIT $1) f
		WHERE o.archived_at IS NOT NULL)
	LIMIT $1`

// inherit gives the follow-ups of archived agents to whoever leads the team, else to the team, else to anyone; those of an
// archived team to anyone; and takes what archived agents have claimed out of their hands.
func (r *Reminders) inherit(ctx context.Context, tx pgx.Tx) (int, error) {
	rows, err := tx.Query(ctx, orphans, remindBatch)
	if err != nil {
		return 0, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	rows, err = tx.Query(ctx, `
		SELECT f.id, f.owner, f.state, a.archived_at IS NOT NULL OR o.archived_at IS NOT NULL,
			(SELECT l.id FROM team_supervisor s JOIN agent l ON l.id = s.agent_id AND l.archived_at IS NULL
			 WHERE s.team_id = a.team_id ORDER BY l.name, l.id LIMIT 1),
			(SELECT t.id FROM team t WHERE t.id = a.team_id AND t.archived_at IS NULL)
		FROM follow_up f LEFT JOIN agent a ON a.id = f.assignee_id LEFT JOIN team o ON o.id = f.team_id
		WHERE f.id = ANY ($1) AND f.closed_at IS NULL AND f.state <> 'dialling' AND (
			f.owner IN (SELECT id FROM agent WHERE archived_at IS NOT NULL UNION ALL SELECT id FROM team WHERE archived_at IS NOT NULL)
			OR f.claimed_by IN (SELECT id FROM agent WHERE archived_at IS NOT NULL))
		ORDER BY f.id FOR UPDATE OF f SKIP LOCKED`, ids)
	if err != nil {
		return 0, err
	}
	left, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (o orphan, err error) {
		return o, row.Scan(&o.id, &o.owner, &o.state, &o.left, &o.lead, &o.team)
	})
	if err != nil {
		return 0, err
	}
	for _, o := range left {
		if o.state == FollowUpClaimed {
			if _, err := moveFollowUp(ctx, tx, o.id, []FollowUpState{FollowUpClaimed}, followUpMove{To: FollowUpDue, What: "released"}); err != nil {
				return 0, err
			}
			o.state = FollowUpDue
		}
		if !o.left {
			continue
		}
		heir := "anyone"
		if o.lead != nil {
			heir, o.team = o.lead.String(), nil
		} else if o.team != nil {
			heir = o.team.String()
		}
		if _, err := tx.Exec(ctx, `
			UPDATE follow_up SET assignee_id = $2, team_id = $3, version = version + 1, updated_at = clock_timestamp() WHERE id = $1`,
			o.id, o.lead, o.team); err != nil {
			return 0, err
		}
		if err := noteFollowUp(ctx, tx, o.id, nil, o.state, "inherited", map[string]any{"owner": [2]any{o.owner, heir}}); err != nil {
			return 0, err
		}
	}
	if len(left) > 0 {
		r.log.InfoContext(ctx, "follow-ups of who has left were handed on", "follow_ups", len(left))
	}
	return len(left), nil
}

// nextTry proposes when somebody who did not answer is tried again: in an hour, within the hours, and before the end of the window.
func nextTry(now time.Time, until *time.Time, hours Hours) time.Time {
	next := hours.next(now.Add(time.Hour))
	if until != nil && !next.Before(*until) {
		next = now.Add(until.Sub(now) / 2) // while there is time
	}
	return latest(next, now)
}
