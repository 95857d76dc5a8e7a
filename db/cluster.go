package db

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"
)

const (
	clusterFolder = "postgres" // in the data folder
	databaseName  = "ringbook"
	roleName      = "ringbook"
	socketName    = ".s.PGSQL.5432"
	stopTimeout   = 20 * time.Second
	startTimeout  = 60 * time.Second // replaying the log after a crash takes time
	// throughFD names the cluster's folder for a child that got it as its first extra file.
	throughFD = "/proc/self/fd/3"
)

// ClusterConfig says where a private cluster lives and how it differs from the usual.
type ClusterConfig struct {
	Folder   string            // the data folder; see the package comment for what is in it
	Settings map[string]string // of PostgreSQL, instead of or beside the usual ones
	// DieWithParent ties the server's life to this process's, however that ends; for tests.
	DieWithParent bool
	Log           *slog.Logger
}

// Cluster is a private PostgreSQL server: one that this process started, or found running. Open makes one where it
// is needed; only tests need to call OpenCluster.
type Cluster struct {
	config ClusterConfig
	path   string   // of the cluster's folder, absolute
	dir    *os.File // that folder, open
	bin    string   // folder of postgres and initdb
	lock   *os.File // nil: another process is in charge

	stop    chan struct{} // closed: the server shall end
	ended   chan struct{} // closed: keep has returned
	stopped sync.Once
}

// OpenCluster finds the running cluster of a data folder, or starts it, or makes it first. The server answers when
// it returns.
func OpenCluster(ctx context.Context, config ClusterConfig) (_ *Cluster, err error) {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	folder, err := filepath.Abs(config.Folder)
	if err != nil {
		return nil, err
	}
	c := &Cluster{config: config, path: filepath.Join(folder, clusterFolder), stop: make(chan struct{}), ended: make(chan struct{})}
	defer func() {
		if err != nil {
			c.release()
		}
	}()
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, errors.New("the private database did not start in time: see "+filepath.Join(c.path, "log")))
	defer cancel()

	if c.lock, err = lockFile(filepath.Join(folder, "postgres.lock")); err != nil {
		return nil, err
	}
	if c.lock == nil {
		// A command beside the service: the cluster is the service's, and may still be on its way.
		if err := c.await(ctx, nil); err != nil {
			return nil, err
		}
		close(c.ended)
		return c, nil
	}
	if err := c.find(ctx, folder); err != nil {
		return nil, err
	}
	if c.dir, err = os.Open(c.path); err != nil {
		return nil, fmt.Errorf("open the private database: %w", err)
	}
	pid, exited, err := c.begin(ctx)
	if err != nil {
		return nil, err
	}
	go c.keep(pid, exited)
	return c, nil
}

// begin takes over the running server, or starts it. A killed server's children may live on for a moment, during which
// PostgreSQL refuses to start.
func (c *Cluster) begin(ctx context.Context) (pid int, exited <-chan error, err error) {
	for try := 1; ; try++ {
		if pid, err = c.running(); err != nil {
			return 0, nil, err
		}
		if pid != 0 {
			c.config.Log.InfoContext(ctx, "database: took over the running cluster", "pid", pid)
			exited = awaitForeign(pid, c.stop)
		} else if exited, pid, err = c.start(); err != nil {
			return 0, nil, err
		}
		err = c.await(ctx, exited)
		if err == nil {
			return pid, exited, nil
		}
		if try == 3 || ctx.Err() != nil {
			c.stopped.Do(func() { close(c.stop) })
			c.signal(pid, syscall.SIGINT)
			return 0, nil, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// find sets bin, making the cluster if there is none.
func (c *Cluster) find(ctx context.Context, folder string) error {
	installed := installedServers(ctx)
	version, err := os.ReadFile(filepath.Join(c.path, "PG_VERSION"))
	switch {
	case err == nil:
		major, _ := strconv.Atoi(strings.TrimSpace(string(version)))
		bin, ok := installed[major]
		if !ok {
			return fmt.Errorf("the database in %s was made by PostgreSQL %d, which is not installed: install the package postgresql-%d", c.path, major, major)
		}
		c.bin = bin
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("read the private database: %w", err)
	}
	newest := 0
	for major := range installed {
		newest = max(newest, major)
	}
	if newest < oldestMajor {
		return fmt.Errorf("PostgreSQL %d or newer is not installed: install the package postgresql (apt-get install postgresql), or name a server in RINGBOOK_DATABASE", oldestMajor)
	}
	c.bin = installed[newest]
	return c.create(ctx, folder)
}

// installedServers are the folders with postgres and initdb, by major version.
func installedServers(ctx context.Context) map[int]string {
	return installed(ctx, "postgres", "initdb")
}

// installed are the folders that have all of these programs of PostgreSQL, by the first one's major version.
func installed(ctx context.Context, programs ...string) map[int]string {
	var folders []string
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql*/bin", "/usr/local/bin", "/usr/bin"} {
		found, _ := filepath.Glob(pattern)
		folders = append(folders, found...)
	}
	if p, err := exec.LookPath(programs[len(programs)-1]); err == nil {
		folders = append(folders, filepath.Dir(p))
	}
	found := map[int]string{}
	for _, bin := range folders {
		if slices.ContainsFunc(programs, func(p string) bool {
			_, err := os.Stat(filepath.Join(bin, p))
			return err != nil
		}) {
			continue
		}
		out, err := exec.CommandContext(ctx, filepath.Join(bin, programs[0]), "-V").Output() // "postgres (PostgreSQL) 15.18 (Debian …)"
		if err != nil {
			continue
		}
		_, after, _ := strings.Cut(string(out), "(PostgreSQL) ")
		digits := strings.FieldsFunc(after, func(r rune) bool { return r < '0' || r > '9' })
		if len(digits) == 0 {
			continue
		}
		if major, err := strconv.Atoi(digits[0]); err == nil && found[major] == "" {
			found[major] = bin
		}
	}
	return found
}

// create runs initdb in a folder beside, and renames what is whole.
func (c *Cluster) create(ctx context.Context, folder string) error {
	fresh := filepath.Join(folder, "postgres.new")
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("make the private database: %w", err)
	}
	if err := os.Mkdir(fresh, 0o700); err != nil {
		return fmt.Errorf("make the private database: %w", err)
	}
	owner, err := serverUser()
	if err != nil {
		return err
	}
	if owner != nil {
		if err := os.Chown(fresh, int(owner.Uid), int(owner.Gid)); err != nil {
			return fmt.Errorf("make the private database: %w", err)
		}
	}
	dir, err := os.Open(fresh)
	if err != nil {
		return fmt.Errorf("make the private database: %w", err)
	}
	defer dir.Close()
	args := []string{"-D", throughFD, "-U", roleName, "--encoding=UTF8", "--locale=C.UTF-8", "--auth=trust", "--no-instructions"}
	if c.config.Settings["fsync"] == "off" {
		args = append(args, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, "initdb"), args...)
	cmd.Dir = "/"
	cmd.Env = serverEnv()
	cmd.ExtraFiles = []*os.File{dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner, Setsid: true}
	started := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make the private database with %s: %w: %s", cmd.Path, err, lastLine(out))
	}
	hba := "# Only this socket, in a folder of mode 0700, leads here.\nlocal all all trust\n"
	if err := os.WriteFile(filepath.Join(fresh, "pg_hba.conf"), []byte(hba), 0o600); err != nil {
		return fmt.Errorf("make the private database: %w", err)
	}
	if err := os.Rename(fresh, c.path); err != nil {
		return fmt.Errorf("make the private database: %w", err)
	}
	c.config.Log.InfoContext(ctx, "database: made a private cluster", "folder", c.path, "postgres", c.bin, "took", time.Since(started).Round(time.Millisecond))
	return nil
}

// start runs the server. exited gets its end, once.
func (c *Cluster) start() (exited <-chan error, pid int, err error) {
	owner, err := serverUser()
	if err != nil {
		return nil, 0, err
	}
	args := []string{"-D", throughFD, "-k", throughFD}
	for k, v := range map[string]string{
		"listen_addresses": "", "port": "5432", "unix_socket_permissions": "0700", "max_connections": "100",
		"logging_collector": "on", "log_directory": "log", "log_filename": "postgresql-%a.log",
		"log_truncate_on_rotation": "on", "log_rotation_age": "1d", "log_rotation_size": "0",
		"shared_buffers": "256MB", "effective_cache_size": "1GB", "random_page_cost": "1.1", "jit": "off",
		"timezone": "UTC", "log_timezone": "UTC",
	} {
		if _, ok := c.config.Settings[k]; !ok {
			args = append(args, "-c", k+"="+v)
		}
	}
	for k, v := range c.config.Settings {
		args = append(args, "-c", k+"="+v)
	}
	// What the server says before it has its log.
	early, err := os.Create(c.path + ".out")
	if err != nil {
		return nil, 0, fmt.Errorf("start the private database: %w", err)
	}
	defer early.Close()
	cmd := exec.CommandContext(context.Background(), filepath.Join(c.bin, "postgres"), args...) // keep ends it
	cmd.Dir = "/"
	cmd.Env = serverEnv()
	cmd.ExtraFiles = []*os.File{c.dir}
	cmd.Stdout, cmd.Stderr = early, early
	// A session of its own: the terminal's Ctrl-C is for ringbook, which stops the server last.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner, Setsid: true}
	if c.config.DieWithParent {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT
	}
	started := make(chan error)
	end := make(chan error, 1)
	go func() {
		// The kernel sends the parent-death signal when the thread that forked ends, so this goroutine keeps it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			end <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, 0, fmt.Errorf("start the private database: %w", err)
	}
	return end, cmd.Process.Pid, nil
}

// await returns when the server answers; early when it has exited.
func (c *Cluster) await(ctx context.Context, exited <-chan error) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := c.connect(ctx, "postgres")
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case end := <-exited:
			out, _ := os.ReadFile(c.path + ".out")
			return fmt.Errorf("the private database does not start (%w): %s", end, lastLine(out))
		case <-tick.C:
		}
	}
}

// keep owns the running server: it starts one that died again and stops it on close.
func (c *Cluster) keep(pid int, exited <-chan error) {
	defer close(c.ended)
	wait := time.Second
	for {
		select {
		case <-c.stop:
			c.signal(pid, syscall.SIGINT) // fast: sessions are ended, everything is written
			select {
			case <-exited:
			case <-time.After(stopTimeout):
				c.config.Log.Error("database: the private cluster does not stop", "pid", pid)
			}
			return
		case err := <-exited:
			if err == nil {
				// Somebody stopped it on purpose; whoever did starts it again, or restarts us.
				c.config.Log.Error("database: the private cluster was stopped")
			} else {
				c.config.Log.Error("database: the private cluster died", "err", err, "again_in", wait)
			}
		}
		for started := false; !started; {
			select {
			case <-c.stop:
				return
			case <-time.After(wait):
			}
			wait = min(2*wait, time.Minute)
			running, err := c.running()
			switch {
			case err != nil:
			case running != 0:
				pid, exited, started = running, awaitForeign(running, c.stop), true
			default:
				if exited, pid, err = c.start(); err == nil {
					started = true
				}
			}
			if err != nil {
				c.config.Log.Error("database: the private cluster does not start", "err", err, "again_in", wait)
			}
		}
	}
}

// awaitForeign watches a server that is not our child, and gives up stopTimeout after stop is closed.
func awaitForeign(pid int, stop <-chan struct{}) <-chan error {
	end := make(chan error, 1)
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		end <- errors.New("ended")
		return end
	}
	go func() {
		defer unix.Close(fd)
		var giveUp time.Time
		for giveUp.IsZero() || time.Now().Before(giveUp) {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 100)
			if n > 0 || (err != nil && !errors.Is(err, unix.EINTR)) {
				end <- errors.New("ended")
				return
			}
			if giveUp.IsZero() {
				select {
				case <-stop:
					giveUp = time.Now().Add(stopTimeout)
				default:
				}
			}
		}
	}()
	return end
}

// running is the process of the cluster's server, 0 if there is none. A pid file that a crash left behind is taken
// away, even if its pid now is another program's.
func (c *Cluster) running() (int, error) {
	file := filepath.Join(c.path, "postmaster.pid")
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	} else if err != nil {
		return 0, fmt.Errorf("read the private database: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err == nil && pid > 0 {
		// The server's working folder is the cluster's.
		cwd, err1 := os.Stat(fmt.Sprintf("/proc/%d/cwd", pid))
		own, err2 := os.Stat(c.path)
		if err1 == nil && err2 == nil && os.SameFile(cwd, own) {
			return pid, nil
		}
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("take away the dead server's %s: %w", file, err)
	}
	return 0, nil
}

func (c *Cluster) signal(pid int, sig syscall.Signal) {
	if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
		c.config.Log.Error("database: signal the private cluster", "pid", pid, "err", err)
	}
}

// Close stops the server if it is ours to stop, and waits for its end or ctx's.
func (c *Cluster) Close(ctx context.Context) error {
	c.stopped.Do(func() { close(c.stop) })
	select {
	case <-c.ended:
	case <-ctx.Done():
		return fmt.Errorf("stop the private database: %w", ctx.Err())
	}
	c.release()
	return nil
}

func (c *Cluster) release() {
	if c.dir != nil {
		c.dir.Close()
	}
	if c.lock != nil {
		c.lock.Close() // and with it the lock
	}
}

// URL is how to connect to one of the cluster's databases; by Dial, where the folder's path is too long for a socket.
func (c *Cluster) URL(database string) string {
	q := url.Values{"host": {c.path}, "port": {"5432"}, "user": {roleName}, "sslmode": {"disable"}}
	return "postgres:///" + url.PathEscape(database) + "?" + q.Encode()
}

// Dial connects to the cluster's socket, however long its path.
func (c *Cluster) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	dir, err := os.Open(c.path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	d := net.Dialer{Timeout: connectTimeout}
	return d.DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), socketName))
}

func (c *Cluster) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(c.URL(database))
	if err != nil {
		return nil, err
	}
	config.ConnectTimeout = connectTimeout
	config.DialFunc = c.Dial
	return pgx.ConnectConfig(ctx, config)
}

// createDatabase makes a database unless it is there.
func (c *Cluster) createDatabase(ctx context.Context, name string) error {
	conn, err := c.connect(ctx, "postgres")
	if err != nil {
		return fmt.Errorf("connect to the private database: %w", err)
	}
	defer conn.Close(ctx)
	var there bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name).Scan(&there); err != nil {
		return fmt.Errorf("look into the private database: %w", err)
	}
	if there {
		return nil
	}
	if _, err := conn.Exec(ctx, `CREATE DATABASE `+pgx.Identifier{name}.Sanitize()); err != nil {
		return fmt.Errorf("create the private database: %w", err)
	}
	return nil
}

// serverUser is whom the server runs as: nil for ourselves, the user postgres for root, whom PostgreSQL refuses.
func serverUser() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, errors.New("PostgreSQL does not run as root and there is no user postgres: install the package postgresql, or run ringbook as another user")
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("the user postgres: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// serverEnv is all the environment that the server gets: none of our secrets.
func serverEnv() []string {
	return []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"}
}

// lockFile takes a lock that ends with the process. nil: another process has it.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the private database: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, nil
	}
	return nil, fmt.Errorf("lock the private database: %w", err)
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}
