package e2e

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/twmb/franz-go/pkg/kgo"

	"order-service/order"
)

// TestEventsAreWhatTheirSchemasSay has orders come to each of their ends and
// reads what the topics then hold, as another service would.
func TestEventsAreWhatTheirSchemasSay(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.start("all")
	ends := s.everyEnd()
	created := s.records("KAFKA_TOPIC_ORDER_CREATED", len(ends))
	s.obey(created, "orders.created", order.CreatedEventType)
	reservations := s.records("KAFKA_TOPIC_ORDER_RESERVATIONS", len(ends))
	s.obey(reservations, "orders.reservations", order.ReservationEventType)

	changes := 0
	for _, o := range ends {
		changes += int(o.Seq) - 1 // PENDING is not published
	}
	progress := s.records("KAFKA_TOPIC_ORDER_PROGRESS", changes)
	s.obey(progress, "order.progress", order.ProgressEventType)
	expectRisingSeq(t, progress)
}

// everyEnd places an order for each of the statuses that orders end in.
func (s *shop) everyEnd() []orderView {
	s.t.Helper()
	productID := s.product(3 + spare)
	confirmed, failed, cancelled := s.anyone(), s.anyone(), s.anyone()
	ids := map[*buyer]uuid.UUID{}
	for _, b := range []*buyer{confirmed, failed, cancelled} {
		ids[b] = b.buy(productID, 1)
	}
	s.paid(confirmed.await(ids[confirmed], order.PaymentPending)).expect(http.StatusOK)
	s.declined(failed.await(ids[failed], order.PaymentPending)).expect(http.StatusOK)
	cancelled.await(ids[cancelled], order.PaymentPending)
	cancelled.cancel(ids[cancelled]).expect(http.StatusOK)
	return []orderView{
		confirmed.await(ids[confirmed], order.Confirmed),
		failed.await(ids[failed], order.Failed),
		cancelled.await(ids[cancelled], order.Cancelled),
	}
}

// records reads n records of the topic that the variable names.
func (s *shop) records(variable string, n int) (records []*kgo.Record) {
	s.t.Helper()
	client := s.reader(s.env[variable])
	defer client.Close()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	for len(records) < n {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			s.t.Fatalf("%d of %d records of %s: %v", len(records), n, s.env[variable], err)
		}
		records = append(records, fetches.Records()...)
	}
	return records
}

// obey fails the test unless key, headers and value of each record are as
// docs/events says.
func (s *shop) obey(records []*kgo.Record, topic, eventType string) {
	s.t.Helper()
	schema := eventSchema(s.t, topic)
	for _, r := range records {
		value := parseJSON(s.t, r.Value)
		if err := schema.Validate(value); err != nil {
			s.t.Errorf("%v\n%s", err, r.Value)
		}
		id, _ := object(value)["orderId"].(string)
		if string(r.Key) != id {
			s.t.Errorf("the key %q is not the order's id in %s", r.Key, r.Value)
		}
		expectHeaders(s.t, r, eventType)
	}
}

// eventSchema compiles a schema of docs/events. Nothing may be in a record
// that it does not name.
func eventSchema(t *testing.T, topic string) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "events", topic+".schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	doc := object(parseJSON(t, text))
	doc["additionalProperties"] = false
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource(topic, doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile(topic)
	if err != nil {
		t.Fatal(err)
	}
	for _, example := range doc["examples"].([]any) {
		if err := schema.Validate(example); err != nil {
			t.Errorf("example of %s: %v", topic, err)
		}
	}
	return schema
}

// expectHeaders fails the test unless r says what it is, and names no trace:
// nobody has begun one.
func expectHeaders(t *testing.T, r *kgo.Record, eventType string) {
	t.Helper()
	headers := map[string]string{}
	for _, h := range r.Headers {
		headers[h.Key] = string(h.Value)
	}
	if len(headers) != 2 || headers["event-type"] != eventType || headers["event-version"] != "1" {
		t.Errorf("headers %q of %s, want %s in version 1 and nothing else", headers, r.Value, eventType)
	}
}

// expectRisingSeq fails the test unless each order's new changes come in order
// and without a gap; repetitions may come at any time.
func expectRisingSeq(t *testing.T, records []*kgo.Record) {
	t.Helper()
	seen, partitions := map[string]int64{}, map[string]int32{}
	for _, r := range records {
		id := string(r.Key)
		if first, known := partitions[id]; known && first != r.Partition {
			t.Errorf("order %s is in the partitions %d and %d", id, first, r.Partition)
		}
		partitions[id] = r.Partition
		var change struct{ Seq int64 }
		reply{t: t, body: r.Value}.decode(&change)
		last := max(seen[id], 1) // PENDING
		if change.Seq > last+1 {
			t.Errorf("change %d of order %s follows %d", change.Seq, id, last)
		}
		seen[id] = max(last, change.Seq)
	}
}
