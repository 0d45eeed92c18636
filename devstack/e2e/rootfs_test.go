package e2e

import (
	"bytes"
	"crypto/x509"
	"debug/elf"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// imageUser is whom the image runs as.
const imageUser = "65532"

// confined runs the program of a root file system as the strictest container
// would: a read-only root with nothing in it but the image and /proc, which the
// Temporal SDK wants; no group, no capability, no /dev or /tmp. The network is
// the machine's, where the servers are. Each step replaces the process before
// it, so that a signal meets the program.
const confined = `#!/bin/sh
exec unshare --mount sh -euc '
	mount --bind "$0" "$0"
	mount --rbind /proc "$0/proc"
	mount -o remount,bind,ro,nosuid,nodev "$0"
	cd "$0"
	exec setpriv --no-new-privs chroot --userspec=USER:USER --groups= . /order-service "$@"' 'ROOT' "$@"
`

// This is the image, but for an engine that runs images. Its only time zones are
// those in the binary, and log lines tell whether there are any.
func TestTheImageNeedsNothingButItsOwnFiles(t *testing.T) {
	t.Parallel()
	root := layOut(t)
	expectStatic(t, filepath.Join(root, "order-service"))
	expectAuthorities(t, filepath.Join(root, "etc", "ssl", "certs", "ca-certificates.crt"))
	expectOpen(t, root)
	if err := exec.Command("unshare", "--mount", "true").Run(); err != nil {
		t.Skipf("only root can try the image without a container engine, where mount namespaces are allowed: unshare: %v", err)
	}
	binary := confine(t, root)
	s := newShop(t)
	svc := s.startAt(freeAddr(t), binary, "all", map[string]string{"TZ": "Asia/Kathmandu"})
	if !svc.log.has("+05:45") {
		t.Error("the time zone is not known")
	}
	svc.expectNoPrivileges()
	confirm(s)
	s.wait("it is healthy", patience, func() bool { // an engine asks again, too, before it believes the contrary
		err := svc.healthcheck(binary)
		if err != nil {
			t.Logf("healthcheck: %v", err)
		}
		return err == nil
	})
	s.verify()
	svc.stop()
	if svc.healthcheck(binary) == nil {
		t.Error("a service that was stopped is healthy")
	}
}

// layOut returns the folder that make rootfs makes.
func layOut(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "rootfs")
	if out, err := exec.Command(filepath.Join("..", "..", "scripts", "rootfs"), root).CombinedOutput(); err != nil {
		t.Fatalf("scripts/rootfs: %v\n%s", err, out)
	}
	if err := os.Mkdir(filepath.Join(root, "proc"), 0o555); err != nil { // as a container's engine does
		t.Fatal(err)
	}
	return root
}

// expectStatic fails the test where the program wants a loader, and with it libc:
// the image has neither.
func expectStatic(t *testing.T, program string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return
	}
	file, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			t.Errorf("%s is run by an interpreter", program)
		}
	}
}

// expectAuthorities fails the test unless TLS finds whole certificates in the
// bundle, and nothing else.
func expectAuthorities(t *testing.T, bundle string) {
	t.Helper()
	rest, err := os.ReadFile(bundle)
	if err != nil {
		t.Fatal(err)
	}
	begun, found := bytes.Count(rest, []byte("-----BEGIN ")), 0
	for block, rest := pem.Decode(rest); block != nil; block, rest = pem.Decode(rest) {
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			t.Errorf("%s: %v", bundle, err)
		}
		found++
	}
	if found == 0 || found != begun {
		t.Errorf("%s has %d certificates, of %d that begin there", bundle, found, begun)
	}
}

// expectOpen fails the test unless everybody may read all files: the image is
// run as another user than the one who made it.
func expectOpen(t *testing.T, root string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		wanted := fs.FileMode(0o004)
		if entry.IsDir() || entry.Name() == "order-service" {
			wanted = 0o005
		}
		if info.Mode()&wanted != wanted {
			t.Errorf("%s is %s", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// confine returns a program that is the order-service of root, confined.
func confine(t *testing.T, root string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "order-service")
	script := strings.NewReplacer("USER", imageUser, "ROOT", root).Replace(confined)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// healthcheck does what a container's engine does every ten seconds.
func (svc *service) healthcheck(binary string) error {
	cmd := exec.Command(binary, "--healthcheck")
	cmd.Env = svc.shop.environ(map[string]string{"HTTP_ADDR": svc.addr})
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// expectNoPrivileges fails the test unless the process is what it was made.
func (svc *service) expectNoPrivileges() {
	svc.shop.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", svc.cmd.Process.Pid))
	if err != nil {
		svc.shop.t.Fatal(err)
	}
	for _, want := range []string{
		"Uid:" + strings.Repeat("\t"+imageUser, 4), "Gid:" + strings.Repeat("\t"+imageUser, 4),
		"Groups:\t \n", "CapEff:\t0000000000000000", "NoNewPrivs:\t1",
	} {
		if !strings.Contains(string(status), want) {
			svc.shop.t.Errorf("not %q:\n%s", want, status)
		}
	}
}
