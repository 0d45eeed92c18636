package api

import (
	"cmp"
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
	s.asset("/style.css", "web/style.css", "text/css; charset=utf-8")
	s.asset("/icon.svg", "web/icon.svg", "image/svg+xml")
	s.asset("/openapi.yaml", "openapi.yaml", "application/yaml")
	s.asset("/board", "web/board.html", "text/html; charset=utf-8")
	s.asset("/board.css", "web/board.css", "text/css; charset=utf-8")
	s.folder("shop")
	s.folder("board")
	s.folder("vendor/uplot")
	s.docs()
}

// folder serves every file of an embedded folder of web under its own path.
func (s *Server) folder(name string) {
	entries, err := files.ReadDir("web/" + name)
	if err != nil {
		panic(fmt.Sprintf("%s is not embedded: %v", name, err)) // a mistake of the build
	}
	types := map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
	for _, entry := range entries {
		file := name + "/" + entry.Name()
		s.asset("/"+file, "web/"+file, cmp.Or(types[path.Ext(file)], "text/plain; charset=utf-8"))
	}
}

// asset serves an embedded file. Browsers ask each time and mostly get a 304,
// so a new version shows at once.
func (s *Server) asset(route, name, contentType string) {
	content, tag := embedded(name)
	s.router.Page(route, func(c *fiber.Ctx) error {
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

// embedded returns a file of the binary and its entity tag.
func embedded(name string) (content []byte, tag string) {
	content, err := files.ReadFile(name)
	if err != nil {
		panic(fmt.Sprintf("%s is not embedded: %v", path.Base(name), err)) // a mistake of the build
	}
	sum := sha256.Sum256(content)
	return content, `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

func renderSandbox(c *fiber.Ctx, view sandboxView) error {
	c.Set(fiber.HeaderContentSecurityPolicy, pagePolicy)
	c.Set(fiber.HeaderContentType, "text/html; charset=utf-8")
	return sandboxTemplate.Execute(c, view)
}
