package process

import (
	"os"
	"syscall"
)

// Limits describes what the launcher cannot guarantee on this system.
const Limits = "Windows has no signals that stop the parts in order: use WSL 2, or docker compose up --build"

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

func CommandAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

func signalGroup(p *os.Process, _ syscall.Signal) error { return p.Kill() }

func LockFile(*os.File) error { return nil }

// KeepFilesPrivate does nothing: on Windows files inherit the permissions of their folder.
func KeepFilesPrivate() {}
