-- +goose Up

-- queue: the queues of the exchanges. A row is made when a call names one for the first time, or the exchange does, and is
-- never deleted. What an administrator said stands in columns of its own, which learning does not touch: crm's queue.go.
CREATE TABLE queue (
	id                    uuid        PRIMARY KEY,             -- made of pbx and name, as call.queue_id is
	pbx                   text        NOT NULL,
	name                  text        NOT NULL,                -- the exchange's; upper and lower case are the same there
	numbers               text[]      NOT NULL DEFAULT '{}',   -- learned: what was dialled by those who came there (crm.Number.Key)
	strategy              text        NOT NULL DEFAULT '',     -- learned; empty: not known
	service_level_s       integer,                             -- learned; NULL: not known
	learned_at            timestamptz NOT NULL DEFAULT now(),
	gone_at               timestamptz,                         -- since when the exchange has it no more
	said_label            text COLLATE persian,                -- NULL: the name
	said_numbers          text[],                              -- NULL: those that were learned
	said_service_level_s  integer,                             -- NULL: what was learned
	said                  jsonb       NOT NULL DEFAULT '{}',   -- of what was said, who said it and when: {"label": {"by": …, "at": …}}
	service_level_percent integer     NOT NULL DEFAULT 80,
	wrap_up_s             integer     NOT NULL DEFAULT 0,
	script                text        NOT NULL DEFAULT '',
	team_id               uuid        REFERENCES team,
	version               integer     NOT NULL DEFAULT 1,      -- of what people said
	archived_at           timestamptz,
	updated_at            timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX queue_team ON queue (team_id) WHERE team_id IS NOT NULL;

-- Which of them a call waited in last. The same is reckoned in Go: crm.QueueID. (queue_pbx: the exchange that the queue is
-- on, where that is not the call's own.) The log is read by queue along this index, not by its name any more.
ALTER TABLE call ADD COLUMN queue_pbx text NOT NULL DEFAULT '',
	ADD COLUMN queue_id uuid GENERATED ALWAYS AS (CASE WHEN queue <> '' THEN
		overlay(overlay(md5(coalesce(nullif(queue_pbx, ''), pbx) || '/' || lower(queue COLLATE "C"))
			PLACING '8' FROM 13) PLACING '8' FROM 17)::uuid END) STORED;
DROP INDEX call_queue;
CREATE INDEX call_queue ON call (queue_id, started_at DESC, id DESC) WHERE queue_id IS NOT NULL;

-- The queues of the calls that are in the log already, and what was dialled by the last 10,000 who came to each.
WITH RECURSIVE seen AS (
	(SELECT queue_id, coalesce(nullif(queue_pbx, ''), pbx) AS pbx, queue FROM call WHERE queue_id IS NOT NULL
	 ORDER BY queue_id, started_at DESC, id DESC LIMIT 1)
	UNION ALL
	SELECT n.* FROM seen s CROSS JOIN LATERAL (
		SELECT queue_id, coalesce(nullif(queue_pbx, ''), pbx), queue FROM call WHERE queue_id > s.queue_id
		ORDER BY queue_id, started_at DESC, id DESC LIMIT 1) n)
INSERT INTO queue (id, pbx, name, numbers)
SELECT s.queue_id, s.pbx, s.queue, ARRAY(
	SELECT DISTINCT dialed_number FROM (
		SELECT dialed_number, direction, transfers, partial, reconstructed FROM call WHERE queue_id = s.queue_id
		ORDER BY started_at DESC, id DESC LIMIT 10000) c
	WHERE dialed_number <> '' AND direction <> 'outbound' AND transfers = '[]' AND NOT partial AND NOT reconstructed
	ORDER BY 1 LIMIT 200)
FROM seen s;
