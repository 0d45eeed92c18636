package api

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"order-service/order"
)

// texts are what a string in an answer may be.
var texts = []string{"", "plain", "a \"quoted\" \\ path", "<&>", "ä\u2028", "\x00\x1f\x7f\xff", "~ "}

// encoded is v as the one encoder writes it.
func encoded(t *testing.T, v any) string {
	t.Helper()
	text, err := order.EncodeJSON(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAppendedTextIsWhatTheEncoderWrites(t *testing.T) {
	for _, text := range texts {
		if got, want := string(order.AppendText(nil, text)), encoded(t, text); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

func TestAppendedProblemIsWhatTheEncoderWrites(t *testing.T) {
	for code, k := range kinds {
		for _, text := range texts {
			for _, fields := range [][]order.FieldError{nil, {{Field: "a", Message: text}}, {{Field: "a"}, {Field: "b"}}} {
				for _, id := range []string{"", "id-1"} {
					trace := strings.ReplaceAll(id, "id-1", "0af7651916cd43dd8448eb211c80319c")
					want := encoded(t, problem{
						Type: "/problems/" + string(code), Title: k.title, Status: k.status, Detail: text, Code: code, Errors: fields, RequestID: id, TraceID: trace,
					})
					e := &order.Error{Code: code, Message: text, Fields: fields}
					if got := string(appendProblem(nil, k, e, []byte(id), trace)); got != want {
						t.Fatalf("got  %s\nwant %s", got, want)
					}
				}
			}
		}
	}
}

// Every field is filled by its type, so that a new one cannot be left out.
func TestAppendedOrderIsWhatTheEncoderWrites(t *testing.T) {
	for range 1000 {
		var v orderView
		fields := reflect.ValueOf(&v).Elem()
		for i := range fields.NumField() {
			if rand.IntN(4) > 0 {
				fill(t, fields.Field(i))
			}
		}
		if got, want := string(v.appendJSON(nil)), encoded(t, v); got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	}
}

func fill(t *testing.T, field reflect.Value) {
	t.Helper()
	switch field.Interface().(type) {
	case uuid.UUID:
		field.Set(reflect.ValueOf(uuid.New()))
	case order.Time:
		field.Set(reflect.ValueOf(order.Time{Time: time.UnixMilli(rand.Int64N(1 << 41))}))
	default:
		switch field.Kind() {
		case reflect.String:
			field.SetString(texts[rand.IntN(len(texts))])
		case reflect.Int, reflect.Int64:
			field.SetInt(rand.Int64() - rand.Int64())
		default:
			t.Fatalf("a field of an order is %s, which this test does not know", field.Type())
		}
	}
}

// What the hot answers look like on the wire, to the byte.
func TestHotAnswersToTheByte(t *testing.T) {
	id := uuid.MustParse("0197c1c8-8c6f-7d3e-9d5a-0a4c7f3d2b11")
	security := "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n" +
		"Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\nCache-Control: no-store\r\n"
	for name, c := range map[string]struct {
		intake             always
		status, kind, more string
		body               string
	}{
		"accepted": {
			always{id: id}, "202 Accepted", "application/json", "Location: /orders/" + id.String() + "\r\n",
			`{"orderId":"` + id.String() + `","status":"PENDING","message":"Order reserved successfully. Processing payment..."}`,
		},
		"sold out": {
			always{err: order.Errorf(order.CodeSoldOut, "None left.")}, "409 Conflict", "application/problem+json", "",
			`{"type":"/problems/sold-out","title":"Sold out","status":409,"detail":"None left.","code":"sold-out","requestId":"r"}`,
		},
		"price changed": {
			always{err: order.Errorf(order.CodePriceChanged, "The price has changed.")}, "409 Conflict", "application/problem+json", "",
			`{"type":"/problems/price-changed","title":"Price changed","status":409,"detail":"The price has changed.","code":"price-changed","requestId":"r"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, newShop(), func(_ *Config, d *Deps) { d.Intake = c.intake })
			want := fmt.Sprintf("HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nX-Request-Id: r\r\n%s%s\r\n%s",
				c.status, c.kind, len(c.body), security, c.more, c.body)
			if got := s.exchange("X-Request-Id: r\r\n"); got != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

func TestComingBackIsSpreadOut(t *testing.T) {
	s := serve(t, newShop(), func(_ *Config, d *Deps) { d.Intake = full{} })
	seen := map[string]bool{}
	for range 100 {
		seen[s.as("ann", "POST", "/orders", lamp).Header.Get("Retry-After")] = true
	}
	for after := range seen {
		if seconds, err := strconv.Atoi(after); err != nil || seconds < 1 || seconds > 3 {
			t.Errorf("Retry-After: %s", after)
		}
	}
	if len(seen) != 3 {
		t.Errorf("all come back after %v", seen)
	}
}
