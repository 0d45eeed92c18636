package api

import "order-service/order"

// appendOptional appends a member, with what stands before its value, unless it
// is empty.
func appendOptional(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return order.AppendText(append(b, name...), value)
}
