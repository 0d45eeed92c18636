package api

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"order-service/fresh"
	"order-service/order"
)

func TestProductsShowWhatTheGateWouldAdmit(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	var got productView
	read := func() productView {
		s.products.Forget()
		s.call("GET", "/products/lamp", "").ok(t).decode(t, &got)
		return got
	}
	if p := read(); p.Available != 10 || p.State != order.Open || p.Name != "Lamp" || p.UnitPrice != 1999 {
		t.Errorf("ledger: %+v", p)
	}
	shop.free["lamp"] = 3
	if p := read(); p.Available != 3 {
		t.Errorf("gate: %+v", p)
	}
	shop.free["lamp"] = 0
	if p := read(); p.State != order.SoldOut {
		t.Errorf("gate without a free unit: %+v", p)
	}
	shop.gateErr = errors.New("redis is gone")
	if p := read(); p.Available != 10 {
		t.Errorf("gate away: %+v", p)
	}
	s.call("GET", "/products/none", "").problem(t, 404, order.CodeProductNotFound)
}

func TestPollersOfProductsShareOneRead(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	s.Server.products = fresh.New(time.Minute, fresh.For(time.Hour), s.loadProducts)
	var pollers sync.WaitGroup
	for range 20 {
		pollers.Go(func() { s.call("GET", "/products", "").ok(t) })
	}
	pollers.Wait()
	if calls := shop.seenCalls(); len(calls) != 1 {
		t.Errorf("%d reads", len(calls))
	}
}

func TestAdminWritesReachTheGateAtOnce(t *testing.T) {
	shop := newShop()
	s := serve(t, shop)
	a := s.as("admin", "PUT", "/admin/products/desk", `{"name":"Desk","unitPrice":100,"currency":"EUR","stock":7,"perUserLimit":2,"startsAt":"2030-01-01T00:00:00Z"}`).ok(t)
	for _, part := range []string{`"productId":"desk"`, `"state":"upcoming"`, `"perUserLimit":2`, `"ledger":{"total":7,"available":7,"reserved":0,"confirmed":0}`, `"startsAt":"2030-01-01T00:00:00.000Z"`} {
		if !strings.Contains(string(a.body), part) {
			t.Errorf("%s is not in %s", part, a.body)
		}
	}
	shop.syncErr = errors.New("redis is gone") // the write stands; the gate's own sync brings it
	s.as("admin", "POST", "/admin/products/desk/restock", `{"quantity":3}`, "Idempotency-Key", "k").ok(t)
	if calls := shop.seenCalls(); !slices.Equal(calls, []string{"sync desk", `restock desk 3 "k"`, "sync desk"}) {
		t.Errorf("calls %v", calls)
	}
	if a := s.as("admin", "GET", "/admin/products/desk", "").ok(t); !strings.Contains(string(a.body), `"total":10`) {
		t.Errorf("%s", a.body)
	}
	if a := s.call("GET", "/products/desk", "").ok(t); strings.Contains(string(a.body), "ledger") {
		t.Errorf("buyers see the ledger: %s", a.body)
	}
}

func TestBadAdminRequestsWriteNothing(t *testing.T) {
	const desk = `{"name":"Desk","unitPrice":100,"currency":"EUR","stock":7}`
	shop := newShop()
	shop.put("ann", order.InventoryReserved)
	site := serve(t, shop)
	for name, c := range map[string]struct {
		user, method, path, body string
		status                   int
		code                     order.Code
	}{
		"anonymous":        {"", "PUT", "/desk", desk, 401, order.CodeUnauthenticated},
		"buyer":            {"ann", "PUT", "/desk", desk, 403, order.CodeForbidden},
		"buyer reads":      {"ann", "GET", "/lamp", "", 403, order.CodeForbidden},
		"buyer restocks":   {"ann", "POST", "/lamp/restock", `{"quantity":1}`, 403, order.CodeForbidden},
		"unknown":          {"admin", "GET", "/desk", "", 404, order.CodeProductNotFound},
		"bad id":           {"admin", "PUT", "/de%20sk", desk, 422, order.CodeValidation},
		"no price":         {"admin", "PUT", "/desk", `{"name":"Desk","currency":"EUR","stock":7}`, 422, order.CodeValidation},
		"no stock":         {"admin", "PUT", "/desk", `{"name":"Desk","unitPrice":100,"currency":"EUR"}`, 422, order.CodeValidation},
		"bad currency":     {"admin", "PUT", "/desk", `{"name":"Desk","unitPrice":100,"currency":"euro","stock":7}`, 422, order.CodeValidation},
		"bad time":         {"admin", "PUT", "/desk", `{"name":"Desk","unitPrice":100,"currency":"EUR","stock":7,"endsAt":"tomorrow"}`, 422, order.CodeValidation},
		"empty time":       {"admin", "PUT", "/desk", `{"name":"Desk","unitPrice":100,"currency":"EUR","stock":7,"endsAt":""}`, 422, order.CodeValidation},
		"time as a number": {"admin", "PUT", "/desk", `{"name":"Desk","unitPrice":100,"currency":"EUR","stock":7,"endsAt":1893456000}`, 422, order.CodeValidation},
		"year 10000":       {"admin", "PUT", "/desk", `{"name":"Desk","unitPrice":100,"currency":"EUR","stock":7,"endsAt":"9999-12-31T23:59:59-01:00"}`, 422, order.CodeValidation},
		"zero time":        {"admin", "PUT", "/desk", `{"name":"Desk","unitPrice":100,"currency":"EUR","stock":7,"startsAt":"0001-01-01T00:00:00Z"}`, 422, order.CodeValidation},
		"hour of a digit":  {"admin", "PUT", "/desk", `{"name":"Desk","unitPrice":100,"currency":"EUR","stock":7,"endsAt":"2030-01-01T9:00:00Z"}`, 422, order.CodeValidation},
		"comma":            {"admin", "PUT", "/desk", `{"name":"Desk","unitPrice":100,"currency":"EUR","stock":7,"endsAt":"2030-01-01T09:00:00,5Z"}`, 422, order.CodeValidation},
		"inexact amounts":  {"admin", "PUT", "/desk", `{"name":"Desk","unitPrice":9007199254741,"currency":"EUR","stock":7}`, 422, order.CodeValidation},
		"unknown field":    {"admin", "PUT", "/desk", `{"name":"Desk","unitPrice":100,"currency":"EUR","stock":7,"colour":"red"}`, 422, order.CodeValidation},
		"below sold":       {"admin", "PUT", "/lamp", `{"name":"Lamp","unitPrice":100,"currency":"EUR","stock":1}`, 409, order.CodeStockBelowSold},
		"restock nothing":  {"admin", "POST", "/lamp/restock", `{"quantity":0}`, 422, order.CodeValidation},
		"restock too much": {"admin", "POST", "/lamp/restock", `{"quantity":1000000000001}`, 422, order.CodeValidation},
		"restock no body":  {"admin", "POST", "/lamp/restock", "", 415, order.CodeUnsupportedMediaType},
	} {
		t.Run(name, func(t *testing.T) {
			s := site.with(t)
			var a answer
			if path := "/admin/products" + c.path; c.user == "" {
				a = s.call(c.method, path, c.body)
			} else {
				a = s.as(c.user, c.method, path, c.body)
			}
			a.problem(t, c.status, c.code)
			if len(shop.seenCalls()) != 0 || len(shop.products) != 1 {
				t.Errorf("calls %v", shop.seenCalls())
			}
		})
	}
}
