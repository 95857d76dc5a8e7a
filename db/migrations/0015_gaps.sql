-- +goose Up

-- ended_before: the end of a reconstructed call was not seen; it lies between ended_at, with which all durations are
-- reckoned, and this. NULL for all other calls.
ALTER TABLE call ADD COLUMN ended_before timestamptz;

-- What a run of ringbook has to close if the one before it died: few rows, whatever the size of the log.
CREATE INDEX call_unended ON call (pbx, started_at) WHERE state <> 'ended';

-- watch: the stretches of time in which a node heard everything that happened on an exchange. What no row of an exchange
-- covers, since its first row, is a gap of the call log. Written by calllog.Watch; times are the nodes' clocks.
CREATE TABLE watch (
	id         uuid        PRIMARY KEY,
	pbx        text        NOT NULL,
	node       text        NOT NULL,
	from_at    timestamptz NOT NULL,
	until_at   timestamptz NOT NULL,
	started_at timestamptz,           -- when the exchange itself had started, by its own clock; NULL: not known
	ended_as   text        NOT NULL   -- why it ended; empty: it goes on, or the node died
);
CREATE INDEX watch_until ON watch (pbx, until_at);
CREATE INDEX watch_from ON watch (pbx, from_at);
