package deploy_test

import (
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var dockerfiles = []string{"../orders-actor/Dockerfile", "../payments-svc/Dockerfile", "../deploy/Dockerfile"}

// A build must not copy files that exist only on a developer's machine.
func TestDockerfilesCopyOnlyTrackedFiles(t *testing.T) {
	for _, file := range dockerfiles {
		copied := 0
		for _, line := range instructions(t, file) {
			words := strings.Fields(line)
			if words[0] != "COPY" || strings.HasPrefix(words[1], "--from=") {
				continue
			}
			for _, source := range words[1 : len(words)-1] {
				out, err := exec.Command("git", "-C", "..", "ls-files", "--", source).Output()
				require.NoError(t, err)
				require.NotEmpty(t, strings.TrimSpace(string(out)), "%s copies %s, which git does not track", file, source)
				copied++
			}
		}
		require.Positive(t, copied, file)
	}
}

func TestDockerfilesBuildStaticNonRootImages(t *testing.T) {
	for _, file := range dockerfiles {
		lines := instructions(t, file)
		last := 0
		for i, line := range lines {
			if strings.HasPrefix(line, "FROM ") {
				last = i
				require.Regexp(t, `:[^ ]+`, line, "%s: a base image without a version", file)
			}
		}
		final := strings.Join(lines[last:], "\n")
		require.Contains(t, final, "FROM gcr.io/distroless/static", "%s: the image must have no shell", file)
		require.Contains(t, final, "USER 65532:65532", file)
		require.Contains(t, final, "org.opencontainers.image.version=", file)
		require.Contains(t, final, "org.opencontainers.image.revision=", file)
		require.NotContains(t, final, "RUN ", file)
		build := strings.Join(lines[:last], "\n")
		require.Contains(t, build, "CGO_ENABLED=0", file)
		require.Contains(t, build, "-trimpath", "%s: the build must be reproducible", file)
	}
}

// Images are built with GOWORK=off from each module's go.mod, tests run in the workspace. Both must select the same module
// versions and the same Go release, so that the shipped program is the tested one.
func TestImagesUseTestedVersions(t *testing.T) {
	work, err := os.ReadFile("../go.work")
	require.NoError(t, err)
	toolchain := regexp.MustCompile(`(?m)^toolchain go(.+)$`).FindSubmatch(work)
	require.NotNil(t, toolchain, "go.work pins no Go release")
	for _, file := range dockerfiles {
		require.Contains(t, strings.Join(instructions(t, file), "\n"), "FROM golang:"+string(toolchain[1])+"-alpine", file)
	}
	for _, module := range []string{"../orders-actor", "../payments-svc", "../deploy"} {
		require.Equal(t, selected(t, module, ""), selected(t, module, "off"), "%s: run go work sync", module)
	}
}

// selected returns the module versions that a module's packages are built from.
func selected(t *testing.T, module, work string) string {
	t.Helper()
	list := exec.Command("go", "list", "-deps", "-f", `{{with .Module}}{{if and .Version (not .Replace)}}{{.Path}} {{.Version}}{{end}}{{end}}`, "./...")
	list.Dir, list.Env = module, append(os.Environ(), "GOWORK="+work)
	out, err := list.CombinedOutput()
	require.NoError(t, err, "%s", out)
	lines := strings.Split(string(out), "\n")
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "\n")
}

// instructions returns a Dockerfile's instructions, each on one line.
func instructions(t *testing.T, file string) []string {
	t.Helper()
	content, err := os.ReadFile(path.Clean(file))
	require.NoError(t, err)
	var lines []string
	for line := range strings.SplitSeq(strings.ReplaceAll(string(content), "\\\n", " "), "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}
