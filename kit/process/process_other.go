//go:build unix && !linux

package process

import "syscall"

// Limits describes what the launcher cannot guarantee on this system.
const Limits = "this system has no parent-death signal: if the launcher is killed, its parts keep running and must be stopped by hand"

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// CommandAttributes leaves a command in the process group.
func CommandAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
