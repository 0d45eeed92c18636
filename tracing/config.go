package tracing

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Config is what the standard variables say. Everything else that they can say,
// of headers, certificates, timeouts, batches and limits, is read by the SDK and
// its exporters themselves.
type Config struct {
	Enabled  bool
	Protocol string  // of the exporter: protocolGRPC or protocolHTTP
	Ratio    float64 // of orders that are traced, 0 to 1
	// TrustParent lets the sampled flag of an incoming traceparent decide, in
	// place of Ratio.
	TrustParent bool
}

// What OTEL_EXPORTER_OTLP_PROTOCOL may be.
const (
	protocolGRPC = "grpc"
	protocolHTTP = "http/protobuf"
)

// Load reads the variables of environ, which has the form of os.Environ. Without
// an endpoint tracing is off: the standard's default, a collector on localhost,
// would have every process try to reach one. An error names the variable.
func Load(environ []string) (Config, error) {
	get := lookup(environ)
	if !enabled(get) {
		return Config{}, nil
	}
	c := Config{Enabled: true}
	err := endpoint(get)
	if err != nil {
		return Config{}, err
	}
	if c.Protocol, err = protocol(get); err != nil {
		return Config{}, err
	}
	c.Ratio, err = ratio(get)
	return c, err
}

// lookup returns the trimmed value of the first of some variables that has one.
func lookup(environ []string) func(names ...string) string {
	values := make(map[string]string)
	for _, entry := range environ {
		if name, value, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "OTEL_") {
			values[name] = strings.TrimSpace(value)
		}
	}
	return func(names ...string) string {
		i := slices.IndexFunc(names, func(name string) bool { return values[name] != "" })
		if i < 0 {
			return ""
		}
		return values[names[i]]
	}
}

// The endpoint's variables, the one that counts first.
const (
	tracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	otlpEndpoint   = "OTEL_EXPORTER_OTLP_ENDPOINT"
)

func enabled(get func(...string) string) bool {
	return get(tracesEndpoint, otlpEndpoint) != "" &&
		!strings.EqualFold(get("OTEL_SDK_DISABLED"), "true") && get("OTEL_TRACES_EXPORTER") != "none"
}

// endpoint judges the one that counts. The exporters make something of any text,
// and then reach nobody.
func endpoint(get func(...string) string) error {
	name := otlpEndpoint
	if get(tracesEndpoint) != "" {
		name = tracesEndpoint
	}
	u, err := url.Parse(get(name))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("%s must be an http or https URL, such as http://collector:4318", name)
	}
	return nil
}

func protocol(get func(...string) string) (string, error) {
	switch p := get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); p {
	case "":
		return protocolHTTP, nil // the standard's default
	case protocolGRPC, protocolHTTP:
		return p, nil
	default:
		return "", fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL (or …_TRACES_PROTOCOL) must be %s or %s, not %q", protocolGRPC, protocolHTTP, p)
	}
}

// ratio is that of the sampler. Whether its name begins with parentbased makes
// no difference: within the service a span's parent decides whatever it is
// called, and a parent from outside is a matter of trust (Config.TrustParent).
func ratio(get func(...string) string) (float64, error) {
	sampler, arg := strings.ToLower(get("OTEL_TRACES_SAMPLER")), get("OTEL_TRACES_SAMPLER_ARG")
	switch strings.TrimPrefix(sampler, "parentbased_") {
	case "", "always_on":
		return 1, nil
	case "always_off":
		return 0, nil
	case "traceidratio":
		if arg == "" {
			return 1, nil
		}
		share, err := strconv.ParseFloat(arg, 64)
		if err != nil || math.IsNaN(share) || share < 0 || share > 1 {
			return 0, fmt.Errorf("OTEL_TRACES_SAMPLER_ARG must be from 0 to 1, not %q", arg)
		}
		return share, nil
	}
	return 0, fmt.Errorf("OTEL_TRACES_SAMPLER %q is not known: always_on, always_off or traceidratio, each also as parentbased_…", sampler)
}
