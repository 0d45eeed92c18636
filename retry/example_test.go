package retry_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"order-service/retry"
)

// What is tried, and what is said of a failure, is the caller's.
func ExampleUntil() {
	tries := 0
	connect := func() error {
		if tries++; tries < 3 {
			return errors.New("connection refused")
		}
		return nil
	}
	err := retry.Until(context.Background(), connect, func(err error, _ time.Duration) {
		fmt.Println("not yet:", err)
	})
	fmt.Println("connected:", err == nil)
	// Output:
	// not yet: connection refused
	// not yet: connection refused
	// connected: true
}
