package saga

import (
	"cmp"
	"os"
	"runtime/debug"

	"go.temporal.io/sdk/worker"
)

// nameBuild tells the SDK which build this is where it cannot find out by itself.
// It reads the file of the running program, and panics where there is no /proc to
// find it by, or no such file any more.
func nameBuild() {
	path, err := os.Executable()
	if err == nil {
		var f *os.File
		if f, err = os.Open(path); err == nil {
			_ = f.Close() // it was only read
			return
		}
	}
	worker.SetBinaryChecksum(buildName())
}

// buildName is what the program itself knows of where it came from.
func buildName() string {
	var revision, version string
	if info, known := debug.ReadBuildInfo(); known {
		version = info.Main.Version
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				revision = setting.Value
			}
		}
	}
	return cmp.Or(revision, version, "unknown")
}
