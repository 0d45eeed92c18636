package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"order-service/devstack/sale"
	"order-service/devstack/token"
)

const (
	demoAddr    = "127.0.0.1:8080"
	demoToken   = 24 * time.Hour // how long the printed token is good for
	saleTimeout = "2m"           // PAYMENT_TIMEOUT, so that those who do not pay are seen to lose their units
)

// demoProducts are one for each thing worth trying: a sale with a limit for
// every buyer, one that sells out at once, and one that does not.
var demoProducts = []sale.Product{
	{ID: "sneaker", Name: "Aurora sneaker, limited edition", UnitPrice: 18_900, Currency: "EUR", Stock: 200, PerUserLimit: 2},
	{ID: "console", Name: "Orbit game console", UnitPrice: 49_900, Currency: "EUR", Stock: 25, PerUserLimit: 1},
	{ID: "ticket", Name: "Front row ticket", UnitPrice: 12_000, Currency: "EUR", Stock: 3},
	{ID: "poster", Name: "Tour poster", UnitPrice: 1_500, Currency: "EUR", Stock: 10_000},
}

// demoDrop is what the simulated sale is about: a third of those who come for
// the opening can have one.
func demoDrop(buyers buyers) sale.Product {
	return sale.Product{
		ID: "jacket", Name: "Comet jacket, the drop", UnitPrice: 24_900, Currency: "EUR",
		Stock: max(int64(buyers)/3, 1), PerUserLimit: 1,
	}
}

// demo waits for the service, puts the demo products in, prints how to try it
// and, where one is asked for, plays a sale. It ends when ctx does, as that does
// with the command.
func (s *stack) demo(ctx context.Context, stdout io.Writer) {
	d := demonstration{base: s.env["PUBLIC_URL"], secret: s.env["JWT_SECRET"]}
	if err := d.prepare(ctx); err != nil {
		if ctx.Err() == nil {
			s.log.Error().Err(err).Msg("the demo could not be prepared")
		}
		return
	}
	d.print(stdout, s.env["TEMPORAL_UI"])
	if s.opts.sale > 0 {
		s.playSale(ctx, d, stdout)
	}
}

func (s *stack) playSale(ctx context.Context, d demonstration, stdout io.Writer) {
	_, err := sale.Run(ctx, sale.Config{
		URL: d.base, Secret: d.secret, Products: demoProducts, Drop: demoDrop(s.opts.sale), Buyers: int(s.opts.sale), Out: stdout,
	})
	if err != nil && ctx.Err() == nil {
		s.log.Error().Err(err).Msg("the sale could not begin")
	}
}

// demoEnvironment sets what the service needs for a demonstration and the
// environment does not say.
func (s *stack) demoEnvironment() error {
	secrets, err := loadSecrets(s.dir)
	if err != nil {
		return err
	}
	defaults := map[string]string{
		"HTTP_ADDR": demoAddr, "PAYMENT_SANDBOX": "true", "DEV_LOGIN": "true", "LOG_FORMAT": "console", "SHUTDOWN_DELAY": "0s",
		"JWT_SECRET": secrets.JWT, "PAYMENT_WEBHOOK_SECRET": secrets.Webhook,
	}
	if s.opts.sale > 0 {
		defaults["PAYMENT_TIMEOUT"] = saleTimeout
	}
	for name, value := range defaults {
		if s.env[name] == "" {
			s.env[name] = value
		}
	}
	if s.env["PUBLIC_URL"] == "" {
		s.env["PUBLIC_URL"] = "http://" + browsable(s.env["HTTP_ADDR"])
	}
	return addressFree(s.env["HTTP_ADDR"])
}

// browsable is where a browser on this machine finds what listens on addr, as
// the service itself makes its PUBLIC_URL.
func browsable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		return net.JoinHostPort("localhost", port)
	}
	return addr
}

// addressFree finds out before the backends are started what the service would
// only find out after.
func addressFree(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("the service's address: %w; set HTTP_ADDR to another, such as 127.0.0.1:8081", err)
	}
	return l.Close()
}

type demonstration struct{ base, secret string }

func (d demonstration) prepare(ctx context.Context) error {
	if err := d.ready(ctx); err != nil {
		return err
	}
	shelf := sale.NewShelf(d.base, d.secret)
	for _, p := range demoProducts {
		if err := shelf.Add(ctx, p); err != nil {
			return err
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

  The shop          %[1]s
  Operators' board  %[1]s/board
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
