package e2e

import (
	"context"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// collector is an OpenTelemetry collector that keeps what it is sent, by either
// protocol.
type collector struct {
	collectorpb.UnimplementedTraceServiceServer
	http, grpc string // endpoints

	mu    sync.Mutex
	spans []span
}

// span is what a test wants to know of one.
type span struct {
	process           string // service.name
	name              string
	trace, id, parent string
	links             []string // ids of spans
	attributes        map[string]string
	keys              []string // of all attributes, those of its process, scope, events and links among them
	said              string   // everything else in it that could be text of a stranger
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	c := new(collector)
	web := httptest.NewServer(c)
	t.Cleanup(web.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	collectorpb.RegisterTraceServiceServer(server, c)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() { server.Stop(); serving.Wait() })
	c.http, c.grpc = web.URL, "http://"+listener.Addr().String()
	return c
}

// ServeHTTP takes spans as http/protobuf.
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var sent collectorpb.ExportTraceServiceRequest
	if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &sent) != nil {
		http.Error(w, "not a trace", http.StatusBadRequest)
		return
	}
	c.keep(&sent)
}

// Export takes spans as gRPC.
func (c *collector) Export(_ context.Context, sent *collectorpb.ExportTraceServiceRequest) (*collectorpb.ExportTraceServiceResponse, error) {
	c.keep(sent)
	return &collectorpb.ExportTraceServiceResponse{}, nil
}

func (c *collector) keep(sent *collectorpb.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, process := range sent.ResourceSpans {
		for _, scope := range process.ScopeSpans {
			for _, s := range scope.Spans {
				k := kept(s)
				k.process = values(process.Resource.Attributes)["service.name"]
				k.note("resource: ", process.Resource.Attributes)
				k.note("scope: ", scope.Scope.GetAttributes())
				c.spans = append(c.spans, k)
			}
		}
	}
}

func kept(s *tracepb.Span) span {
	k := span{
		name: s.Name, attributes: values(s.Attributes), said: s.GetStatus().GetMessage() + s.TraceState,
		trace: hex.EncodeToString(s.TraceId), id: hex.EncodeToString(s.SpanId), parent: hex.EncodeToString(s.ParentSpanId),
	}
	k.note("", s.Attributes)
	for _, link := range s.Links {
		k.links = append(k.links, hex.EncodeToString(link.SpanId))
		k.note("link: ", link.Attributes)
		k.said += link.TraceState
	}
	for _, event := range s.Events {
		k.note("event "+event.Name+": ", event.Attributes)
		k.keys = append(k.keys, "event "+event.Name)
	}
	return k
}

// note keeps the keys of attributes, and what they say.
func (k *span) note(of string, attributes []*commonpb.KeyValue) {
	for key, value := range values(attributes) {
		k.keys = append(k.keys, of+key)
		k.said += "\n" + key + "=" + value
	}
}

func values(attributes []*commonpb.KeyValue) map[string]string {
	all := make(map[string]string, len(attributes))
	for _, a := range attributes {
		all[a.Key] = a.Value.String()
		if text, ok := a.Value.Value.(*commonpb.AnyValue_StringValue); ok {
			all[a.Key] = text.StringValue
		}
	}
	return all
}

// all returns the spans that have come so far.
func (c *collector) all() []span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]span(nil), c.spans...)
}

// named returns those of that name.
func (c *collector) named(name string) (found []span) {
	for _, s := range c.all() {
		if s.name == name {
			found = append(found, s)
		}
	}
	return found
}
