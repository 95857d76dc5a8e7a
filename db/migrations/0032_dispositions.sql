-- +goose Up

-- disposition: how an agent may say that a call ended. Each queue has the list of its own, or else the general one
-- (queue_id NULL). Archived, never deleted: what was said of a call stays told.
CREATE TABLE disposition (
	id              uuid        PRIMARY KEY,
	no              integer     NOT NULL UNIQUE GENERATED ALWAYS AS IDENTITY, -- by which calls are searched
	queue_id        uuid        REFERENCES queue,
	name            text        NOT NULL,
	key             smallint    CHECK (key BETWEEN 1 AND 9), -- that sets it at the desk; NULL: none does
	position        integer     NOT NULL,                    -- within its list, from 0
	follow_up       text        CHECK (follow_up IN ('task', 'callback')), -- offered after it; NULL: nothing is
	follow_up_title text        NOT NULL DEFAULT '',         -- empty: the name
	follow_up_after bigint      NOT NULL DEFAULT 0,          -- milliseconds until it is due
	version         integer     NOT NULL DEFAULT 1,
	archived_at     timestamptz,
	created_at      timestamptz NOT NULL DEFAULT now(),
	updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX disposition_key ON disposition (coalesce(queue_id, '00000000-0000-0000-0000-000000000000'), key) WHERE archived_at IS NULL AND key IS NOT NULL;
CREATE UNIQUE INDEX disposition_name ON disposition (coalesce(queue_id, '00000000-0000-0000-0000-000000000000'), lower(name)) WHERE archived_at IS NULL;

-- Written when a person says so, never by the recorder; when a call becomes part of another it goes there. Its word, "=0001f",
-- is among those of call.note_search, whose own are of letters and digits only: what has several things at once is found by words.
ALTER TABLE call ADD COLUMN disposition_id uuid;
CREATE INDEX call_disposition ON call (disposition_id, started_at DESC, id DESC) WHERE disposition_id IS NOT NULL;
