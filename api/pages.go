package api

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"strings"

	"github.com/gofiber/fiber/v2"

	"order-service/order"
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
	s.embed("/money.js", "text/javascript; charset=utf-8", moneyScript())
	s.asset("/icon.svg", "web/icon.svg", "image/svg+xml")
	s.asset("/openapi.yaml", "openapi.yaml", "application/yaml")
	site, _ := fs.Sub(files, "web") // fails for a name that is no path
	s.folder(site, "shop")
	s.folder(s.deps.Board.Files(), ".")
	s.docs()
}

// folder serves every file of a folder under its own path on the site, and a
// page without its suffix.
func (s *Server) folder(site fs.FS, name string) {
	err := fs.WalkDir(site, name, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(site, file)
		s.embed("/"+strings.TrimSuffix(file, ".html"), cmp.Or(contentTypes[path.Ext(file)], "text/plain; charset=utf-8"), content)
		return err
	})
	if err != nil {
		panic(fmt.Sprintf("%s is not embedded: %v", name, err)) // a mistake of the build
	}
}

// contentTypes are those of a page's files.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
}

// asset serves an embedded file.
func (s *Server) asset(route, name, contentType string) {
	content, _ := embedded(name)
	s.embed(route, contentType, content)
}

// moneyScript is web/money.js with the service's table of exponents in it.
func moneyScript() []byte {
	script, _ := embedded("web/money.js")
	table, _ := order.EncodeJSON(order.Exponents()) // a map of numbers always marshals
	return bytes.Replace(script, []byte("{ /* order.Exponents */ }"), table, 1)
}

// embed serves content. Browsers ask each time and mostly get a 304, so a new
// version shows at once.
func (s *Server) embed(route, contentType string, content []byte) {
	tag := contentTag(content)
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
	return content, contentTag(content)
}

// contentTag is a strong entity tag of content.
func contentTag(content []byte) string {
	sum := sha256.Sum256(content)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

func renderSandbox(c *fiber.Ctx, view sandboxView) error {
	c.Set(fiber.HeaderContentSecurityPolicy, pagePolicy)
	c.Set(fiber.HeaderContentType, "text/html; charset=utf-8")
	return sandboxTemplate.Execute(c, view)
}
