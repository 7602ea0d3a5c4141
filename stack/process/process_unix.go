//go:build unix

package process

import (
	"os"
	"syscall"
)

// signalGroup signals a part and the processes that it has started.
func signalGroup(p *os.Process, signal syscall.Signal) error { return syscall.Kill(-p.Pid, signal) }

// LockFile locks the file. The kernel releases the lock when the process ends.
func LockFile(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }

// KeepFilesPrivate makes new files of this process and of the parts readable by their owner only.
func KeepFilesPrivate() { syscall.Umask(0o077) }
