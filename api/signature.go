package api

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	webhook "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"order-service/order"
)

// minWebhookKey is the shortest key that Standard Webhooks allows, in bytes.
const minWebhookKey = 24

// webhookVerifier believes a body that any of its secrets has signed, by the
// Standard Webhooks specification: HMAC-SHA256 over id, timestamp and body,
// compared in constant time, at most 300 s old or ahead.
type webhookVerifier []*webhook.Webhook

func newWebhookVerifier(secrets []string) (webhookVerifier, error) {
	var v webhookVerifier
	for i, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil || len(key) < minWebhookKey {
			return nil, fmt.Errorf("webhook secret %d is not whsec_ and at least %d bytes in base64", i+1, minWebhookKey)
		}
		verifier, err := webhook.NewWebhookRaw(key)
		if err != nil {
			return nil, err
		}
		v = append(v, verifier)
	}
	return v, nil
}

// verify returns CodeBadSignature unless the request is signed.
func (v webhookVerifier) verify(c *fiber.Ctx) error {
	header := http.Header{}
	for _, name := range []string{webhook.HeaderWebhookID, webhook.HeaderWebhookTimestamp, webhook.HeaderWebhookSignature} {
		header.Set(name, c.Get(name))
	}
	err := errors.New("no webhook secret is configured")
	for _, key := range v {
		if err = key.Verify(c.BodyRaw(), header); err == nil {
			return nil
		}
	}
	return order.Wrap(err, order.CodeBadSignature, "The webhook's signature, timestamp or id is missing or wrong.")
}

// sign returns the headers that verify wants, made with the first secret.
func (v webhookVerifier) sign(id string, body []byte) (http.Header, error) {
	if len(v) == 0 {
		return nil, errors.New("no webhook secret is configured")
	}
	now := time.Now()
	signature, err := v[0].Sign(id, now, body)
	header := http.Header{}
	header.Set(webhook.HeaderWebhookID, id)
	header.Set(webhook.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	header.Set(webhook.HeaderWebhookSignature, signature)
	return header, err
}
