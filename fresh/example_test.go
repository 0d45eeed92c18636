package fresh_test

import (
	"context"
	"fmt"
	"time"

	"order-service/fresh"
)

func Example() {
	products := fresh.New(3*time.Second, fresh.For(time.Minute), func(context.Context) ([]string, error) {
		fmt.Println("the database is asked")
		return []string{"lamp", "sneaker"}, nil
	})
	for range 3 {
		fmt.Println(products.Get(context.Background()))
	}
	products.Forget() // somebody has changed one
	fmt.Println(products.Get(context.Background()))
	// Output:
	// the database is asked
	// [lamp sneaker] <nil>
	// [lamp sneaker] <nil>
	// [lamp sneaker] <nil>
	// the database is asked
	// [lamp sneaker] <nil>
}
