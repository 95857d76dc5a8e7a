package db

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
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
