-- +goose Up

-- source: how it is known what a call was like: live (ringbook was there), cel or cdr (the exchange's own records told it
-- afterwards). Written by calllog.Repair.
ALTER TABLE call ADD COLUMN source text NOT NULL DEFAULT 'live';

-- repair: the gaps of the call log that were filled in from the exchange's records, once each.
CREATE TABLE repair (
	pbx       text        NOT NULL,
	from_at   timestamptz NOT NULL,
	to_at     timestamptz NOT NULL,
	done_at   timestamptz NOT NULL,
	added     integer     NOT NULL, -- calls that were not in the log
	completed integer     NOT NULL, -- calls that were known in part
	PRIMARY KEY (pbx, from_at, to_at)
);
