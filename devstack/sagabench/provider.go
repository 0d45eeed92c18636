package main

import (
	"encoding/json"
	"net"
	"net/http"
	"time"
)

// provider is a payment provider that takes its time.
type provider struct {
	url    string
	server *http.Server
	done   chan struct{}
}

func startProvider(delay time.Duration) (*provider, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &provider{url: "http://" + l.Addr().String(), done: make(chan struct{})}
	p.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked struct{ OrderID string }
		if json.NewDecoder(r.Body).Decode(&asked) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		time.Sleep(delay)
		_ = json.NewEncoder(w).Encode(map[string]string{ // whoever has gone does not need it
			"paymentId": "pay-" + asked.OrderID, "paymentLink": p.url + "/" + asked.OrderID,
		})
	})}
	go func() { defer close(p.done); _ = p.server.Serve(l) }() // it ends when the server is closed
	return p, nil
}

func (p *provider) close() error {
	err := p.server.Close()
	<-p.done
	return err
}
