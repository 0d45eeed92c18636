package postgres

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	embedded "github.com/fergusstrange/embedded-postgres"
)

// binaries is a folder with Postgres' programs.
type binaries struct {
	dir     string
	version string // as "15.5"
}

func (b binaries) path(program string) string { return filepath.Join(b.dir, program) }

func (b binaries) String() string { return b.version + " (" + b.dir + ")" }

// fits reports whether b can serve a cluster made by the given major version.
func (b binaries) fits(major string) bool {
	return major == "" || b.version == major || strings.HasPrefix(b.version, major+".")
}

// find returns the newest installed binaries, or downloads some. A cluster is
// bound to its major version.
func find(ctx context.Context, c cluster) (binaries, error) {
	major := c.major()
	found := installed(ctx)
	for _, b := range found {
		if b.fits(major) {
			return b, nil
		}
	}
	b, err := download(ctx, c)
	switch {
	case err == nil && b.fits(major):
		return b, nil
	case err == nil:
		err = fmt.Errorf("%v was downloaded before", b)
	}
	if major != "" {
		return b, fmt.Errorf("%s was made by Postgres %s, which is not among the installed ones %v, and could not be downloaded: %w\n"+
			"install it, set DATABASE_URL, or forget all data by removing the whole --data directory (make clean)", c.data(), major, found, err)
	}
	return b, fmt.Errorf("no Postgres is installed (looked in PATH, %s) and none could be downloaded: %w\n"+
		"install one (Debian and Ubuntu: apt-get install postgresql; macOS: brew install postgresql@17) or set DATABASE_URL",
		strings.Join(folders, ", "), err)
}

// folders is where packages put Postgres outside PATH.
var folders = []string{
	"/usr/lib/postgresql/*/bin",         // Debian, Ubuntu
	"/usr/pgsql-*/bin",                  // PGDG on Red Hat
	"/opt/homebrew/opt/postgresql*/bin", // Homebrew, Apple silicon
	"/usr/local/opt/postgresql*/bin",    // Homebrew, Intel
	"/Applications/Postgres.app/Contents/Versions/*/bin",
	"/usr/local/pgsql/bin", // from source
}

// installed lists the machine's binaries, those in PATH first, then the newest.
func installed(ctx context.Context) []binaries {
	var found []binaries
	for _, pattern := range folders {
		dirs, _ := filepath.Glob(pattern) // the patterns are well formed
		for _, dir := range dirs {
			if b, err := inspect(ctx, dir); err == nil {
				found = append(found, b)
			}
		}
	}
	slices.SortStableFunc(found, func(a, b binaries) int { return number(b.version) - number(a.version) })
	if path, err := exec.LookPath("postgres"); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			if b, err := inspect(ctx, filepath.Dir(real)); err == nil {
				found = slices.Insert(found, 0, b)
			}
		}
	}
	return found
}

// inspect returns an error unless dir has the programs that are needed.
func inspect(ctx context.Context, dir string) (binaries, error) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return binaries{}, err
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return binaries{}, err
	}
	words := strings.Fields(string(out)) // postgres (PostgreSQL) 15.5 (Debian 15.5-0+deb12u1)
	if len(words) < 3 {
		return binaries{}, fmt.Errorf("unexpected version %q", out)
	}
	return binaries{dir: dir, version: words[2]}, nil
}

// number is the major version, 0 when unreadable.
func number(version string) (major int) {
	_, _ = fmt.Sscanf(version, "%d", &major)
	return major
}

// downloadable is the version to fetch for a cluster of the major version, the
// newest where there is none yet.
func downloadable(major string) embedded.PostgresVersion {
	versions := []embedded.PostgresVersion{embedded.V18, embedded.V17, embedded.V16, embedded.V15, embedded.V14, embedded.V13}
	for _, v := range versions {
		if strings.HasPrefix(string(v), major+".") {
			return v
		}
	}
	return versions[0]
}

// download fetches binaries into the cluster's directory; the archive is kept
// in the user's cache. embedded-postgres has no call that only fetches, so its
// server is started and ended; under root it refuses to start after the
// download, which is why the binaries decide and not the error.
func download(ctx context.Context, c cluster) (binaries, error) {
	dist := filepath.Join(c.Dir, "dist")
	if b, err := inspect(ctx, filepath.Join(dist, "bin")); err == nil {
		return b, nil
	}
	scratch := filepath.Join(c.Dir, "scratch")
	defer os.RemoveAll(scratch)
	c.Log.Info().Msg("no Postgres is installed: downloading one")
	pg := embedded.NewDatabase(embedded.DefaultConfig().Version(downloadable(c.major())).Port(uint32(c.port)).BinariesPath(dist).RuntimePath(scratch).Logger(nil))
	err := pg.Start()
	if err == nil {
		err = pg.Stop()
	}
	b, missing := inspect(ctx, filepath.Join(dist, "bin"))
	if missing != nil {
		return b, fmt.Errorf("download: %w", err)
	}
	return b, c.user.Own(dist)
}
