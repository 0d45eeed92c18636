package temporal

import (
	"os"
	"path/filepath"
	"testing"
)

// The name becomes part of a URL.
func TestStoreIsInTheFileThatIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "100% of a# b?", "temporal.db")
	if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second finds it
		if _, err := sqliteStore(file); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Size() == 0 {
		t.Errorf("it is not there, or empty: %v", err)
	}
}
