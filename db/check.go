package db

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

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

// ErrUnreachable says that the server was not there, or not ready, and may be later.
var ErrUnreachable = errors.New("unreachable")

// plain puts the commonest failures to connect into words of one line. pgx's own text, which names host and user but
// never the password, is kept.
func plain(err error) error {
	what, kind := "ask the database what it is", error(nil)
	var pg *pgconn.PgError
	var connect *pgconn.ConnectError
	switch errors.As(err, &pg); {
	case pg != nil && (pg.Code == "28P01" || pg.Code == "28000"):
		what = "the database refuses the user or password"
	case pg != nil && pg.Code == "3D000":
		what = "there is no such database on the server"
	case pg != nil && pg.Code == "53300":
		what, kind = "the database server has no connection left", ErrUnreachable
	case pg != nil && pg.Code == "57P03":
		what, kind = "the database server is starting or stopping", ErrUnreachable
	case errors.As(err, &connect):
		what, kind = "the database cannot be reached", ErrUnreachable
	}
	return &sentence{what + ": " + strings.Join(strings.Fields(err.Error()), " "), []error{err, kind}}
}

// sentence is an error in one line.
type sentence struct {
	text string
	errs []error
}

func (s *sentence) Error() string { return s.text }
func (s *sentence) Unwrap() []error {
	return slices.DeleteFunc(slices.Clone(s.errs), func(e error) bool { return e == nil })
}
