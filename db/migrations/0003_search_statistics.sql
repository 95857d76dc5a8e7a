-- +goose Up

-- Names are many: with the usual hundred samples the planner takes rare pairs of words for common ones and walks the
-- whole table in the order of names. It sees them after the next ANALYZE.
ALTER TABLE customer ALTER COLUMN search SET STATISTICS 1000;
