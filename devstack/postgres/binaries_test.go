package postgres

import "testing"

func TestWhatIsDownloadedServesTheClusterThatIsThere(t *testing.T) {
	for _, major := range []string{"13", "15", "18"} {
		if b := (binaries{version: string(downloadable(major))}); !b.fits(major) {
			t.Errorf("%s for a cluster of %s", b.version, major)
		}
	}
	if downloadable("") == "" {
		t.Error("nothing for a new cluster")
	}
}
