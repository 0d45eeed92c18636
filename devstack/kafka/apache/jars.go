package apache

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

// version is the one that pom.xml names.
const version = "4.3.1"

//go:embed pom.xml
var pom []byte

// jars returns a directory with Kafka and all it needs, which Maven fills on
// first use and again when pom.xml has changed.
func jars(ctx context.Context, log zerolog.Logger) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("where to keep Apache Kafka: %w", err)
	}
	cache = filepath.Join(cache, "order-service-devstack")
	dir := filepath.Join(cache, "kafka-"+version)
	if filled(dir) {
		return dir, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(filepath.Join(cache, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if filled(dir) { // by the one who had the lock
		return dir, nil
	}
	return dir, download(ctx, dir, log)
}

// filled tells a complete directory by the pom.xml that it was made from.
func filled(dir string) bool {
	made, err := os.ReadFile(filepath.Join(dir, "pom.xml"))
	return err == nil && bytes.Equal(made, pom)
}

// lock keeps two devstacks from downloading at once. It waits.
func lock(file string) (unlock func(), err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", file, err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// download fills a directory under another name first, so that dir is complete
// when it is there.
func download(ctx context.Context, dir string, log zerolog.Logger) error {
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return errors.New("mvn is missing, which downloads Apache Kafka: install Maven (Debian: apt-get install maven)")
	}
	fresh := dir + ".new"
	if err := errors.Join(os.RemoveAll(fresh), os.MkdirAll(fresh, 0o755)); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(fresh, "pom.xml"), pom, 0o644); err != nil {
		return err
	}
	log.Info().Msgf("downloading Apache Kafka %s with Maven, 50 MB, into %s", version, dir)
	begun := time.Now()
	cmd := exec.CommandContext(ctx, mvn, "-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory="+fresh)
	cmd.Dir = fresh
	if out, err := cmd.CombinedOutput(); err != nil {
		// What failed stands first; advice on Maven's flags follows.
		return fmt.Errorf("download Apache Kafka with %s: %w\n%s", mvn, err, out[:min(len(out), 2000)])
	}
	log.Info().Msgf("downloaded Apache Kafka %s, %s", version, time.Since(begun).Round(time.Second))
	return errors.Join(os.RemoveAll(dir), os.Rename(fresh, dir))
}
