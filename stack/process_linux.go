package stack

import "syscall"

// limits describes what the launcher cannot guarantee on this system.
const limits = ""

// partAttributes gives a part its own process group and kills it when the launcher ends for any reason.
func partAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// commandAttributes leaves a command in the launcher's process group, so that it can read from the terminal.
func commandAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
}
