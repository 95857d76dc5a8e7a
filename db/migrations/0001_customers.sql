-- +goose Up

-- Spelling-tolerant search; a trusted extension, so the database's owner may create it.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- Names are ordered as Persian is, where the server knows ICU.
-- +goose StatementBegin
DO $$
BEGIN
	CREATE COLLATION persian (provider = icu, locale = 'fa-IR');
EXCEPTION WHEN OTHERS THEN
	CREATE COLLATION persian FROM "C";
END
$$;
-- +goose StatementEnd

-- Someone who calls or is called. Never deleted, only archived.
CREATE TABLE customer (
	id              uuid PRIMARY KEY,
	kind            text NOT NULL CHECK (kind IN ('person', 'organization')),
	name            text NOT NULL COLLATE persian,
	organization_id uuid REFERENCES customer,
	reference       text NOT NULL DEFAULT '', -- the customer's id elsewhere
	tags            text[] NOT NULL DEFAULT '{}',
	note            text NOT NULL DEFAULT '',
	search          text NOT NULL,            -- folded words of all that is searched; see crm.searchText
	version         integer NOT NULL DEFAULT 1,
	archived_at     timestamptz,
	created_at      timestamptz NOT NULL DEFAULT now(),
	updated_at      timestamptz NOT NULL DEFAULT now(),
	CHECK (organization_id IS NULL OR (kind = 'person' AND organization_id <> id))
);

CREATE INDEX customer_name ON customer (name, id) WHERE archived_at IS NULL;
CREATE INDEX customer_archived ON customer (name, id) WHERE archived_at IS NOT NULL;
CREATE INDEX customer_organization ON customer (organization_id) WHERE organization_id IS NOT NULL;
CREATE INDEX customer_search ON customer USING gin (search gin_trgm_ops);
CREATE INDEX customer_tags ON customer USING gin (tags);
CREATE UNIQUE INDEX customer_reference ON customer (reference) WHERE reference <> '' AND archived_at IS NULL;

-- A telephone number of a customer. Several customers may have the same one.
CREATE TABLE customer_number (
	customer_id uuid NOT NULL REFERENCES customer,
	position    smallint NOT NULL,         -- the order in which people see them
	key         text NOT NULL,             -- crm.Number.Key: what callers are compared with
	raw         text NOT NULL,             -- as it was typed
	kind        text NOT NULL,
	label       text NOT NULL DEFAULT '',
	extension   text NOT NULL DEFAULT '',
	historic    boolean NOT NULL DEFAULT false,
	PRIMARY KEY (customer_id, position)
);

-- The look-up of every ring: current before historic, then the oldest record (ids grow with time).
CREATE INDEX customer_number_key ON customer_number (key, historic, customer_id);

-- The customer whom an agent chose for a number.
CREATE TABLE number_link (
	key         text PRIMARY KEY,
	customer_id uuid NOT NULL REFERENCES customer,
	agent_id    uuid,
	linked_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX number_link_customer ON number_link (customer_id);

-- Who changed what. Written in the transaction of the change.
CREATE TABLE audit (
	id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at         timestamptz NOT NULL DEFAULT now(),
	agent_id   uuid,                       -- null: ringbook itself
	actor      text NOT NULL,              -- the username at that time
	action     text NOT NULL,              -- create, update, archive, restore, link, ...
	entity     text NOT NULL,              -- customer, agent, team, ...
	entity_id  text NOT NULL,
	changes    jsonb NOT NULL DEFAULT '{}' -- field -> [before, after]
);
CREATE INDEX audit_entity ON audit (entity, entity_id, id);
