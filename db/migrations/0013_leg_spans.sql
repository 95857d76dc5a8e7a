-- +goose Up

-- spans are the stretches of a leg's talk, as pbx.Leg.Spans: [{"kind","from","to"}], "to" null while it goes on. Empty for
-- what was recorded before there were any: then only the sums are known.
ALTER TABLE call_leg ADD COLUMN spans jsonb NOT NULL DEFAULT '[]';
