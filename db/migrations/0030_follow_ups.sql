-- +goose Up

-- follow_up: something to be done later: a task, or a callback, which is one with a number. It is an agent's (assignee_id), a
-- team's (team_id), or anyone's (neither). Written by calllog.FollowUps; the moves between states are in followup_state.go.
CREATE TABLE follow_up (
	id           uuid        PRIMARY KEY,
	kind         text        NOT NULL CHECK (kind IN ('task', 'callback')),
	title        text        NOT NULL,
	note         text        NOT NULL DEFAULT '',
	priority     smallint    NOT NULL DEFAULT 1, -- 0 low, 1 normal, 2 high
	state        text        NOT NULL,
	assignee_id  uuid        REFERENCES agent,
	team_id      uuid        REFERENCES team,
	-- whose it is, as one value: of the agent, or the team, or nobody's
	owner        uuid        NOT NULL GENERATED ALWAYS AS (coalesce(assignee_id, team_id, '00000000-0000-0000-0000-000000000000')) STORED,
	claimed_by   uuid        REFERENCES agent,   -- whose hands it is in, while it is claimed or dialled
	claimed_at   timestamptz,
	number       text        NOT NULL DEFAULT '', -- of a callback: its key, E.164 where it has one
	number_raw   text        NOT NULL DEFAULT '', -- as it was written
	due_at       timestamptz NOT NULL,
	until        timestamptz,                    -- end of a callback's window; not reached by then, it expires
	offered_at   timestamptz,                    -- first shown as due, for this due_at
	customer_id  uuid        REFERENCES customer,
	call_id      uuid,                           -- of which it came
	attempt_id   uuid,                           -- the dial that is under way (dial_attempt)
	tries        integer     NOT NULL DEFAULT 0, -- how often it was dialled
	last_call_id uuid,                           -- that it was last dialled with, or that closed it
	search       text        NOT NULL,           -- folded words of title, note and number
	made_by      uuid        REFERENCES agent,   -- NULL: ringbook itself
	created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
	updated_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
	closed_at    timestamptz,
	closed_by    uuid        REFERENCES agent,   -- NULL: it is open, or ringbook itself did
	version      integer     NOT NULL DEFAULT 1,
	CONSTRAINT follow_up_owner   CHECK (assignee_id IS NULL OR team_id IS NULL),
	CONSTRAINT follow_up_state   CHECK (state IN ('due', 'claimed', 'dialling', 'no_answer', 'rescheduled', 'reached', 'done', 'expired', 'cancelled')),
	CONSTRAINT follow_up_closed  CHECK ((closed_at IS NOT NULL) = (state IN ('reached', 'done', 'expired', 'cancelled')) AND (closed_by IS NULL OR closed_at IS NOT NULL)),
	CONSTRAINT follow_up_claimed CHECK ((claimed_by IS NOT NULL) = (state IN ('claimed', 'dialling')) AND (claimed_by IS NULL) = (claimed_at IS NULL)),
	CONSTRAINT follow_up_dialled CHECK ((attempt_id IS NOT NULL) = (state = 'dialling'))
);
-- The open ones of an owner, of whoever has claimed them, and of all, by when they are due; and by state, for what is rare.
CREATE INDEX follow_up_owner_due    ON follow_up (owner, due_at, id) WHERE closed_at IS NULL;
CREATE INDEX follow_up_claimed_due  ON follow_up (claimed_by, due_at, id) WHERE claimed_by IS NOT NULL;
CREATE INDEX follow_up_due          ON follow_up (due_at, id) WHERE closed_at IS NULL;
CREATE INDEX follow_up_state_due    ON follow_up (state, due_at, id) WHERE closed_at IS NULL;
CREATE INDEX follow_up_until        ON follow_up (until) WHERE closed_at IS NULL AND until IS NOT NULL;
-- The closed ones likewise, newest first.
CREATE INDEX follow_up_owner_closed ON follow_up (owner, closed_at DESC, id DESC) WHERE closed_at IS NOT NULL;
CREATE INDEX follow_up_closed_by    ON follow_up (closed_by, closed_at DESC, id DESC) WHERE closed_by IS NOT NULL;
CREATE INDEX follow_up_closed       ON follow_up (closed_at DESC, id DESC) WHERE closed_at IS NOT NULL;
CREATE INDEX follow_up_state_closed ON follow_up (state, closed_at DESC, id DESC) WHERE closed_at IS NOT NULL;
-- Of a customer, a number, a call; that which is being dialled.
CREATE INDEX follow_up_customer     ON follow_up (customer_id, due_at) WHERE customer_id IS NOT NULL;
CREATE INDEX follow_up_number       ON follow_up (number, due_at) WHERE closed_at IS NULL AND number <> '';
CREATE INDEX follow_up_call         ON follow_up (call_id) WHERE call_id IS NOT NULL;
CREATE UNIQUE INDEX follow_up_attempt ON follow_up (attempt_id) WHERE attempt_id IS NOT NULL;
CREATE INDEX follow_up_search       ON follow_up USING gin (search gin_trgm_ops);

-- follow_up_change: all that was ever done to a follow-up: its history and its audit.
CREATE TABLE follow_up_change (
	id           bigint      GENERATED ALWAYS AS IDENTITY,
	follow_up_id uuid        NOT NULL REFERENCES follow_up ON DELETE CASCADE,
	at           timestamptz NOT NULL DEFAULT clock_timestamp(),
	by           uuid,                          -- NULL: ringbook itself
	state        text        NOT NULL,          -- after it
	what         text        NOT NULL,          -- "made", "changed", "claimed", "dialled", …
	detail       jsonb       NOT NULL DEFAULT '{}', -- of a change: field → [before, after]
	PRIMARY KEY (follow_up_id, id)
);
