-- +goose Up

-- line says that a leg has turned out to be no party but the line to another exchange, whose parties are legs of the call
-- instead: it is not told.
ALTER TABLE call_leg ADD COLUMN line boolean NOT NULL DEFAULT false;
