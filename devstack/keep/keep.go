// Package keep writes the small files that the next run on a data directory
// relies on.
package keep

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// File writes data to name, with the permissions perm. It is there as a whole or
// is what it was before, also when the power fails meanwhile. An error is that
// of the file system.
func File(name string, data []byte, perm fs.FileMode) error {
	fresh := name + ".new"
	f, err := os.OpenFile(fresh, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, perm)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(fresh, name); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close()) // until then the new name may be lost
}
