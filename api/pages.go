package api

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"path"

	"github.com/gofiber/fiber/v2"
)

//go:embed web openapi.yaml
var files embed.FS

var sandboxTemplate = template.Must(template.ParseFS(files, "web/sandbox.html"))

// pagePolicy lets a page use its own files and its own service, and nothing
// else: no inline script or style, no frame around it.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// pages serves the demo page and the description of the API.
func (s *Server) pages() {
	s.asset("/", "web/index.html", "text/html; charset=utf-8")
	s.asset("/app.js", "web/app.js", "text/javascript; charset=utf-8")
	s.asset("/style.css", "web/style.css", "text/css; charset=utf-8")
	s.asset("/icon.svg", "web/icon.svg", "image/svg+xml")
	s.asset("/openapi.yaml", "openapi.yaml", "application/yaml")
}

// asset serves an embedded file. Browsers ask each time and mostly get a 304,
// so a new version shows at once.
func (s *Server) asset(route, name, contentType string) {
	content, err := files.ReadFile(name)
	if err != nil {
		panic(fmt.Sprintf("%s is not embedded: %v", path.Base(name), err)) // a mistake of the build
	}
	sum := sha256.Sum256(content)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	s.app.Get(route, func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderETag, tag)
		c.Set(fiber.HeaderCacheControl, "no-cache")
		c.Set(fiber.HeaderContentSecurityPolicy, pagePolicy)
		if listed(c.Get(fiber.HeaderIfNoneMatch), tag) {
			return c.SendStatus(fiber.StatusNotModified)
		}
		c.Set(fiber.HeaderContentType, contentType)
		return c.Send(content)
	})
}

func renderSandbox(c *fiber.Ctx, view sandboxView) error {
	c.Set(fiber.HeaderContentSecurityPolicy, pagePolicy)
	c.Set(fiber.HeaderContentType, "text/html; charset=utf-8")
	return sandboxTemplate.Execute(c, view)
}
