//go:build unix && !linux

package stack

import "syscall"

// limits describes what the launcher cannot guarantee on this system.
const limits = "this system has no parent-death signal: if the launcher is killed, its parts keep running and must be stopped by hand"

func partAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func commandAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
