-- +goose Up

-- export: a list of calls that somebody takes out as a file: who, which, and how far it has come. The file itself is kept
-- nowhere. Written by calllog.Store; the audit tells the same for ever.
CREATE TABLE export (
	id         uuid        PRIMARY KEY,
	agent_id   uuid        NOT NULL REFERENCES agent,
	format     text        NOT NULL,
	language   text        NOT NULL,
	calendar   text        NOT NULL,
	filter     jsonb       NOT NULL,             -- calllog.Filter
	state      text        NOT NULL,             -- ready, running, done, failed, cancelled
	problem    text        NOT NULL DEFAULT '',  -- why it failed
	node       text        NOT NULL DEFAULT '',  -- that sends the file
	rows       bigint      NOT NULL DEFAULT 0,   -- written so far
	bytes      bigint      NOT NULL DEFAULT 0,
	estimate   bigint,                           -- of the rows there will be; NULL: unknown
	exact      boolean     NOT NULL DEFAULT false, -- the estimate was counted
	created_at timestamptz NOT NULL DEFAULT now(),
	beat_at    timestamptz NOT NULL DEFAULT now(), -- when its node last said that it goes on
	ended_at   timestamptz
);
CREATE INDEX export_agent ON export (agent_id, created_at DESC);
CREATE INDEX export_created ON export (created_at DESC);
CREATE INDEX export_open ON export (beat_at) WHERE ended_at IS NULL;

-- saved_view: a page with its filters, under a name: an agent's own, or a team's. Written by crm.Store.
CREATE TABLE saved_view (
	id          uuid        PRIMARY KEY,
	page        text        NOT NULL,
	name        text        NOT NULL,
	query       text        NOT NULL, -- of the page's address, without the question mark
	agent_id    uuid        REFERENCES agent, -- whose own it is; or
	team_id     uuid        REFERENCES team,  -- which team's
	position    integer     NOT NULL,
	version     integer     NOT NULL DEFAULT 1,
	archived_at timestamptz,
	created_at  timestamptz NOT NULL DEFAULT now(),
	updated_at  timestamptz NOT NULL DEFAULT now(),
	CHECK ((agent_id IS NULL) <> (team_id IS NULL))
);
CREATE INDEX saved_view_agent ON saved_view (agent_id, page) WHERE agent_id IS NOT NULL;
CREATE INDEX saved_view_team ON saved_view (team_id, page) WHERE team_id IS NOT NULL;

-- view_default: the view with which a page opens for an agent.
CREATE TABLE view_default (
	agent_id uuid NOT NULL REFERENCES agent,
	page     text NOT NULL,
	view_id  uuid NOT NULL REFERENCES saved_view ON DELETE CASCADE,
	PRIMARY KEY (agent_id, page)
);
CREATE INDEX view_default_view ON view_default (view_id);
