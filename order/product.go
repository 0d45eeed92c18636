package order

import (
	"fmt"
	"time"
)

// SaleState is what a buyer can do with a product now.
type SaleState string

// The sale states.
const (
	Upcoming SaleState = "upcoming"
	Open     SaleState = "open"
	SoldOut  SaleState = "sold-out"
	Closed   SaleState = "closed"
)

// Product is what is sold, with its ledger.
type Product struct {
	ID           string
	Name         string
	UnitPrice    int64 // minor units
	Currency     string
	PerUserLimit int       // units one buyer may hold and own; 0 means no limit
	StartsAt     time.Time // zero: open already
	EndsAt       time.Time // zero: no end
	Ledger       Ledger
	Version      int64 // rises with every change of the product or its ledger
}

// Ledger counts a product's units. Total = Available + Reserved + Confirmed
// always; the database holds it by constraint.
type Ledger struct {
	Total, Available, Reserved, Confirmed int64
}

// State tells what a buyer can do with p at now.
func (p Product) State(now time.Time) SaleState {
	switch {
	case !p.EndsAt.IsZero() && !now.Before(p.EndsAt):
		return Closed
	case !p.StartsAt.IsZero() && now.Before(p.StartsAt):
		return Upcoming
	case p.Ledger.Available <= 0:
		return SoldOut
	}
	return Open
}

// Validate returns an Error with CodeValidation naming every bad field of a
// product that an administrator wrote, or nil.
func (p Product) Validate() error {
	var fields []FieldError
	check := func(ok bool, field, message string) {
		if !ok {
			fields = append(fields, FieldError{field, message})
		}
	}
	check(ValidProductID(p.ID), "productId", "must be 1 to 64 letters, digits, '.', '_' or '-'")
	check(p.Name != "" && len(p.Name) <= 200, "name", "must be 1 to 200 bytes")
	check(p.UnitPrice >= 0 && p.UnitPrice <= MaxPrice, "unitPrice", fmt.Sprintf("must be from 0 to %d minor units", MaxPrice))
	check(ValidCurrency(p.Currency), "currency", "must be an ISO 4217 code such as EUR")
	check(p.Ledger.Total >= 0 && p.Ledger.Total <= MaxStock, "stock", "must be from 0 to 10^12")
	check(p.PerUserLimit >= 0 && p.PerUserLimit <= MaxStock, "perUserLimit", "must not be negative")
	check(p.StartsAt.IsZero() || ValidTime(p.StartsAt), "startsAt", errTimeRange.Error())
	check(p.EndsAt.IsZero() || ValidTime(p.EndsAt), "endsAt", errTimeRange.Error())
	check(p.EndsAt.IsZero() || p.StartsAt.Before(p.EndsAt), "endsAt", "must be after startsAt")
	if len(fields) > 0 {
		return &Error{Code: CodeValidation, Message: "The product is not valid.", Fields: fields}
	}
	return nil
}

// ValidRestock returns an Error with CodeValidation unless quantity units may be
// added to a product's stock, or nil.
func ValidRestock(quantity int64) error {
	if quantity < 1 || quantity > MaxStock {
		return Invalid("quantity", "must be from 1 to 10^12")
	}
	return nil
}

// MaxStock is the largest stock of a product. It stays below 2^53, up to which
// every JSON reader and Redis' Lua keep integers exact.
const MaxStock = 1_000_000_000_000
