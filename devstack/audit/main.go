// Command audit reads a bill of materials (CycloneDX, JSON) and says under
// which licences the service's modules come. It fails when one of them is not
// known to let the service be used, changed and passed on without conditions
// but to name its authors.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: audit SBOM.json")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(path string, out io.Writer) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var b bill
	if err := json.Unmarshal(text, &b); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return b.report(out)
}

// permissive are the SPDX ids of licences that ask for a notice at most. The
// detector takes Go's own BSD-3-Clause for BSD-Source-Code, and some for 0BSD.
var permissive = []string{"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSD-Source-Code", "ISC", "MIT"}

// read are the licences that the detector does not find, as people read them.
var read = map[string]string{
	"github.com/nexus-rpc/nexus-proto-annotations": "MIT",
	"github.com/pressly/goose/v3":                  "MIT",
	"std":                                          "BSD-3-Clause",
}

// bill is what is read of a bill of materials.
type bill struct {
	Components []component `json:"components"`
}

type component struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Evidence struct {
		Licenses []struct {
			License struct {
				ID string `json:"id"`
			} `json:"license"`
		} `json:"licenses"`
	} `json:"evidence"`
}

// licence is c's, or "" when nobody knows.
func (c component) licence() string {
	var ids []string
	for _, found := range c.Evidence.Licenses {
		ids = append(ids, found.License.ID)
	}
	if len(ids) == 0 {
		return read[c.Name]
	}
	return strings.Join(ids, "+")
}

// report writes how many modules come under which licence. Its error names
// those that someone has to look at.
func (b bill) report(out io.Writer) error {
	if len(b.Components) == 0 {
		return fmt.Errorf("the bill of materials is empty")
	}
	count := map[string]int{}
	var doubtful []string
	for _, c := range b.Components {
		licence := c.licence()
		count[licence]++
		if !slices.Contains(permissive, licence) {
			doubtful = append(doubtful, fmt.Sprintf("%s %s: %q", c.Name, c.Version, licence))
		}
	}
	for _, licence := range slices.Sorted(maps.Keys(count)) {
		fmt.Fprintf(out, "%6d %s\n", count[licence], licence)
	}
	if len(doubtful) > 0 {
		return fmt.Errorf("whose licence is not known to be permissive:\n  %s", strings.Join(doubtful, "\n  "))
	}
	return nil
}
