package pbxtest

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// endWithParent has a program end when this process does, however that happens.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// udpBound says whether a program listens on this UDP port of loopback (127.0.0.1), without disturbing it.
func udpBound(port int) bool {
	table, err := os.ReadFile("/proc/net/udp")
	return err == nil && strings.Contains(string(table), fmt.Sprintf(": 0100007F:%04X ", port))
}
