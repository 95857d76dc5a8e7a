package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ringbook/db/dbtest"
)

// TestBadStart: what cannot get better by waiting ends the program with one sentence that says what would be right.
func TestBadStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "thesis.doc"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	database := dbtest.New(t)
	base := dbtest.URL(database)
	inUse := t.TempDir()
	unlock, err := claimData(inUse)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()

	for name, test := range map[string]struct {
		change func(*Config)
		says   string
	}{
		"port taken": {
			func(c *Config) { c.Listen = taken.Addr().String() },
			"the address " + taken.Addr().String() + " is taken by another program: stop it, or choose another one in RINGBOOK_LISTEN",
		},
		"address of another machine": {
			func(c *Config) { c.Listen = "192.0.2.1:8080" },
			"the address 192.0.2.1:8080 is none of this machine's: choose another one in RINGBOOK_LISTEN",
		},
		"data folder of somebody else": {
			func(c *Config) { c.Data = foreign },
			"the data folder " + foreign + " is not ringbook's: it holds other files (thesis.doc); name an empty or a new folder",
		},
		"data folder of another ringbook": {
			func(c *Config) { c.Data = inUse },
			"the data folder " + inUse + " is in use by another ringbook: stop it, or name another folder in RINGBOOK_DATA",
		},
		"data folder that is a file": {
			func(c *Config) { c.Data = filepath.Join(foreign, "thesis.doc") },
			"cannot be made: ",
		},
		"no such database": {
			func(c *Config) { c.Database.Database = databaseURL(t, base, "nowhere") },
			"there is no such database on the server",
		},
		"a database in which Persian cannot be searched": {
			func(c *Config) { c.Database.Database = databaseURL(t, base, cLocale(t, base)) },
			"has LC_CTYPE C, where pg_trgm finds nothing in Persian: create the database with",
		},
	} {
		t.Run(name, func(t *testing.T) {
			settings := testSettings(t, func(c *Config) {
				c.Database.Database = base
				test.change(c)
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			log := newLines()
			err := run(ctx, settings, outside{log: settings.logger(log), stdout: log})
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("ended with %v, want %q", err, test.says)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("is more than one sentence: %v", err)
			}
		})
	}
}

// databaseURL is base with another database.
func databaseURL(t *testing.T, base, name string) string {
	t.Helper()
	config, err := pgx.ParseConfig(base)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(base, "/"+config.Database, "/"+name, 1)
}

// cLocale makes a database with the locale C beside the base's, and returns its name.
func cLocale(t *testing.T, base string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), base)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	name := fmt.Sprintf("c_locale_%d", time.Now().UnixNano())
	if _, err := conn.Exec(t.Context(), `CREATE DATABASE `+name+` TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), base)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close(context.Background())
		if _, err := conn.Exec(context.Background(), `DROP DATABASE `+name+` WITH (FORCE)`); err != nil {
			t.Error(err)
		}
	})
	return name
}
