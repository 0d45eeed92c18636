package saga

import (
	"cmp"
	"os"
	"runtime/debug"

	"go.temporal.io/sdk/worker"
)

// nameBuild tells the SDK which build this is. By itself it would read the whole
// program for a hash, a tenth of a second before a worker takes its first order, and
// panic where there is no /proc to find it by, or no such file any more. That is left
// to it where nothing is known of what the program was built from.
func nameBuild() {
	var name string
	if info, known := debug.ReadBuildInfo(); known {
		name = revision(info.Settings)
	}
	if name != "" || !readable() {
		worker.SetBinaryChecksum(cmp.Or(name, "unknown"))
	}
}

// revision is what a program with these settings was built from; "" where no commit
// says so.
func revision(settings []debug.BuildSetting) string {
	var revision string
	for _, s := range settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			return ""
		}
	}
	return revision
}

// readable is whether the program can read its own file.
func readable() bool {
	path, err := os.Executable()
	if err != nil {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	_ = f.Close() // it was only read
	return true
}
