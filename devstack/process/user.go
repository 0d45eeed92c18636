package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// User is whom a server runs as when this process may not lend it its own
// rights. A nil *User stands for this process's user.
type User struct {
	Name     string
	UID, GID int
}

// Unprivileged returns nil for an ordinary user, and for root a user without
// rights: Postgres refuses to run as root.
func Unprivileged() (*User, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.Atoi(found.Uid)
		gid, gidErr := strconv.Atoi(found.Gid)
		if uidErr == nil && gidErr == nil {
			return &User{Name: name, UID: uid, GID: gid}, nil
		}
	}
	return nil, fmt.Errorf("postgres must not run as root, and neither user postgres nor user nobody exists: add one, or run devstack as an ordinary user")
}

// Lend makes a command with these attributes run as u.
func (u *User) Lend(attr *syscall.SysProcAttr) {
	if u != nil {
		attr.Credential = &syscall.Credential{Uid: uint32(u.UID), Gid: uint32(u.GID)}
	}
}

// Own gives dir and all in it to u. What vanishes meanwhile is nobody's: a server
// of an earlier run may be ending there.
func (u *User) Own(dir string) error {
	if u == nil {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			err = os.Lchown(path, u.UID, u.GID)
		}
		if path != dir && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

// MayEnter returns an error that names the first directory on the way to dir
// which u may not enter, and says what to do about it.
func (u *User) MayEnter(dir string) error {
	if u == nil {
		return nil
	}
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	for parent := dir; ; parent = filepath.Dir(parent) {
		info, err := os.Stat(parent)
		if err != nil {
			return err
		}
		if !u.enters(info) {
			return fmt.Errorf("under root, Postgres runs as user %s, who may not enter %s (%s): "+
				"choose another --data directory, run chmod o+x %s, or run devstack as an ordinary user",
				u.Name, parent, info.Mode().Perm(), parent)
		}
		if parent == filepath.Dir(parent) {
			return nil
		}
	}
}

func (u *User) enters(dir os.FileInfo) bool {
	owner, ok := dir.Sys().(*syscall.Stat_t)
	switch mode := dir.Mode(); {
	case ok && int(owner.Uid) == u.UID:
		return mode&0o100 != 0
	case ok && int(owner.Gid) == u.GID:
		return mode&0o010 != 0
	default:
		return mode&0o001 != 0
	}
}
