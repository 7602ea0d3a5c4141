package doctor_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"orders/kit/doctor"
)

func TestOnlyProblemsAreErrors(t *testing.T) {
	checks := []doctor.Check{
		{Name: "disk", Run: func(ctx context.Context) []doctor.Finding {
			_, limited := ctx.Deadline()
			assert.True(t, limited)
			return doctor.Good("%d GB free", 7)
		}},
		{Name: "keys", Run: func(context.Context) []doctor.Finding { return doctor.Warn("finish it", "a rotation is in progress") }},
	}
	var out bytes.Buffer
	require.NoError(t, doctor.Run(t.Context(), &out, checks))
	assert.Equal(t, "ok       disk: 7 GB free\nwarning  keys: a rotation is in progress\n         fix: finish it\n2 checks, 1 warnings, 0 problems\n", out.String())

	checks = append(checks, doctor.Check{Name: "ports", Run: func(context.Context) []doctor.Finding { return doctor.Bad("stop it", "in use") }})
	require.ErrorContains(t, doctor.Run(t.Context(), &out, checks), "1 problems")
}
