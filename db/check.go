package db

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const oldestMajor = 15

// check says in one sentence why a database will not do.
func check(ctx context.Context, pool *pgxpool.Pool) error {
	ctx, cancel := context.WithTimeout(ctx, 2*connectTimeout)
	defer cancel()
	var f facts
	err := pool.QueryRow(ctx, `
		SELECT current_setting('server_version_num')::int, current_setting('server_version'),
		       datname, datctype, pg_encoding_to_char(encoding)
		  FROM pg_database WHERE datname = current_database()`).
		Scan(&f.version, &f.versionText, &f.name, &f.ctype, &f.encoding)
	if err != nil {
		return plain(err)
	}
	return f.problem()
}

// facts are what check asks the server.
type facts struct {
	version                            int // 150018
	versionText, name, ctype, encoding string
}

func (f facts) problem() error {
	switch {
	case f.version/10000 < oldestMajor:
		return fmt.Errorf("the database server is PostgreSQL %s: ringbook needs %d or newer", f.versionText, oldestMajor)
	case f.encoding != "UTF8":
		return fmt.Errorf("the database %q has the encoding %s: create it with ENCODING 'UTF8'", f.name, f.encoding)
	case f.ctype == "C" || f.ctype == "POSIX":
		return fmt.Errorf("the database %q has LC_CTYPE %s, where pg_trgm finds nothing in Persian: create the database with "+
			"CREATE DATABASE %s TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'", f.name, f.ctype, f.name)
	}
	return nil
}

// plain puts the commonest failures to connect into words. pgx's own text, which names host and user but never the
// password, is kept.
func plain(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code {
		case "28P01", "28000":
			return fmt.Errorf("the database refuses the user or password: %w", err)
		case "3D000":
			return fmt.Errorf("there is no such database on the server: %w", err)
		case "53300":
			return fmt.Errorf("the database server has no connection left: %w", err)
		}
	}
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return fmt.Errorf("the database cannot be reached: %w", err)
	}
	return fmt.Errorf("ask the database what it is: %w", err)
}
