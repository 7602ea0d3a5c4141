package process

import "syscall"

// Limits describes what the launcher cannot guarantee on this system.
const Limits = ""

// attributes gives a part its own process group and kills it when the launcher ends for any reason.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// CommandAttributes leaves a command in the launcher's process group, so that it can read from the terminal.
func CommandAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
}
