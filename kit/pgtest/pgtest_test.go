package pgtest

import (
	"os"
	"strings"
	"testing"
)

func TestCommittedDataSurvivesKill(t *testing.T) {
	s := Start(t)
	db := s.Database(t)
	query := func(sql string) string {
		t.Helper()
		out, err := s.run("psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--command", sql, db)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	query("create table t (x text); insert into t values ('kept')")
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.run("psql", "--command", "select 1", db); err == nil {
		t.Fatal("the killed server accepts connections")
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if got := query("select x from t"); got != "kept" {
		t.Fatalf("got %q", got)
	}
}

func TestCloseDeletesTheData(t *testing.T) {
	s, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.dir); !os.IsNotExist(err) {
		t.Fatalf("data directory exists: %v", err)
	}
}
