package api

import (
	"bytes"
	"compress/gzip"
	"io"
	"sync"

	"github.com/gofiber/fiber/v2"
)

// docsPolicy is pagePolicy with the one thing more that Swagger UI needs: the
// icons in its style sheet are data: URLs. It runs without inline scripts,
// inline styles or eval, and asks nobody but this service.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// docs serves openapi.yaml as a page for people.
func (s *Server) docs() {
	page, _ := embedded("web/docs.html")
	s.router.Page("/docs", func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderContentSecurityPolicy, docsPolicy)
		c.Set(fiber.HeaderCacheControl, "no-cache")
		c.Set(fiber.HeaderContentType, "text/html; charset=utf-8")
		return c.Send(page)
	})
	s.asset("/docs.js", "web/docs.js", "text/javascript; charset=utf-8")
	s.asset("/docs.css", "web/docs.css", "text/css; charset=utf-8")
	s.packed("/vendor/swagger-ui/swagger-ui-bundle.js", "text/javascript; charset=utf-8")
	s.packed("/vendor/swagger-ui/swagger-ui.css", "text/css; charset=utf-8")
}

// packed serves an embedded file that is stored as gzip: 2 MB of viewer would
// otherwise be in every binary and on every wire. Browsers take it as it is;
// for the rest it is unpacked. Its entity tag is weak, for both mean the same.
func (s *Server) packed(route, contentType string) {
	content, tag := embedded("web" + route + ".gz")
	unpacked := sync.OnceValues(func() ([]byte, error) { return unpack(content) })
	s.router.Page(route, func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderETag, "W/"+tag)
		c.Set(fiber.HeaderCacheControl, "no-cache")
		c.Set(fiber.HeaderVary, fiber.HeaderAcceptEncoding)
		if listed(c.Get(fiber.HeaderIfNoneMatch), tag) {
			return c.SendStatus(fiber.StatusNotModified)
		}
		c.Set(fiber.HeaderContentType, contentType)
		if takesGzip(c) {
			c.Set(fiber.HeaderContentEncoding, "gzip")
			return c.Send(content)
		}
		plain, err := unpacked()
		if err != nil {
			return err
		}
		return c.Send(plain)
	})
}

// takesGzip is false for a request without Accept-Encoding, which allows every
// encoding by RFC 9110 but comes from clients that decode none.
func takesGzip(c *fiber.Ctx) bool {
	return c.Get(fiber.HeaderAcceptEncoding) != "" && c.AcceptsEncodings("gzip") == "gzip"
}

func unpack(packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
