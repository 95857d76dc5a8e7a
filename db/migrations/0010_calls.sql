-- +goose Up

CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- call: one row for each call. Written by calllog.Recorder, except where a comment says otherwise.
CREATE TABLE call (
	id              uuid        PRIMARY KEY,
	pbx             text        NOT NULL,
	version         bigint      NOT NULL, -- of the picture that the row tells
	direction       text        NOT NULL,
	state           text        NOT NULL,
	outcome         text        NOT NULL, -- empty until the call has ended
	caller_raw      text        NOT NULL,
	caller_number   text        NOT NULL, -- the number's key
	caller_name     text        NOT NULL,
	caller_withheld boolean     NOT NULL,
	dialed_raw      text        NOT NULL,
	dialed_number   text        NOT NULL,
	number          text        NOT NULL, -- the outside party's key; empty: withheld, or an internal call
	trunk           text        NOT NULL,
	queue           text        NOT NULL,
	customer_ref    text        NOT NULL,
	started_at      timestamptz NOT NULL,
	answered_at     timestamptz,
	ended_at        timestamptz,
	wait_ms         bigint      NOT NULL,
	talk_ms         bigint      NOT NULL,
	hold_ms         bigint      NOT NULL,
	hangup_by       text        NOT NULL,
	hangup_cause    integer     NOT NULL,
	hangup_text     text        NOT NULL,
	transfers       jsonb       NOT NULL,
	partial         boolean     NOT NULL,
	reconstructed   boolean     NOT NULL,
	whole           boolean     NOT NULL, -- some picture of it was not partial
	search          text        NOT NULL, -- names and numbers, folded

	-- Who the number was, by which rule. Also written when a person links the number later.
	match_rule      text        NOT NULL, -- empty: could not be looked up
	matched_id      uuid,
	candidates      uuid[]      NOT NULL,

	-- Written when a person says so, never by the recorder.
	chosen          boolean     NOT NULL DEFAULT false, -- chosen_id counts, also when it is NULL: "nobody"
	chosen_id       uuid,
	note_search     text        NOT NULL DEFAULT '', -- call_annotation.note, folded

	customer_id     uuid GENERATED ALWAYS AS (CASE WHEN chosen THEN chosen_id ELSE matched_id END) STORED
);

-- The log is read newest first, by each filter.
CREATE INDEX call_started   ON call (started_at DESC, id DESC);
CREATE INDEX call_direction ON call (direction, started_at DESC, id DESC);
CREATE INDEX call_outcome   ON call (outcome, started_at DESC, id DESC);
CREATE INDEX call_queue     ON call (queue, started_at DESC, id DESC) WHERE queue <> '';
CREATE INDEX call_number    ON call (number, started_at DESC, id DESC) WHERE number <> '';
CREATE INDEX call_customer  ON call (customer_id, started_at DESC, id DESC) WHERE customer_id IS NOT NULL;
CREATE INDEX call_live      ON call (started_at DESC, id DESC) WHERE state <> 'ended';
CREATE INDEX call_search    ON call USING gin ((search || ' ' || note_search) gin_trgm_ops);
CREATE INDEX call_unmatched ON call (started_at DESC) WHERE match_rule = '';

-- call_leg: everyone's part in a call. Never deleted by the recorder.
CREATE TABLE call_leg (
	call_id     uuid        NOT NULL REFERENCES call (id) ON DELETE CASCADE,
	id          text        NOT NULL,
	version     bigint      NOT NULL,
	channel     text        NOT NULL,
	role        text        NOT NULL,
	extension   text        NOT NULL,
	number      text        NOT NULL,
	agent_id    uuid, -- whose extension it was when the call came
	offered_at  timestamptz NOT NULL,
	answered_at timestamptz,
	ended_at    timestamptz,
	ended_as    text        NOT NULL,
	talk_ms     bigint      NOT NULL,
	hold_ms     bigint      NOT NULL,
	parent      text        NOT NULL,
	PRIMARY KEY (call_id, id)
);

-- call_agent: which agents had a leg in which call; for lists of an agent's calls.
CREATE TABLE call_agent (
	call_id    uuid        NOT NULL REFERENCES call (id) ON DELETE CASCADE,
	agent_id   uuid        NOT NULL,
	started_at timestamptz NOT NULL, -- the call's
	PRIMARY KEY (call_id, agent_id)
);
CREATE INDEX call_agent_started ON call_agent (agent_id, started_at DESC, call_id DESC);

-- call_annotation: what people wrote about a call, as it is now.
CREATE TABLE call_annotation (
	call_id    uuid        PRIMARY KEY REFERENCES call (id) ON DELETE CASCADE,
	note       text        NOT NULL,
	updated_by uuid,
	updated_at timestamptz NOT NULL
);

-- call_note: every text that a note ever had, so that nothing typed is lost.
CREATE TABLE call_note (
	id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	call_id    uuid        NOT NULL REFERENCES call (id) ON DELETE CASCADE,
	note       text        NOT NULL,
	written_by uuid,
	written_at timestamptz NOT NULL
);
CREATE INDEX call_note_call ON call_note (call_id, id DESC);
