package deploy_test

import (
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var dockerfiles = []string{"../orders-actor/Dockerfile", "../payments-svc/Dockerfile", "../deploy/Dockerfile"}

// What a build copies must be in the repository, not just on the machine of whoever wrote it.
func TestDockerfilesCopyWhatIsThere(t *testing.T) {
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
				require.NotEmpty(t, strings.TrimSpace(string(out)), "%s copies %s, which git doesn't know", file, source)
				copied++
			}
		}
		require.Positive(t, copied, file)
	}
}

func TestDockerfilesMakeSmallImagesWithoutRoot(t *testing.T) {
	for _, file := range dockerfiles {
		lines := instructions(t, file)
		last := 0
		for i, line := range lines {
			if strings.HasPrefix(line, "FROM ") {
				last = i
				require.Regexp(t, `:[^ ]+`, line, "%s: an image without a version", file)
			}
		}
		final := strings.Join(lines[last:], "\n")
		require.Contains(t, final, "FROM gcr.io/distroless/static", "%s: a shell", file)
		require.Contains(t, final, "USER 65532:65532", file)
		require.Contains(t, final, "org.opencontainers.image.version=", file)
		require.Contains(t, final, "org.opencontainers.image.revision=", file)
		require.NotContains(t, final, "RUN ", file)
		build := strings.Join(lines[:last], "\n")
		require.Contains(t, build, "CGO_ENABLED=0", file)
		require.Contains(t, build, "-trimpath", "%s: not reproducible", file)
	}
}

// instructions are a Dockerfile's, each on one line.
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
