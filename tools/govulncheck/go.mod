module govulncheck

go 1.26.4

tool golang.org/x/vuln/cmd/govulncheck

// Its folder data/osv is the vulnerability database, pinned like all other downloads.
require golang.org/x/vulndb v0.0.0-20261105234957-e22db6528018

require (
	golang.org/x/mod v0.42.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/telemetry v0.0.0-20261010193011-f71dc92da45e // indirect
	golang.org/x/tools v0.52.0 // indirect
	golang.org/x/vuln v1.9.0 // indirect
)
