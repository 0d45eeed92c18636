package order_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"order-service/order"
)

// The table above the codes is where a reader learns what they are for.
func TestTheTableOfErrorsListsEveryCode(t *testing.T) {
	source, err := os.ReadFile("errors.go")
	if err != nil {
		t.Fatal(err)
	}
	table, constants, _ := strings.Cut(string(source), "const (")
	for _, code := range regexp.MustCompile(`Code = "([a-z-]+)"`).FindAllStringSubmatch(constants, -1) {
		if !regexp.MustCompile(`(?m)^//\t.*[ ;]` + code[1] + `\b(,|;|$)`).MatchString(table) {
			t.Errorf("%s is not in it", code[1])
		}
	}
}

// checkFields checks that err is a validation error about exactly these fields.
func checkFields(t *testing.T, err error, want []string) {
	t.Helper()
	if len(want) == 0 {
		if err != nil {
			t.Errorf("got %v, want no error", err)
		}
		return
	}
	e, ok := errors.AsType[*order.Error](err)
	if !ok || e.Code != order.CodeValidation || e.Message == "" {
		t.Fatalf("got %v, want a validation error", err)
	}
	var got []string
	for _, f := range e.Fields {
		got = append(got, f.Field)
	}
	if !slices.Equal(got, want) {
		t.Errorf("fields %v, want %v", got, want)
	}
}

func TestCodeAndPermanenceOfErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err       error
		code      order.Code
		permanent bool
	}{
		"none":        {nil, "", false},
		"plain":       {io.EOF, order.CodeInternal, false},
		"cancelled":   {context.Canceled, order.CodeInternal, false},
		"unavailable": {order.Wrap(io.EOF, order.CodeUnavailable, "Away."), order.CodeUnavailable, false},
		"unknown":     {order.Wrap(order.ErrOutcomeUnknown, order.CodeOutcomeUnknown, "Perhaps."), order.CodeOutcomeUnknown, false},
		"overloaded":  {order.Errorf(order.CodeOverloaded, "Busy."), order.CodeOverloaded, false},
		"limited":     {order.Errorf(order.CodeRateLimited, "Slow down."), order.CodeRateLimited, false},
		"streams":     {order.Errorf(order.CodeTooManyStreams, "Full."), order.CodeTooManyStreams, false},
		"no price":    {order.Errorf(order.CodePriceUnavailable, "No price."), order.CodePriceUnavailable, false},
		"sold out":    {order.Errorf(order.CodeSoldOut, "Gone."), order.CodeSoldOut, true},
		"not found":   {order.Errorf(order.CodeOrderNotFound, "No such order."), order.CodeOrderNotFound, true},
		"conflict":    {order.Errorf(order.CodeConflict, "Elsewhere."), order.CodeConflict, true},
		"validation":  {order.Invalid("quantity", "must be positive"), order.CodeValidation, true},
		"wrapped":     {fmt.Errorf("reserve: %w", order.Errorf(order.CodeSoldOut, "Gone.")), order.CodeSoldOut, true},
		"outer wins":  {order.Wrap(order.Errorf(order.CodeSoldOut, "Gone."), order.CodeUnavailable, "Away."), order.CodeUnavailable, false},
		"joined":      {errors.Join(io.EOF, order.Errorf(order.CodeConflict, "Elsewhere.")), order.CodeConflict, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := order.CodeOf(c.err); got != c.code {
				t.Errorf("code %q, want %q", got, c.code)
			}
			if got := order.Permanent(c.err); got != c.permanent {
				t.Errorf("permanent = %t, want %t", got, c.permanent)
			}
		})
	}
}

func TestCauseIsKeptForTheLogAndNotForTheClient(t *testing.T) {
	t.Parallel()
	err := order.Wrap(io.ErrUnexpectedEOF, order.CodeUnavailable, "Try again.")
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), io.ErrUnexpectedEOF.Error()) {
		t.Errorf("%v has lost its cause", err)
	}
	if strings.Contains(err.Message, io.ErrUnexpectedEOF.Error()) {
		t.Errorf("message %q shows the cause", err.Message)
	}
	if got, want := order.Errorf(order.CodeSoldOut, "%d left", 0).Error(), "sold-out: 0 left"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
