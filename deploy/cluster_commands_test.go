//go:build k8s

package deploy_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"orders/api"
	"orders/deploy/retryclient"
)

// operations runs the commands of docs/operations.md while orders are there.
func (c *cluster) operations() {
	require.Contains(c.t, c.command("make doctor"), " 0 problems")

	name := "erased-" + strconv.FormatInt(time.Now().Unix(), 36)
	user, err := retryclient.Login(c.t.Context(), c.url, name)
	require.NoError(c.t, err)
	o, err := user.Create(c.t.Context(), "")
	require.NoError(c.t, err)
	o, err = user.Final(c.t.Context(), o.ID)
	require.NoError(c.t, err)

	for _, name := range []string{"make rebuild", "make rearm"} {
		c.t.Log(c.command(name))
		same, err := user.Get(c.t.Context(), o.ID)
		require.NoError(c.t, err)
		require.Equal(c.t, o, same, name)
	}

	docs := documented(c.t, "# restore-ledger on Kubernetes\n", "```")
	out, err := c.try([]byte(strings.ReplaceAll(docs, "-n orders ", "-n "+c.namespace+" ")), "bash", "-euo", "pipefail")
	require.NoError(c.t, err, out)
	c.t.Log(out)

	require.Contains(c.t, c.command("make erase CUSTOMER=name", "name", name), "removed: 1 orders")
	n, err := user.Count(c.t.Context())
	require.NoError(c.t, err)
	require.Zero(c.t, n)
	after, err := user.Create(c.t.Context(), "")
	require.NoError(c.t, err)
	require.Equal(c.t, api.StatusCreated, after.Status, "customers order again")
}

// command runs the form for Kubernetes of a command of docs/operations.md, with some of its words replaced.
func (c *cluster) command(name string, replace ...string) string {
	c.t.Helper()
	row := documented(c.t, "| `"+name+"` |", "\n")
	cells := strings.Split(row, "|")
	form := strings.Trim(cells[len(cells)-2], " `")
	args := strings.Fields(strings.NewReplacer(replace...).Replace(form))
	var out string
	c.eventually(fmt.Sprint(args), func() (err error) { // a pod may have been replaced just now
		out, err = c.try(nil, "kubectl", append([]string{"-n", c.namespace}, args...)...)
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
	return out
}

// documented returns the text of docs/operations.md between two texts.
func documented(t *testing.T, after, before string) string {
	t.Helper()
	page, err := os.ReadFile("../docs/operations.md")
	require.NoError(t, err)
	_, text, found := strings.Cut(string(page), after)
	require.True(t, found, after)
	text, _, found = strings.Cut(text, before)
	require.True(t, found, before)
	return text
}
