package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"order-service/retry"
)

// product is what is sold, as PUT /admin/products/{id} takes it.
type product struct {
	ID           string    `json:"-"`
	Name         string    `json:"name"`
	UnitPrice    int64     `json:"unitPrice"` // minor units
	Currency     string    `json:"currency"`
	Stock        int64     `json:"stock"`
	PerUserLimit int       `json:"perUserLimit,omitempty"`
	EndsAt       time.Time `json:"endsAt,omitzero"`
}

// shelf puts products on sale and takes them off it.
type shelf struct {
	service service
	token   string // of an administrator
}

const (
	shownWithin = 30 * time.Second
	lookAgain   = 100 * time.Millisecond
)

// open puts p on sale and waits until buyers can see it.
func (s shelf) open(ctx context.Context, p product) error {
	if err := s.put(ctx, p); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, shownWithin)
	defer cancel()
	for {
		err := s.shown(ctx, p.ID)
		if err == nil {
			return nil
		}
		if !retry.Sleep(ctx, lookAgain) {
			return fmt.Errorf("the product does not show within %v: %w", shownWithin, err)
		}
	}
}

// shown returns nil when buyers see the product open, with units.
func (s shelf) shown(ctx context.Context, id string) error {
	var seen struct {
		State     string
		Available int64
	}
	err := s.service.call(ctx, "", http.MethodGet, "/products/"+id, nil, &seen)
	if err == nil && (seen.State != "open" || seen.Available <= 0) {
		err = fmt.Errorf("GET /products/%s says %q with %d units", id, seen.State, seen.Available)
	}
	return err
}

// close ends the sale of p, so that no buyer meets what a run has left.
func (s shelf) close(ctx context.Context, p product) error {
	p.EndsAt = time.Now().UTC()
	return s.put(ctx, p)
}

func (s shelf) put(ctx context.Context, p product) error {
	err := s.service.call(ctx, s.token, http.MethodPut, "/admin/products/"+p.ID, p, nil)
	if r := (*refusal)(nil); errors.As(err, &r) && (r.status == http.StatusUnauthorized || r.status == http.StatusForbidden) {
		return fmt.Errorf("the service does not believe the administrator's token; are JWT_SECRET, JWT_ISSUER and JWT_AUDIENCE "+
			"its own, and the names of its claims and roles the defaults? %w", err)
	}
	return err
}
