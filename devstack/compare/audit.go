package main

import (
	"context"
	"errors"
	"fmt"
)

// audit compares what was accepted with what Kafka was given, and returns
// everything that broke.
func (f *fleet) audit(ctx context.Context) error {
	for name, taken := range f.taken {
		records, err := f.backends.records(ctx, f.topic(name))
		if err != nil {
			return fmt.Errorf("the events of %s: %w", name, err)
		}
		if uint64(records) < taken {
			f.broken("%s accepted %d orders, and Kafka has %d events of them", name, taken, records)
		}
	}
	if len(f.problems) > 0 {
		for _, c := range f.children {
			f.say("The last that %s said:\n%s", c.Name, c.Log())
		}
	}
	return errors.Join(f.problems...)
}
