package api

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"order-service/order"
)

const newLamp = `{"name":"New lamp","unitPrice":1999,"currency":"EUR","stock":10}`

func TestAnOpenFormUndoesNobodysRestock(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	open := s.as("admin", "GET", "/admin/products/lamp", "").ok(t).Header.Get("ETag")
	s.as("admin", "POST", "/admin/products/lamp/restock", `{"quantity":5}`).ok(t)
	s.as("admin", "PUT", "/admin/products/lamp", newLamp, "If-Match", open).problem(t, 412, codePreconditionFailed)
	if p := shop.products["lamp"]; p.Ledger.Total != 15 || p.Name != "Lamp" {
		t.Errorf("the product is %+v", p)
	}
	read := s.as("admin", "GET", "/admin/products/lamp", "").ok(t).Header.Get("ETag")
	wrote := s.as("admin", "PUT", "/admin/products/lamp", newLamp, "If-Match", read).ok(t).Header.Get("ETag")
	if now := s.as("admin", "GET", "/admin/products/lamp", "").Header.Get("ETag"); wrote != now || slices.Contains([]string{open, read, ""}, now) {
		t.Errorf("read %s and %s, wrote %s, is %s", open, read, wrote, now)
	}
}

func TestAnOpenFormCanBeSentWhileTheProductSells(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	open := s.as("admin", "GET", "/admin/products/lamp", "").ok(t).Header.Get("ETag")
	p := shop.products["lamp"]
	p.Version, p.Ledger.Available, p.Ledger.Reserved = 7, 4, 6
	shop.products["lamp"], shop.free["lamp"] = p, 2
	s.as("admin", "PUT", "/admin/products/lamp", newLamp, "If-Match", open).ok(t)
}

func TestEveryFieldThatAFormWritesIsInItsTag(t *testing.T) {
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	tags := []string{productTag(nil), productTag(&order.Product{})}
	for _, change := range []func(*order.Product){
		func(p *order.Product) { p.Name = "EUR" }, func(p *order.Product) { p.Currency = "EUR" },
		func(p *order.Product) { p.UnitPrice = 1 }, func(p *order.Product) { p.Ledger.Total = 1 }, func(p *order.Product) { p.PerUserLimit = 1 },
		func(p *order.Product) { p.StartsAt = at }, func(p *order.Product) { p.EndsAt = at },
	} {
		var p order.Product
		change(&p)
		if tag := productTag(&p); slices.Contains(tags, tag) {
			t.Errorf("%+v has the tag of another", p)
		} else {
			tags = append(tags, tag)
		}
	}
}

func TestAProductIsWrittenUnderTheConditionThatTheRequestSets(t *testing.T) {
	before := newShop().products["lamp"]
	tag := productTag(&before)
	for name, c := range map[string]struct {
		product string
		headers []string
		status  int
	}{
		"none":                      {"lamp", nil, 200},
		"as read":                   {"lamp", []string{"If-Match", tag}, 200},
		"one of several":            {"lamp", []string{"If-Match", `"other", ` + tag}, 200},
		"whatever it is":            {"lamp", []string{"If-Match", "*"}, 200},
		"another":                   {"lamp", []string{"If-Match", `"other"`}, 412},
		"weak":                      {"lamp", []string{"If-Match", "W/" + tag}, 412}, // RFC 9110, section 8.8.3.2
		"unquoted":                  {"lamp", []string{"If-Match", tag[1 : len(tag)-1]}, 412},
		"empty":                     {"lamp", []string{"If-Match", ""}, 412},
		"there is one":              {"lamp", []string{"If-None-Match", "*"}, 412},
		"not this one":              {"lamp", []string{"If-None-Match", "W/" + tag}, 412},
		"any but another":           {"lamp", []string{"If-None-Match", `"other"`}, 200},
		"both, one false":           {"lamp", []string{"If-Match", tag, "If-None-Match", "*"}, 412},
		"new":                       {"desk", nil, 200},
		"new, if there is none":     {"desk", []string{"If-None-Match", "*"}, 200},
		"new, if it is there":       {"desk", []string{"If-Match", "*"}, 412},
		"new, if it is as read":     {"desk", []string{"If-Match", tag}, 412},
		"new, if it is like no tag": {"desk", []string{"If-Match", ""}, 412},
		"new, if like no other tag": {"desk", []string{"If-None-Match", ""}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			shop := newShop()
			s := serve(t, shop)
			a := s.as("admin", "PUT", "/admin/products/"+c.product, newLamp, c.headers...)
			if a.StatusCode != c.status || (shop.products[c.product].Name == "New lamp") != (c.status == 200) {
				t.Errorf("%d %s, and the product is %+v", a.StatusCode, a.body, shop.products[c.product])
			}
			if c.status != 200 {
				a.problem(t, c.status, codePreconditionFailed)
			}
		})
	}
}

// An empty condition is one that nothing meets, wherever it stands: what fasthttp
// says of an empty header depends on the memory that it was read into.
func TestAnEmptyConditionReplacesNoProduct(t *testing.T) {
	shop := newShop()
	for place := range 12 {
		var before string
		for n := range place {
			before += fmt.Sprintf("X-%d: x\r\n", n)
		}
		for _, condition := range []string{"If-Match", "If-None-Match"} {
			s := serve(t, shop) // each has memory of its own
			s.raw(fmt.Sprintf("PUT /admin/products/lamp HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"+
				before+condition+":\r\nContent-Length: %d\r\n\r\n%s", token(t, "admin"), len(newLamp), newLamp)).
				problem(t, 412, codePreconditionFailed)
		}
	}
	if shop.products["lamp"].Name != "Lamp" {
		t.Errorf("written: %+v", shop.products["lamp"])
	}
}

func TestAShopMayInsistOnConditions(t *testing.T) {
	shop := newShop()
	s := serve(t, shop, func(cfg *Config, _ *Deps) { cfg.RequireIfMatch = true })
	for _, id := range []string{"lamp", "desk"} {
		s.as("admin", "PUT", "/admin/products/"+id, newLamp).problem(t, 428, codePreconditionRequired)
	}
	if len(shop.products) != 1 || shop.products["lamp"].Name != "Lamp" || len(shop.seenCalls()) > 0 {
		t.Errorf("written: %+v, %v", shop.products, shop.seenCalls())
	}
	s.as("admin", "PUT", "/admin/products/lamp", `{}`).problem(t, 422, order.CodeValidation) // what is wrong anyway comes first
	s.as("admin", "PUT", "/admin/products/desk", newLamp, "If-None-Match", "*").ok(t)
	s.as("admin", "PUT", "/admin/products/lamp", newLamp, "If-Match", "*").ok(t)
}
