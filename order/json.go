package order

import (
	"bytes"
	"encoding/json"
)

// EncodeJSON is how everything that leaves the service is written: like
// json.Marshal, but without its HTML escapes, so that a payment link in an
// answer or an event can be copied as it stands.
func EncodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
