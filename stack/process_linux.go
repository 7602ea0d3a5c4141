package stack

import "syscall"

// limits says what the launcher cannot promise on this system.
const limits = ""

// partAttributes gives a part its own process group and ends it when the launcher ends, however that happens.
func partAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// commandAttributes leaves a command in the launcher's process group, so that it may read from the terminal.
func commandAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
}
