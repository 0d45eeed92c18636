package api

import (
	"fmt"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"order-service/order"
)

// queried returns a parameter of the query, and whether it is there at all.
// It shows the request's memory.
func queried(c *fiber.Ctx, name string) (string, bool) {
	return c.Query(name), c.Context().QueryArgs().Has(name)
}

// orderID parses the :id of a path. What is not a UUID is not an order.
func orderID(c *fiber.Ctx) (uuid.UUID, error) {
	id, err := parseUUID(c.Params("id"))
	if err != nil {
		return uuid.UUID{}, orderNotFound()
	}
	return id, nil
}

// parseUUID takes the one form of RFC 9562, section 4: uuid.Parse also takes
// urn:, braces and no hyphens.
func parseUUID(text string) (uuid.UUID, error) {
	if len(text) != 36 {
		return uuid.UUID{}, fmt.Errorf("%d characters are no UUID", len(text))
	}
	return uuid.Parse(text)
}

func orderNotFound() error { return order.Errorf(order.CodeOrderNotFound, "There is no such order.") }
