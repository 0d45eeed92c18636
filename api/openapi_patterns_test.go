package api

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
)

// patternsOf is what the description says of the form of parameters.
type patternsOf struct {
	Paths map[string]map[string]struct {
		Parameters []struct {
			Name   string
			Schema struct{ Pattern string }
		}
	}
	Components struct {
		Parameters map[string]struct {
			Schema struct {
				Pattern   string
				MaxLength int `yaml:"maxLength"`
			}
		}
	}
}

func TestDescriptionHasTheFormOfWait(t *testing.T) {
	var form string
	for _, p := range described[patternsOf](t).Paths["/orders/{id}"]["get"].Parameters {
		if p.Name == "wait" {
			form = p.Schema.Pattern
		}
	}
	if form != waitForm.String() {
		t.Errorf("described is %q, taken is %q", form, waitForm)
	}
}

// A client that sends what the description allows is not told that it is wrong.
func TestDescriptionHasTheFormOfIdempotencyKeys(t *testing.T) {
	schema := described[patternsOf](t).Components.Parameters["IdempotencyKey"].Schema
	form := regexp.MustCompile(schema.Pattern)
	for _, key := range []string{
		"", "a", "b7e0c9d2-6f0a-4c1c-8f7e-2d1f0a9b3c55", "two words", `"quoted"`, `"with \" and \\"`, `a"b`,
		`"`, `""`, `"a`, `"a"b`, `"a\b"`, "ä", "a\tb", strings.Repeat("k", schema.MaxLength), strings.Repeat("k", schema.MaxLength+1),
	} {
		withRequest("Idempotency-Key", key, "", func(c *fiber.Ctx) {
			_, err := idempotencyKey(c)
			allowed := form.MatchString(key) && len(key) <= schema.MaxLength
			if allowed != (err == nil) {
				t.Errorf("the key %q is described %t, and answered %v", key, allowed, err)
			}
		})
	}
}

// A process that stops, and an order in the line, say what no other does.
func TestDescriptionHasEveryStateAndEveryFormOfTag(t *testing.T) {
	d := described[struct {
		Components struct {
			Headers map[string]struct{ Schema struct{ Pattern string } }
			Schemas map[string]struct{ Enum []health }
		}
	}](t).Components
	states := []health{healthOK, healthDegraded, healthDown, healthLeaving}
	if got := d.Schemas["Health"].Enum; !slices.Equal(got, states) {
		t.Errorf("described are %q, /readyz says %q", got, states)
	}
	form := regexp.MustCompile(d.Headers["ETag"].Schema.Pattern)
	for _, tag := range []string{etag(1), "W/" + etag(1)} {
		if !form.MatchString(tag) {
			t.Errorf("the tag %s is not as described", tag)
		}
	}
}
