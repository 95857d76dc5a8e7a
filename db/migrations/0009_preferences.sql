-- +goose Up

-- How an agent likes the pages. No row: the defaults of crm.Preferences.
CREATE TABLE agent_preferences (
	agent_id uuid PRIMARY KEY REFERENCES agent,
	language text NOT NULL,
	theme    text NOT NULL,
	digits   text NOT NULL
);
