package api

import "order-service/order"

// appendText appends s as a JSON string, to the byte as order.EncodeJSON does.
func appendText(b []byte, s string) []byte {
	if plain(s) {
		return append(append(append(b, '"'), s...), '"')
	}
	quoted, _ := order.EncodeJSON(s) // a string always marshals
	return append(b, quoted...)
}

// appendOptional appends a member, with what stands before its value, unless it
// is empty.
func appendOptional(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendText(append(b, name...), value)
}

// appendTime appends t in the API's one form of time.
func appendTime(b []byte, t order.Time) []byte {
	text, _ := t.MarshalJSON() // never fails
	return append(b, text...)
}

// plain reports whether s stands in JSON as it is, by its bytes alone.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
