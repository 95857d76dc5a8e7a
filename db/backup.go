package db

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// Contents is what a database held at one moment.
type Contents struct {
	Postgres   string  `json:"postgres"`   // the server's version, as "15.18"
	Migrations []int64 `json:"migrations"` // those that were applied, ascending
	Tables     []Table `json:"tables"`     // by name
}

// Table is what one table held.
type Table struct {
	Name string `json:"name"` // with its schema
	Rows int64  `json:"rows"`
	// Checksum does not depend on the rows' order: the sum of the first 60 bits of the SHA-256 of each row's text.
	Checksum string `json:"checksum"`
}

// Major is the server's major version.
func (c Contents) Major() int {
	digits := strings.FieldsFunc(c.Postgres, func(r rune) bool { return r < '0' || r > '9' })
	if len(digits) == 0 {
		return 0
	}
	major, _ := strconv.Atoi(digits[0])
	return major
}

// Shape is the newest migration applied; 0: none.
func (c Contents) Shape() int64 {
	if len(c.Migrations) == 0 {
		return 0
	}
	return c.Migrations[len(c.Migrations)-1]
}

// Rows is how many rows all tables have together.
func (c Contents) Rows() (n int64) {
	for _, t := range c.Tables {
		n += t.Rows
	}
	return n
}

// Unknown are the migrations that this program does not have: not empty if a newer one made the database.
func (c Contents) Unknown() []int64 {
	files, err := fs.ReadDir(Migrations(), ".")
	if err != nil {
		panic(err) // they are embedded
	}
	var unknown []int64
	for _, version := range c.Migrations {
		if !slices.ContainsFunc(files, func(f fs.DirEntry) bool {
			number, _, _ := strings.Cut(f.Name(), "_")
			known, err := strconv.ParseInt(number, 10, 64)
			return err == nil && known == version
		}) {
			unknown = append(unknown, version)
		}
	}
	return unknown
}

// Differences says in words where other is not c; empty if it is.
func (c Contents) Differences(other Contents) []string {
	var all []string
	if !slices.Equal(c.Migrations, other.Migrations) {
		all = append(all, fmt.Sprintf("the migrations %v became %v", c.Migrations, other.Migrations))
	}
	have := make(map[string]Table, len(other.Tables))
	for _, t := range other.Tables {
		have[t.Name] = t
	}
	for _, t := range c.Tables {
		o, ok := have[t.Name]
		delete(have, t.Name)
		switch {
		case !ok:
			all = append(all, fmt.Sprintf("the table %s is not there", t.Name))
		case o.Rows != t.Rows:
			all = append(all, fmt.Sprintf("the table %s has %d rows instead of %d", t.Name, o.Rows, t.Rows))
		case o.Checksum != t.Checksum:
			all = append(all, fmt.Sprintf("the table %s has other rows", t.Name))
		}
	}
	for _, t := range other.Tables {
		if _, more := have[t.Name]; more {
			all = append(all, fmt.Sprintf("the table %s is there besides", t.Name))
		}
	}
	return all
}

// Dump writes the whole database to a writer, in pg_dump's own format, and says what it held: all of one moment,
// while others go on reading and writing. Only a migration has to wait for it. It blocks until done; what was written
// before an error is of no use.
func (d *DB) Dump(ctx context.Context, to io.Writer) (Contents, error) {
	conn, err := d.session(ctx)
	if err != nil {
		return Contents{}, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var there bool
	if err := conn.QueryRow(ctx, `SELECT to_regclass('goose_db_version') IS NOT NULL`).Scan(&there); err != nil {
		return Contents{}, fmt.Errorf("begin the dump: %w", err)
	} else if !there {
		return Contents{}, errors.New("the database is not one of ringbook's: it has none of its tables")
	}
	// The lock comes before the snapshot: what a migration did until then is in it.
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return Contents{}, fmt.Errorf("begin the dump: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // only its snapshot was wanted
	if _, err := tx.Exec(ctx, `SET LOCAL lock_timeout = '60s'; LOCK TABLE goose_db_version IN SHARE MODE`); err != nil {
		return Contents{}, fmt.Errorf("wait for the database's migrations: %w", err)
	}
	var snapshot, version string
	if err := tx.QueryRow(ctx, `SELECT pg_export_snapshot(), current_setting('server_version_num')`).Scan(&snapshot, &version); err != nil {
		return Contents{}, fmt.Errorf("begin the dump: %w", err)
	}
	number, _ := strconv.Atoi(version)
	tools, err := findTools(ctx, number/10000)
	if err != nil {
		return Contents{}, err
	}

	// The dump and the sums look at the same snapshot, side by side; the first to fail ends the other.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	dumped := make(chan error, 1)
	go func() {
		err := d.tool(ctx, tools, "pg_dump", nil, to, "--format=custom", "--compress=3", "--no-owner", "--no-privileges",
			"--lock-wait-timeout=60s", "--snapshot="+snapshot)
		if err != nil {
			err = fmt.Errorf("dump the database: %w", err)
			cancel(err)
		}
		dumped <- err
	}()
	contents, err := readContents(ctx, tx)
	if err != nil {
		cancel(err)
	}
	if failed := <-dumped; failed != nil && (err == nil || errors.Is(err, context.Canceled)) {
		err = failed
	}
	if err != nil {
		return Contents{}, err
	}
	return contents, nil
}

// Load makes of the database what a dump says, in one transaction. What is there goes away if replace says so, and is
// in the way otherwise. made is what Dump said of the dump. It blocks until done, and changes nothing if it fails.
func (d *DB) Load(ctx context.Context, dump io.Reader, made Contents, replace bool) error {
	have, err := d.Contents(ctx)
	if err != nil {
		return err
	}
	if have.Major() < made.Major() {
		return fmt.Errorf("the backup is of PostgreSQL %d and the server is %d: install the package postgresql-%d, or name a newer server", made.Major(), have.Major(), made.Major())
	}
	tools, err := findTools(ctx, have.Major())
	if err != nil {
		return err
	}
	before := "SET client_min_messages = warning;\nBEGIN;\n"
	if replace {
		before += "DROP SCHEMA public CASCADE; CREATE SCHEMA public;\n"
	}
	// pg_restore makes SQL of the dump and psql runs it, between BEGIN and a COMMIT that comes only if all was read.
	script, write := io.Pipe()
	read := make(chan error, 1)
	go func() {
		err := d.tool(ctx, tools, "pg_restore", dump, write, "--file=-", "--no-owner", "--no-privileges")
		if err == nil {
			_, err = io.WriteString(write, "\nCOMMIT;\n")
		}
		write.Close()
		read <- err
	}()
	err = d.tool(ctx, tools, "psql", io.MultiReader(strings.NewReader(before), script), io.Discard,
		"--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-")
	script.CloseWithError(io.ErrClosedPipe)
	unread := <-read
	if err != nil {
		return fmt.Errorf("load the dump: %w", err)
	}
	if unread != nil {
		return fmt.Errorf("read the dump: %w", unread)
	}
	conn, err := d.session(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, `ANALYZE`); err != nil {
		return fmt.Errorf("count what was loaded: %w", err)
	}
	return nil
}

// Contents reads the whole database, at one moment, to say what it holds.
func (d *DB) Contents(ctx context.Context) (Contents, error) {
	conn, err := d.session(ctx)
	if err != nil {
		return Contents{}, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return Contents{}, fmt.Errorf("read the database: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // only its snapshot was wanted
	return readContents(ctx, tx)
}

// Others is how many connections a running service, on whatever host, has to this database. This DB's own count too,
// unless its URL gives them another application_name.
func (d *DB) Others(ctx context.Context) (n int, err error) {
	err = d.pool.QueryRow(ctx, `
		SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND application_name = 'ringbook'`).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("see who uses the database: %w", err)
	}
	return n, nil
}

// Empty says that the database has no table.
func (d *DB) Empty(ctx context.Context) (empty bool, err error) {
	err = d.pool.QueryRow(ctx, `SELECT NOT EXISTS (SELECT `+userTables+`)`).Scan(&empty)
	if err != nil {
		return false, fmt.Errorf("look into the database: %w", err)
	}
	return empty, nil
}

// userTables selects the tables that are not PostgreSQL's own: n.nspname, c.relname.
const userTables = `FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'`

// StopCluster stops the private cluster of a data folder, if a killed process left it running, and waits for its end.
func StopCluster(ctx context.Context, folder string, log *slog.Logger) error {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	c := &Cluster{config: ClusterConfig{Folder: folder, Log: log}, path: filepath.Join(folder, clusterFolder), stop: make(chan struct{})}
	if c.lock, err = lockFile(filepath.Join(folder, "postgres.lock")); err != nil {
		return err
	}
	if c.lock == nil {
		return fmt.Errorf("the private database in %s is in use by another command of ringbook: let it end first", folder)
	}
	defer c.release()
	pid, err := c.running()
	if err != nil || pid == 0 {
		return err
	}
	exited := awaitForeign(pid, c.stop)
	close(c.stop)
	c.signal(pid, syscall.SIGINT)
	select {
	case <-exited:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop the private database: %w", ctx.Err())
	}
}

func readContents(ctx context.Context, tx pgx.Tx) (c Contents, err error) {
	fail := func(err error) (Contents, error) { return Contents{}, fmt.Errorf("sum the database up: %w", err) }
	// A row's text shall be the same on every server.
	if _, err := tx.Exec(ctx, `SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL intervalstyle = 'postgres';
		SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex'`); err != nil {
		return fail(err)
	}
	var migrated bool
	if err := tx.QueryRow(ctx, `SELECT current_setting('server_version'), to_regclass('goose_db_version') IS NOT NULL`).
		Scan(&c.Postgres, &migrated); err != nil {
		return fail(err)
	}
	c.Postgres, _, _ = strings.Cut(c.Postgres, " ")
	if migrated {
		rows, err := tx.Query(ctx, `SELECT DISTINCT version_id FROM goose_db_version WHERE is_applied AND version_id > 0 ORDER BY 1`)
		if err != nil {
			return fail(err)
		}
		if c.Migrations, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil {
			return fail(err)
		}
	}
	rows, err := tx.Query(ctx, `SELECT n.nspname, c.relname `+userTables+` ORDER BY 1, 2`)
	if err != nil {
		return fail(err)
	}
	names, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (name [2]string, err error) {
		return name, row.Scan(&name[0], &name[1])
	})
	if err != nil {
		return fail(err)
	}
	for _, name := range names {
		t := Table{Name: name[0] + "." + name[1]}
		if err := tx.QueryRow(ctx, `
			SELECT count(*), coalesce(sum(('x' || substr(encode(sha256(convert_to("the row"::text, 'UTF8')), 'hex'), 1, 15))::bit(60)::bigint), 0)::text
			FROM ONLY `+pgx.Identifier(name[:]).Sanitize()+` "the row"`).Scan(&t.Rows, &t.Checksum); err != nil {
			return fail(fmt.Errorf("%s: %w", t.Name, err))
		}
		c.Tables = append(c.Tables, t)
	}
	return c, nil
}

// session is a connection whose statements may take their time.
func (d *DB) session(ctx context.Context) (*pgx.Conn, error) {
	config := d.pool.Config().ConnConfig.Copy()
	config.Tracer = nil
	for _, p := range []string{"statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"} {
		config.RuntimeParams[p] = "0" // also where the role has others
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return conn, nil
}

// findTools is the folder of pg_dump and its kin that can read a server: of its own major version, or the next newer.
func findTools(ctx context.Context, server int) (string, error) {
	best := 0
	folders := installed(ctx, "pg_dump", "pg_restore", "psql")
	for major := range folders {
		if major >= server && (best == 0 || major < best) {
			best = major
		}
	}
	if best == 0 {
		return "", fmt.Errorf("pg_dump %d or newer is not installed: install the package postgresql-client-%d", server, server)
	}
	return folders[best], nil
}

// tool runs one of PostgreSQL's client programs against the database. Its error is what the program said.
func (d *DB) tool(ctx context.Context, folder, program string, in io.Reader, out io.Writer, args ...string) error {
	cmd := exec.CommandContext(ctx, folder+"/"+program, args...)
	cmd.Dir = "/"
	cmd.Env = toolEnv(os.Environ())
	kept := &keptError{to: out}
	cmd.Stdin, cmd.Stdout = in, kept
	var said tail
	cmd.Stderr = &said
	if d.config.URL == "" {
		d.mu.Lock()
		cluster := d.cluster
		d.mu.Unlock()
		if cluster == nil {
			return errors.New("the private database is not open")
		}
		dir, err := os.Open(cluster.path)
		if err != nil {
			return fmt.Errorf("open the private database: %w", err)
		}
		defer dir.Close()
		cmd.ExtraFiles = []*os.File{dir}
		cmd.Env = append(cmd.Env, "PGHOST="+throughFD, "PGPORT=5432", "PGUSER="+roleName, "PGDATABASE="+databaseName)
	} else {
		address, password, err := toolURL(d.config.URL)
		if err != nil {
			return err
		}
		if password != "" {
			cmd.Env = append(cmd.Env, "PGPASSWORD="+password) // not among the arguments, which all users can see
		}
		if program != "pg_restore" {
			cmd.Args = append(cmd.Args, "--dbname="+address)
		}
	}
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case kept.err != nil:
		return kept.err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	var failed *exec.ExitError
	if errors.As(err, &failed) && said.problem() != "" {
		return fmt.Errorf("%s: %s", program, said.problem())
	}
	return fmt.Errorf("%s: %w", program, err)
}

// toolEnv is our environment without our secrets and without other databases' addresses.
func toolEnv(all []string) []string {
	env := slices.DeleteFunc(slices.Clone(all), func(v string) bool {
		return strings.HasPrefix(v, "RINGBOOK_") || strings.HasPrefix(v, "PG") && !strings.HasPrefix(v, "PGPASSFILE=") && !strings.HasPrefix(v, "PGSSL")
	})
	return append(env, "LC_ALL=C.UTF-8", "PGAPPNAME=ringbook backup", "PGCONNECT_TIMEOUT=10")
}

// libpqSettings are the parts of a URL's query that PostgreSQL's own programs know; the rest is our driver's.
var libpqSettings = []string{
	"host", "hostaddr", "port", "user", "dbname", "passfile", "connect_timeout", "options", "service", "target_session_attrs",
	"sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslcrldir", "sslsni", "ssl_min_protocol_version",
	"ssl_max_protocol_version", "channel_binding", "gssencmode", "krbsrvname", "requirepeer",
}

// toolURL is a database's URL for PostgreSQL's own programs, and the password apart.
func toolURL(address string) (without, password string, err error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return "", "", errors.New("a backup needs the database's address as a URL: postgres://user:password@host:5432/ringbook")
	}
	query := u.Query()
	password = query.Get("password")
	if p, ok := u.User.Password(); ok {
		password = p
		u.User = url.User(u.User.Username())
	}
	for name := range query {
		if !slices.Contains(libpqSettings, name) {
			query.Del(name)
		}
	}
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20") // libpq does not read + as a space
	return u.String(), password, nil
}

// keptError keeps why a writer took no more; the program that wrote to it only knows that it did not.
type keptError struct {
	to  io.Writer
	err error
}

func (k *keptError) Write(p []byte) (int, error) {
	n, err := k.to.Write(p)
	if err != nil {
		k.err = err
	}
	return n, err
}

// tail keeps the end of what a program says.
type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if most := 16 << 10; len(t.text) > most {
		t.text = slices.Clone(t.text[len(t.text)-most:])
	}
	return len(p), nil
}

// problem is the first line that names an error, else the last line.
func (t *tail) problem() string {
	for line := range strings.Lines(string(t.text)) {
		if strings.Contains(line, "ERROR:") || strings.Contains(line, "FATAL:") || strings.Contains(line, "error:") {
			return strings.TrimSpace(line)
		}
	}
	return lastLine(t.text)
}
