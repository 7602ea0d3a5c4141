package e2e

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The commands of README.md can be pasted as a whole: they terminate, and each does what its comment says.
func TestReadmeCommandsSucceed(t *testing.T) {
	page, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	block := regexp.MustCompile("(?s)```sh\n(.*?)```").FindStringSubmatch(string(page))
	require.NotNil(t, block)
	commands := strings.Replace(block[1], "ORDERS=http://127.0.0.1:8080", "ORDERS="+shared.URL(), 1)
	require.NotEqual(t, block[1], commands)

	output, err := exec.CommandContext(t.Context(), "timeout", "60", "bash", "-c", commands+"\ntest $? = 28 # curl's time limit\n").CombinedOutput()
	require.NoError(t, err, "%s", output)
	assert.NotContains(t, string(output), `"code":`, "a problem: %s", output)
	assert.Contains(t, string(output), `"status":"cancelled"`)
	assert.Contains(t, string(output), "Black tea")
}
