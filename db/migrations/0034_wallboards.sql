-- +goose Up

-- wallboard: a key that shows the figures of queues on a screen on the wall, and opens nothing else. What it shows is never more
-- than its maker may see at that moment. Written by crm.Store.
CREATE TABLE wallboard (
	id         uuid        PRIMARY KEY,
	token_hash bytea       NOT NULL UNIQUE,
	name       text        NOT NULL,
	made_by    uuid        NOT NULL REFERENCES agent,
	team_id    uuid        REFERENCES team,          -- only this team's; NULL: all that its maker sees
	queues     uuid[]      NOT NULL DEFAULT '{}',    -- only these; empty: all
	names      boolean     NOT NULL DEFAULT false,   -- it shows who waits
	created_at timestamptz NOT NULL DEFAULT now(),
	last_used  timestamptz                           -- to the minute
);
CREATE INDEX wallboard_made_by ON wallboard (made_by);
