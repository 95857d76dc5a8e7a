-- +goose Up

-- pause_reason: why an agent may pause, as an administrator words it. Archived, never deleted: what was chosen stays told.
CREATE TABLE pause_reason (
	id          uuid        PRIMARY KEY,
	label       text        NOT NULL,
	label_en    text        NOT NULL DEFAULT '', -- in English; empty: label serves
	version     integer     NOT NULL DEFAULT 1,
	archived_at timestamptz,
	created_at  timestamptz NOT NULL DEFAULT now(),
	updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX pause_reason_label ON pause_reason (lower(label)) WHERE archived_at IS NULL;

INSERT INTO pause_reason (id, label, label_en) VALUES
	('01890000-0000-7000-8000-000000000001', 'استراحت', 'Break'),
	('01890000-0000-7000-8000-000000000002', 'ناهار', 'Lunch'),
	('01890000-0000-7000-8000-000000000003', 'جلسه', 'Meeting'),
	('01890000-0000-7000-8000-000000000004', 'کار اداری', 'Paperwork'),
	('01890000-0000-7000-8000-000000000005', 'آموزش', 'Training');

-- agent_choice: what each agent chose to be, or somebody for them, and from when to when; the row without an end is what
-- counts. An agent without one counts as available. Times are this server's clock; a stretch never has a negative length.
CREATE TABLE agent_choice (
	agent_id  uuid        NOT NULL REFERENCES agent,
	since_at  timestamptz NOT NULL,
	until_at  timestamptz,
	state     text        NOT NULL CHECK (state IN ('available', 'paused', 'offline')),
	reason_id uuid        REFERENCES pause_reason,
	reason    text        NOT NULL DEFAULT '', -- in words, where the telephone said one that is none of ours
	set_by    text        NOT NULL CHECK (set_by IN ('desk', 'phone', 'supervisor', 'system')),
	actor_id  uuid,                            -- who did it; NULL: nobody, or nobody knows
	PRIMARY KEY (agent_id, since_at)
);
CREATE UNIQUE INDEX agent_choice_now ON agent_choice (agent_id) WHERE until_at IS NULL;

-- agent_wrap_up: the time after an answered call. Every node that saw the call end writes the same row.
CREATE TABLE agent_wrap_up (
	agent_id uuid        NOT NULL REFERENCES agent,
	call_id  uuid        NOT NULL,
	leg_id   text        NOT NULL,
	from_at  timestamptz NOT NULL, -- the end of the leg
	until_at timestamptz NOT NULL, -- when it ends by itself
	ended_at timestamptz,          -- when the agent ended it earlier
	PRIMARY KEY (agent_id, call_id, leg_id)
);
CREATE INDEX agent_wrap_up_from ON agent_wrap_up (agent_id, from_at DESC);

-- agent_follow: on what an agent's state and the queues of an exchange last agreed. Whichever differs from it has changed
-- since. Written by the node that leads the exchange.
CREATE TABLE agent_follow (
	agent_id uuid        NOT NULL REFERENCES agent,
	pbx      text        NOT NULL,
	paused   boolean     NOT NULL,
	reason   text        NOT NULL, -- as the exchange has it
	problem  text        NOT NULL, -- why the exchange does not follow; empty: it does
	joined   timestamptz,          -- when the agent's newest member had joined its queue, by the exchange's clock; NULL: not told
	at       timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (agent_id, pbx)
);
