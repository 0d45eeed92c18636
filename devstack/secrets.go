package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"order-service/devstack/keep"
)

// secrets are generated once and kept, so that tokens and payment links stay
// good over restarts.
type secrets struct {
	JWT     string `json:"jwtSecret"`
	Webhook string `json:"paymentWebhookSecret"` // Standard Webhooks: whsec_ and 32 bytes in base64
}

func loadSecrets(dir string) (secrets, error) {
	file := filepath.Join(dir, "secrets.json")
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return newSecrets(file)
	}
	if err != nil {
		return secrets{}, err
	}
	var s secrets
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("%s: %w; without the file new secrets are made, and old tokens and payment links end", file, err)
	}
	return s, nil
}

func newSecrets(file string) (secrets, error) {
	s := secrets{JWT: secret(), Webhook: "whsec_" + secret()}
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return s, err
	}
	return s, keep.File(file, append(data, '\n'), 0o600)
}

// secret is 32 random bytes in base64.
func secret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it never fails
	return base64.StdEncoding.EncodeToString(b[:])
}
