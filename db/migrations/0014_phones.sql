-- +goose Up

-- phone: what an administrator said an endpoint is, against the rule; by and when. pbx is always a PBX's name.
ALTER TABLE phone ADD COLUMN corrected_by text NOT NULL DEFAULT '', ADD COLUMN corrected_at timestamptz NOT NULL DEFAULT now();

-- Which phone or line a leg was on: the channel without what makes it unique, and without the number that is dialled over
-- a line (DAHDI/i1/2211). The phones of a PBX are found by walking along the index from one to the next.
ALTER TABLE call_leg ADD COLUMN pbx text NOT NULL DEFAULT ''; -- the call's
UPDATE call_leg l SET pbx = c.pbx FROM call c WHERE c.id = l.call_id;
ALTER TABLE call_leg ADD COLUMN endpoint text NOT NULL
	GENERATED ALWAYS AS (coalesce(substring(regexp_replace(channel, '(-[0-9a-f]+)?(<.*)?$', '') FROM '^[^/]+/[^/]+'), '')) STORED;
CREATE INDEX call_leg_endpoint ON call_leg (pbx, endpoint, offered_at DESC) WHERE endpoint <> '';
