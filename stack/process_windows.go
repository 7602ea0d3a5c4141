package stack

import (
	"os"
	"syscall"
)

// limits describes what the launcher cannot guarantee on this system.
const limits = "Windows has no signals that stop the parts in order: use WSL 2, or docker compose up --build"

func partAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

func commandAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

func signalGroup(p *os.Process, _ syscall.Signal) error { return p.Kill() }

func lockFile(*os.File) error { return nil }

// KeepFilesPrivate does nothing: on Windows files inherit the permissions of their folder.
func KeepFilesPrivate() {}
