package measure

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestToolsExitCodeSaysWhoseFaultItIs(t *testing.T) {
	tool := Tool[string]{
		Name: "bench", Usage: "how to use it\n",
		Parse: func(args []string) (string, error) {
			set := flag.NewFlagSet("bench", flag.ContinueOnError)
			what := set.String("what", "", "")
			err := ParseFlags(set, args)
			return *what, err
		},
		Work: func(_ context.Context, _ string, stdout, _ io.Writer) error {
			_, err := io.WriteString(stdout, "ran\n")
			return err
		},
	}
	broken := tool
	broken.Work = func(context.Context, string, io.Writer, io.Writer) error { return errors.New("an order was lost") }
	for _, c := range []struct {
		tool        Tool[string]
		args        []string
		code        int
		said, wrong string
	}{
		{tool, nil, ExitOK, "ran\n", ""},
		{tool, []string{"--what=x"}, ExitOK, "ran\n", ""},
		{tool, []string{"--help"}, ExitOK, "how to use it\n", ""},
		{tool, []string{"more"}, ExitUsage, "", "bench: unexpected argument \"more\"\n"},
		{broken, nil, ExitFailed, "", "bench: an order was lost\n"},
	} {
		var stdout, stderr bytes.Buffer
		if code := c.tool.Run(t.Context(), c.args, &stdout, &stderr); code != c.code || stdout.String() != c.said || stderr.String() != c.wrong {
			t.Errorf("%v: %d, %q, %q", c.args, code, &stdout, &stderr)
		}
	}
}

func TestFindingsAreWrittenWhereAFileIsNamed(t *testing.T) {
	if err := WriteJSON("", 1); err != nil {
		t.Error(err)
	}
	file := filepath.Join(t.TempDir(), "found.json")
	if err := WriteJSON(file, map[string]int{"a": 1}); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "{\n  \"a\": 1\n}\n" {
		t.Errorf("%s, %v", got, err)
	}
}
