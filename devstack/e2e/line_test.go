package e2e

import (
	"testing"

	"order-service/linetest"
)

type line = linetest.Line

// newLine opens a line to the backend's address; it ends with the test. Made
// before the shop it outlives the shop's services.
func newLine(t *testing.T, backend string) *line {
	t.Helper()
	return linetest.New(t, backend)
}
