//go:build !failpoints

package failpoint

// Enabled says whether this build has failpoints.
const Enabled = false

// Hit is nothing in this build.
func Hit(string) error { return nil }

// After is err in this build.
func After(_ string, err error) error { return err }
