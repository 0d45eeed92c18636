package keep

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAFileThatCannotBeWrittenStaysWhatItWas(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := File(name, []byte("first"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(name+".new", 0o700); err != nil { // in the way
		t.Fatal(err)
	}
	if err := File(name, []byte("second"), 0o600); err == nil {
		t.Error("nobody was told")
	}
	if data, err := os.ReadFile(name); string(data) != "first" || err != nil {
		t.Errorf("it holds %q, %v", data, err)
	}
}
