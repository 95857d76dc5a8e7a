-- +goose Up

-- dialling: the rules by which agents may dial from the screen, as the administrator last saved them. No row: as ringbook
-- brings them. One row at the most.
CREATE TABLE dialling (
	one            boolean     PRIMARY KEY DEFAULT true CHECK (one),
	rules          jsonb       NOT NULL,
	otherwise      boolean     NOT NULL,
	per_minute     integer     NOT NULL,
	per_minute_pbx integer     NOT NULL,
	version        integer     NOT NULL DEFAULT 1,
	updated_at     timestamptz NOT NULL DEFAULT now(),
	updated_by     text        NOT NULL
);

-- dial_attempt: every call that somebody wanted to place from the screen. The row comes first, then the exchange is asked:
-- whoever inserts it is the one who asks, on any number of nodes. Written by calllog.Acts.
CREATE TABLE dial_attempt (
	id           uuid        PRIMARY KEY, -- chosen by the client; the channel's id is made of it
	agent_id     uuid        NOT NULL,
	pbx          text        NOT NULL,    -- empty: refused before one was chosen
	extension    text        NOT NULL,
	number       text        NOT NULL,    -- the number's key
	dialled      text        NOT NULL,    -- what the exchange was given
	customer_id  uuid,                    -- for whom it was started,
	from_call_id uuid,                    -- from which call,
	follow_up_id uuid,                    -- or which follow-up
	state        text        NOT NULL CHECK (state IN ('placing', 'placed', 'refused')),
	code         text        NOT NULL DEFAULT '', -- why it was refused
	call_id      uuid,                    -- once placed
	created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
	settled_at   timestamptz
);
CREATE INDEX dial_attempt_agent ON dial_attempt (agent_id, created_at DESC);
CREATE INDEX dial_attempt_pbx   ON dial_attempt (pbx, created_at DESC);
CREATE INDEX dial_attempt_call  ON dial_attempt (call_id) WHERE call_id IS NOT NULL;
-- An agent has one attempt at a time that the exchange has not answered.
CREATE UNIQUE INDEX dial_attempt_placing ON dial_attempt (agent_id) WHERE state = 'placing';
