package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"order-service/order"
)

func unknownOutcome(cause error) error { return fmt.Errorf("%w: %w", order.ErrOutcomeUnknown, cause) }

func outcomeUnknown(err error) bool { return errors.Is(err, order.ErrOutcomeUnknown) }

// dbError adds what was being done to err, and, when the database and not the
// statement was at fault, CodeUnavailable, or CodeOutcomeUnknown where what it
// was told may have been done. An Error stays as it is.
func dbError(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case isCoded(err):
		return err
	case !refused(err) && !errors.Is(err, context.Canceled), overwhelmed(err):
		return unavailable(fmt.Errorf("store: %s: %w", doing, err))
	}
	return fmt.Errorf("store: %s: %w", doing, err)
}

// overwhelmed reports whether the server answered that it cannot serve now:
// class 25 (read-only after a failover), 40 (rolled back), 53 (out of
// resources), 55 (lock not available), 57 (operator intervention).
func overwhelmed(err error) bool { return sqlClass(err, "25", "40", "53", "55", "57") }

func unavailable(cause error) error {
	if outcomeUnknown(cause) {
		return order.Wrap(cause, order.CodeOutcomeUnknown, "Whether this was done is not known. Look before you repeat it without a key.")
	}
	return order.Wrap(cause, order.CodeUnavailable, "The database is not available.")
}

func isCoded(err error) bool {
	_, ok := errors.AsType[*order.Error](err)
	return ok
}

// refused reports whether the server answered err to the statement and rolled
// it back. After FATAL it did not say so: see the package comment.
func refused(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.SeverityUnlocalized == "ERROR" && !sqlClass(err, "08") && pg.Code != "40003"
}

// badData reports whether a value is to blame: SQLSTATE class 22 (data
// exception) or 23 (integrity constraint violation).
func badData(err error) bool { return sqlClass(err, "22", "23") }

// taken reports whether a row was there already: 23505 (unique violation).
func taken(err error) bool { return refused(err) && sqlClass(err, "23505") }

// passing reports whether a statement was rolled back for a reason that
// repeating it may cure: class 40 (serialization failure, deadlock).
func passing(err error) bool { return refused(err) && sqlClass(err, "40") }

func sqlClass(err error, classes ...string) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	for _, class := range classes {
		if strings.HasPrefix(pg.Code, class) {
			return true
		}
	}
	return false
}

// violates reports whether err is the violation of the named constraint.
func violates(err error, constraint string) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.ConstraintName == constraint
}
