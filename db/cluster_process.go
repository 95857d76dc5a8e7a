package db

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

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
