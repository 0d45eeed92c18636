package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tool stands for go, and installs tools that do what the test says.
const tool = `#!/bin/sh
if [ "$1" = install ]; then
	printf '#!/bin/sh\ncase $0 in *govulncheck) echo "$SAYS" >&2; exit $ENDS ;; esac\n' >"$GOBIN/$(basename "${2%@*}")"
	chmod +x "$GOBIN/$(basename "${2%@*}")"
fi
`

// Only a database that is out of reach keeps the audit from being one: whoever
// reads "passed" must be able to believe it.
func TestAuditFailsWhenVulnerabilitiesWereNotLookedFor(t *testing.T) {
	for name, c := range map[string]struct {
		says, ends string
		passes     bool
	}{
		"none found":      {"", "0", true},
		"some found":      {"", "3", false},
		"no such host":    {`govulncheck: fetching vulnerabilities: Get "https://vuln.go.dev/index/modules.json.gz": dial tcp: lookup vuln.go.dev: no such host`, "1", true},
		"refused":         {`govulncheck: fetching vulnerabilities: Get "https://vuln.go.dev/index/modules.json.gz": dial tcp 127.0.0.1:443: connect: connection refused`, "1", true},
		"a wrong answer":  {`govulncheck: fetching vulnerabilities: HTTP GET https://vuln.go.dev/index/modules.json.gz returned unexpected status: 404 Not Found`, "1", false},
		"a false server":  {`govulncheck: fetching vulnerabilities: Get "https://vuln.go.dev/index/modules.json.gz": tls: failed to verify certificate`, "1", false},
		"does not build":  {"govulncheck: loading packages: \nThere are errors with the provided package patterns: dial tcp", "1", false},
		"wrong arguments": {"flag provided but not defined: -db", "2", false},
		"killed":          {"", "137", false},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "go"), []byte(tool), 0o755); err != nil {
			t.Fatal(err)
		}
		run := exec.Command("../../scripts/audit")
		run.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "SAYS="+c.says, "ENDS="+c.ends)
		out, err := run.CombinedOutput()
		if passed := err == nil; passed != c.passes {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		if said := strings.Contains(string(out), "They were not looked for"); said != (c.passes && c.ends != "0") {
			t.Errorf("%s: it says\n%s", name, out)
		}
	}
}
