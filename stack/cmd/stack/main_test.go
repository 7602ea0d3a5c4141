package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBackupWithoutFolderIsRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, command := range []string{"backup", "restore"} {
		require.ErrorContains(t, run([]string{"-home", t.TempDir(), command, ""}), "usage: make "+command+" DIR=", "make %s without DIR", command)
		require.ErrorContains(t, run([]string{"-home", t.TempDir(), command}), "usage: ")
	}
}
