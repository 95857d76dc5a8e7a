-- +goose Up

-- lease: which node acts for what only one may at a time act for: an exchange. Written by db.Leases. Times are by this
-- server's clock. A row is made once and never deleted; its epoch only grows.
CREATE TABLE lease (
	name       text        PRIMARY KEY, -- of the exchange
	owner      text        NOT NULL,    -- of the holder's data folder; empty: given back
	node       text        NOT NULL,    -- the holder's name, for people
	epoch      bigint      NOT NULL,    -- one more with every holder: what is written under an older one is refused
	renewed_at timestamptz NOT NULL,    -- when it was taken, renewed or given back
	expires_at timestamptz NOT NULL,    -- from then on anybody may take it
	standby    text        NOT NULL,    -- the name of a node that could take it, said by that node
	standby_at timestamptz NOT NULL     -- and when it said so last
);

-- event: that something was changed, written in the transaction of the change, for the nodes that keep it in memory. A row
-- is read by every node once and deleted after an hour, by db.Events.
CREATE TABLE event (
	xid  xid8        NOT NULL DEFAULT pg_current_xact_id(),
	seq  bigint      GENERATED ALWAYS AS IDENTITY,
	at   timestamptz NOT NULL DEFAULT clock_timestamp(),
	kind text        NOT NULL, -- what was changed: 'customer', 'agent', ...
	id   text        NOT NULL, -- and which
	PRIMARY KEY (xid, seq)
);
