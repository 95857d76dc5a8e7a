-- +goose Up

-- merged_into is the call that this one turned out to be part of; NULL for all others. Such a call is neither listed nor
-- counted, and who asks for it gets the other.
ALTER TABLE call ADD COLUMN merged_into uuid;
