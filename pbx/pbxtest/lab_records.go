package pbxtest

import (
	"fmt"
	"os"
	"path/filepath"
)

// WithRecords are the settings for StartAsterisk of a PBX that keeps records of its calls in a PostgreSQL on this port of
// loopback, in tables that RecordTables makes; see KeepRecords.
func WithRecords(port int, database string) []string {
	return []string{"RECORDS=yes", fmt.Sprintf("RECORDS_PORT=%d", port), "RECORDS_DATABASE=" + database}
}

// RecordTables makes the tables as the modules' documentation has them.
const RecordTables = `
CREATE TABLE cdr (calldate timestamp NOT NULL, clid varchar(80), src varchar(80), dst varchar(80), dcontext varchar(80),
	channel varchar(80), dstchannel varchar(80), lastapp varchar(80), lastdata varchar(255), duration integer, billsec integer,
	disposition varchar(45), amaflags integer, accountcode varchar(20), uniqueid varchar(150), userfield varchar(255),
	peeraccount varchar(20), linkedid varchar(150), sequence integer);
CREATE TABLE cel (id serial PRIMARY KEY, eventtype varchar(30), eventtime timestamp, userdeftype varchar(255), cid_name varchar(80),
	cid_num varchar(80), cid_ani varchar(80), cid_rdnis varchar(80), cid_dnid varchar(80), exten varchar(80), context varchar(80),
	channame varchar(80), appname varchar(80), appdata varchar(255), amaflags integer, accountcode varchar(20), peeraccount varchar(20),
	uniqueid varchar(150), linkedid varchar(150), userfield varchar(255), peer varchar(80), extra text)`

// KeepRecords makes the PBX write its records from now on: into the tables, and into Master.csv, whose path it returns.
func (a *Asterisk) KeepRecords() (masterCSV string) {
	a.tb.Helper()
	for _, module := range []string{"cdr_csv", "cdr_pgsql", "cel_pgsql"} {
		if out, err := a.CLI("module load " + module + ".so"); err != nil {
			a.tb.Fatalf("load %s: %v %s", module, err, out)
		}
	}
	root := os.Getenv("RINGBOOK_ASTERISK_ROOT")
	if root == "" {
		root = "/var/cache/ringbook/asterisk-root"
	}
	return filepath.Join(root, "var/lib/ringbook", a.name, "log/cdr-csv/Master.csv")
}
