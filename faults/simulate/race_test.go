//go:build race

package simulate

const racing = true
