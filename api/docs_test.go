package api

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

func TestDocsPageAsksForNothingThatIsNotServedHere(t *testing.T) {
	s := serve(t, newShop())
	page := s.call("GET", "/docs", "").ok(t)
	policy := page.Header.Get("Content-Security-Policy")
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
		t.Errorf("the policy is %q", policy)
	}
	links := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllSubmatch(page.body, -1)
	for _, link := range links {
		s.call("GET", string(link[1]), "").ok(t)
	}
	if len(links) < 6 {
		t.Errorf("the page links to %d files", len(links))
	}
}

func TestPackedFileIsTheSameWithAndWithoutGzip(t *testing.T) {
	const file = "/vendor/swagger-ui/swagger-ui.css"
	s := serve(t, newShop())
	packed := s.call("GET", file, "", "Accept-Encoding", "gzip, br").ok(t)
	plain := s.call("GET", file, "", "Accept-Encoding", "identity").ok(t)
	if packed.Header.Get("Content-Encoding") != "gzip" || plain.Header.Get("Content-Encoding") != "" {
		t.Errorf("encoded as %q and %q", packed.Header.Get("Content-Encoding"), plain.Header.Get("Content-Encoding"))
	}
	unpacked, err := unpack(packed.body)
	if err != nil || !bytes.Equal(unpacked, plain.body) || len(plain.body) == 0 {
		t.Errorf("%d bytes, unpacked %d, %v", len(plain.body), len(unpacked), err)
	}
	if again := s.call("GET", file, "", "If-None-Match", packed.Header.Get("ETag")); again.StatusCode != 304 {
		t.Errorf("a known file is answered %d", again.StatusCode)
	}
}
