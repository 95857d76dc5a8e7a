-- +goose Up

CREATE TABLE team (
	id          uuid PRIMARY KEY,
	name        text NOT NULL COLLATE persian,
	version     integer NOT NULL DEFAULT 1,
	archived_at timestamptz,
	created_at  timestamptz NOT NULL DEFAULT now(),
	updated_at  timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX team_name ON team (lower(name)) WHERE archived_at IS NULL;

-- Someone who answers, and whose account it is.
CREATE TABLE agent (
	id            uuid PRIMARY KEY,
	username      text NOT NULL,
	name          text NOT NULL COLLATE persian,
	role          text NOT NULL CHECK (role IN ('agent', 'sales', 'supervisor', 'admin')),
	team_id       uuid REFERENCES team,
	password_hash text NOT NULL DEFAULT '',    -- argon2id; empty: cannot log in
	version       integer NOT NULL DEFAULT 1,
	archived_at   timestamptz,
	created_at    timestamptz NOT NULL DEFAULT now(),
	updated_at    timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX agent_username ON agent (lower(username)) WHERE archived_at IS NULL;
CREATE INDEX agent_name ON agent (name, id);
CREATE INDEX agent_team ON agent (team_id);

CREATE TABLE team_supervisor (
	team_id  uuid NOT NULL REFERENCES team,
	agent_id uuid NOT NULL REFERENCES agent,
	PRIMARY KEY (team_id, agent_id)
);
CREATE INDEX team_supervisor_agent ON team_supervisor (agent_id);

-- An internal number of an agent; pbx '' is any. Writers hold a lock and refuse a number that is another
-- active agent's on the same PBX; the index is the last defence.
CREATE TABLE agent_extension (
	agent_id  uuid NOT NULL REFERENCES agent,
	pbx       text NOT NULL DEFAULT '',
	extension text NOT NULL,
	position  smallint NOT NULL,
	active    boolean NOT NULL DEFAULT true, -- false while the agent is archived
	PRIMARY KEY (agent_id, pbx, extension)
);
CREATE UNIQUE INDEX agent_extension_active ON agent_extension (extension, pbx) WHERE active;

-- Endpoints whose name does not tell the extension: 'PJSIP/neda-desk' -> '1001'. pbx '' is any.
CREATE TABLE phone (
	pbx       text NOT NULL DEFAULT '',
	endpoint  text NOT NULL,
	extension text NOT NULL,                 -- '': not an agent's phone
	PRIMARY KEY (pbx, endpoint)
);

CREATE TABLE session (
	id         uuid PRIMARY KEY,
	token_hash bytea NOT NULL UNIQUE,        -- SHA-256 of the cookie's value
	agent_id   uuid NOT NULL REFERENCES agent,
	address    text NOT NULL,
	user_agent text NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now(),
	last_seen  timestamptz NOT NULL DEFAULT now(),
	expires_at timestamptz NOT NULL
);
CREATE INDEX session_agent ON session (agent_id);

CREATE TABLE api_token (
	id         uuid PRIMARY KEY,
	token_hash bytea NOT NULL UNIQUE,
	agent_id   uuid NOT NULL REFERENCES agent,
	name       text NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now(),
	last_used  timestamptz,
	expires_at timestamptz
);
CREATE INDEX api_token_agent ON api_token (agent_id);
