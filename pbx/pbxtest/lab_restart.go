package pbxtest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Restart kills Asterisk at once, as a crash would, and starts it anew at the same addresses. Every call is gone, and
// the phones are not registered any more.
func (a *Asterisk) Restart() {
	a.tb.Helper()
	root := os.Getenv("RINGBOOK_ASTERISK_ROOT")
	if root == "" {
		root = "/var/cache/ringbook/asterisk-root"
	}
	content, err := os.ReadFile(filepath.Join(root, "var/lib/ringbook", a.name, "run/asterisk.pid"))
	if err != nil {
		a.tb.Fatalf("find Asterisk's process: %v", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err != nil {
		a.tb.Fatalf("kill Asterisk: %v", err)
	}
	a.mu.Lock()
	end := a.end
	a.mu.Unlock()
	end()
	if err := a.run(a.settings); err != nil {
		a.tb.Fatalf("start Asterisk anew: %v", err)
	}
}
