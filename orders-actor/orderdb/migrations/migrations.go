// Package migrations holds the SQL files that create the tables of the order database, in a folder for each dialect.
package migrations

import "embed"

// Files are run in the order of their names.
//
//go:embed sqlite/*.sql postgres/*.sql
var Files embed.FS
