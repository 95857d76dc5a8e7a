package main

import (
	"fmt"

	"ringbook/db"
)

type migrateCommand struct {
	Database
	Logging
}

func (m migrateCommand) Run(c *console) (err error) {
	database, err := m.Database.open(c, m.Logging)
	if err != nil {
		return err
	}
	defer closing(c.ctx, database, &err)
	if err := database.Migrate(c.ctx); err != nil {
		return err
	}
	fmt.Fprintln(c.stdout, "The database has the shape of this version.")
	return nil
}

// open opens the database for a command that comes and goes; beside a running service it uses the service's cluster.
func (d Database) open(c *console, l Logging) (*db.DB, error) {
	var faults Faults
	d.check(&faults)
	l.check(&faults)
	if len(faults) > 0 {
		return nil, faults
	}
	return db.Open(c.ctx, db.Config{URL: d.Database, Data: d.Data, Log: l.logger(c.stderr), MaxConns: 4})
}
