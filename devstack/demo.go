package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"order-service/devstack/token"
)

const (
	demoAddr  = "127.0.0.1:8080"
	demoToken = 24 * time.Hour // how long the printed token is good for
)

// product is a body of PUT /admin/products/{id}; prices are in cents.
type product struct {
	ID           string `json:"-"`
	Name         string `json:"name"`
	UnitPrice    int64  `json:"unitPrice"`
	Currency     string `json:"currency"`
	Stock        int64  `json:"stock"`
	PerUserLimit int    `json:"perUserLimit,omitempty"`
}

// demoProducts are one for each thing worth trying: a sale with a limit for
// every buyer, one that sells out at once, and one that does not.
var demoProducts = []product{
	{ID: "sneaker", Name: "Aurora sneaker, limited edition", UnitPrice: 18_900, Currency: "EUR", Stock: 200, PerUserLimit: 2},
	{ID: "console", Name: "Orbit game console", UnitPrice: 49_900, Currency: "EUR", Stock: 25, PerUserLimit: 1},
	{ID: "ticket", Name: "Front row ticket", UnitPrice: 12_000, Currency: "EUR", Stock: 3},
	{ID: "poster", Name: "Tour poster", UnitPrice: 1_500, Currency: "EUR", Stock: 10_000},
}

// demo waits for the service, puts the demo products in and prints how to try
// it. It gives up when ctx ends, as it does with the command.
func (s *stack) demo(ctx context.Context, stdout io.Writer) {
	d := demonstration{base: s.env["PUBLIC_URL"], secret: s.env["JWT_SECRET"]}
	if err := d.prepare(ctx); err != nil {
		if ctx.Err() == nil {
			s.log.Error().Err(err).Msg("the demo could not be prepared")
		}
		return
	}
	d.print(stdout, s.env["TEMPORAL_UI"])
}

// demoEnvironment sets what the service needs for a demonstration and the
// environment does not say.
func (s *stack) demoEnvironment() error {
	secrets, err := loadSecrets(s.dir)
	if err != nil {
		return err
	}
	for name, value := range map[string]string{
		"HTTP_ADDR": demoAddr, "PAYMENT_SANDBOX": "true", "DEV_LOGIN": "true", "LOG_FORMAT": "console",
		"JWT_SECRET": secrets.JWT, "PAYMENT_WEBHOOK_SECRET": secrets.Webhook,
	} {
		if s.env[name] == "" {
			s.env[name] = value
		}
	}
	if s.env["PUBLIC_URL"] == "" {
		s.env["PUBLIC_URL"] = "http://" + s.env["HTTP_ADDR"]
	}
	return addressFree(s.env["HTTP_ADDR"])
}

// addressFree finds out before the backends are started what the service would
// only find out after.
func addressFree(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("the service's address: %w; set HTTP_ADDR to another", err)
	}
	return l.Close()
}

type demonstration struct{ base, secret string }

func (d demonstration) prepare(ctx context.Context) error {
	if err := d.ready(ctx); err != nil {
		return err
	}
	for _, p := range demoProducts {
		status, err := d.admin(ctx, http.MethodGet, p.ID, nil)
		if err != nil {
			return err
		}
		if status == http.StatusOK {
			continue
		}
		if status, err = d.admin(ctx, http.MethodPut, p.ID, p); err != nil {
			return err
		}
		if status != http.StatusOK {
			return fmt.Errorf("put product %s: status %d", p.ID, status)
		}
	}
	return nil
}

// ready returns when /readyz answers 200, however long that takes: while it
// does not, the service's own log says why.
func (d demonstration) ready(ctx context.Context) error {
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.base+"/readyz", nil)
		if err != nil {
			return err
		}
		if status, err := do(req); err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (d demonstration) admin(ctx context.Context, method, productID string, body any) (int, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, method, d.base+"/admin/products/"+productID, bytes.NewReader(data))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+token.Mint(d.secret, "demo-admin", time.Minute, token.User, token.Admin))
	req.Header.Set("Content-Type", "application/json")
	return do(req)
}

func do(req *http.Request) (int, error) {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

func (d demonstration) print(out io.Writer, temporalUI string) {
	fmt.Fprintf(out, `
  order-service is ready on %[1]s

  In a browser      %[1]s
  Workflows         %[2]s

  In a shell
    export TOKEN=%[3]s
    curl -s %[1]s/products
    curl -s %[1]s/orders -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
         -d '{"productId":"%[4]s","quantity":1}'
    curl -N %[1]s/orders/events -H "Authorization: Bearer $TOKEN"     # watch; shows each order's paymentUrl
    xdg-open PAYMENT_URL                                              # Pay or Decline

  Ctrl-C stops everything.

`, d.base, temporalUI, token.Mint(d.secret, "demo-user", demoToken, token.User), demoProducts[0].ID)
}
