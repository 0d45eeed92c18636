// Package deploy tests what is deployed: the Helm chart, the alerts with their
// runbooks, the dashboards, and compose.yaml with what it mounts. It is a module of its own, because Helm, the
// Kubernetes types, kubeconform and Prometheus are nothing that the service needs.
package deploy

import (
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/lint"
	"helm.sh/helm/v3/pkg/lint/support"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	"sigs.k8s.io/yaml"
)

const chartDir = "../helm/order-service"

// separator is what is between two rendered objects.
const separator = "\n---\n"

// production is what an installation must say, and everything that it may
// switch on.
const production = `
config: {PUBLIC_URL: "https://shop.example", JWT_JWKS_URL: "https://id.example/jwks", KAFKA_TLS_CA: /tls/ca.crt}
secrets: {DATABASE_PASSWORD: {name: postgres, key: password, file: true}}
worker:
  config: {PAYMENT_URL: "https://pay.example"}
  secrets: {PAYMENT_API_KEY: {name: provider, key: token, file: true}}
ingress: {enabled: true, className: nginx, host: shop.example, tlsSecretName: shop-tls}
networkPolicy:
  clients: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress-nginx}}}]
  scrapers: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]
extraVolumes: [{name: tls, secret: {secretName: kafka-ca}}]
extraVolumeMounts: [{name: tls, mountPath: /tls, readOnly: true}]
podMonitor: {enabled: true, labels: {release: prometheus}}
prometheusRule: {enabled: true, labels: {release: prometheus}, runbooks: "https://runbooks.example"}
dashboards: {enabled: true}
`

// least is the least that an installation must say.
const least = `config: {PUBLIC_URL: "https://shop.example", JWT_JWKS_URL: "https://id.example/jwks", PAYMENT_URL: "https://pay.example"}`

// fixed is an api that nothing scales.
const fixed = least + "\napi: {replicas: 4, autoscaling: {enabled: false}}"

// placed says where pods run and how the api is reached, with numbers where
// Kubernetes takes either.
const placed = least + `
image: {digest: "sha256:0000000000000000000000000000000000000000000000000000000000000000", pullPolicy: Always}
imagePullSecrets: [{name: registry}]
api: &role
  autoscaling: {enabled: false}
  resources: {requests: {cpu: 0.5, memory: 512Mi}, limits: {cpu: 2, memory: 1Gi}}
  topologySpread: DoNotSchedule
  podAnnotations: {sidecar.example/inject: "true"}
  podLabels: {team: sale}
  nodeSelector: {kubernetes.io/arch: arm64}
  tolerations: [{key: sale, operator: Exists, effect: NoExecute, tolerationSeconds: 60}]
  affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: spot, operator: DoesNotExist}]}]}}}
  priorityClassName: sale
worker: *role
service: {type: LoadBalancer, annotations: {balancer.example/internal: "true"}}
serviceAccount: {annotations: {cloud.example/role: sale}}
`

// valueSets are installations that, taken together, render all of the chart.
var valueSets = map[string]string{
	"least":                        least,
	"production":                   production,
	"placed":                       placed,
	"without migration and policy": least + "\nmigration: {enabled: false}\nnetworkPolicy: {enabled: false}",
	"without a scaler":             fixed,
}

func loadChart(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// rendered is the chart with values, as helm template prints it: documents by
// the file that they come from.
func rendered(t *testing.T, values string) map[string]string {
	t.Helper()
	files, err := render(t, values)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func render(t *testing.T, values string) (map[string]string, error) {
	t.Helper()
	parsed, err := chartutil.ReadValues([]byte(values))
	if err != nil {
		t.Fatal(err)
	}
	c := loadChart(t)
	release := chartutil.ReleaseOptions{Name: "sale", Namespace: "shop", Revision: 1, IsInstall: true}
	all, err := chartutil.ToRenderValues(c, parsed, release, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	return engine.Render(c, all)
}

// documents are the rendered objects in a stable order.
func documents(t *testing.T, values string) (all []string) {
	t.Helper()
	files := rendered(t, values)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !strings.HasSuffix(name, ".yaml") {
			continue
		}
		for _, document := range strings.Split("\n"+files[name], separator) {
			if strings.TrimSpace(stripComments(document)) != "" {
				all = append(all, document)
			}
		}
	}
	return all
}

func stripComments(document string) string {
	lines := slices.DeleteFunc(strings.Split(document, "\n"), func(line string) bool {
		return strings.HasPrefix(strings.TrimSpace(line), "#")
	})
	return strings.Join(lines, "\n")
}

func TestChartPassesHelmLint(t *testing.T) {
	for name, values := range map[string]string{"least": least, "production": production} {
		parsed, err := chartutil.ReadValues([]byte(values))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range lint.AllWithKubeVersion(chartDir, parsed, "shop", nil).Messages {
			if m.Severity > support.InfoSev {
				t.Errorf("%s: %v", name, m)
			}
		}
	}
}

func TestChartRefusesWhatCannotWork(t *testing.T) {
	for name, refused := range map[string]struct{ values, why string }{
		"no public URL":                   {`{}`, "PUBLIC_URL"},
		"a value that does not exist":     {least + "\nreplicas: 3", "additional properties 'replicas'"},
		"a secret in plain text":          {least + "\nsecrets: {DATABASE_URL: \"postgres://…\"}", "/secrets/DATABASE_URL"},
		"a number that YAML would change": {least + "\napi: {config: {SSE_MAX_STREAMS: 1000000}}", "/api/config/SSE_MAX_STREAMS"},
		"less time than a stop takes":     {least + "\nterminationGracePeriodSeconds: 10", "terminationGracePeriodSeconds"},
		"gone before anybody notices":     {least + "\napi: {shutdownDelaySeconds: 1}", "shutdownDelaySeconds"},
		"what the chart sets":             {least + "\napi: {config: {ADMIN_ADDR: \":9090\"}}", "ADMIN_ADDR is set by the chart"},
		"one variable from two places":    {least + "\napi: {config: {DATABASE_URL: \"x\"}}", "DATABASE_URL is among config and among secrets"},
		"an api that trusts nobody":       {`config: {PUBLIC_URL: "https://shop.example", PAYMENT_URL: "https://pay.example"}`, "api needs one of JWT_JWKS_URL, JWT_SECRET, JWT_ISSUER as a URL, in"},
		"an issuer that cannot be asked":  {`config: {PUBLIC_URL: "https://shop.example", PAYMENT_URL: "https://pay.example", JWT_ISSUER: shop}`, "api needs one of"},
		"an api whose keys are nowhere":   {`config: {PUBLIC_URL: "https://shop.example", PAYMENT_URL: "https://pay.example", JWT_JWKS_URL: ""}`, "api needs one of"},
		"a worker that cannot be paid":    {`config: {PUBLIC_URL: "https://shop.example", JWT_JWKS_URL: "https://id.example"}`, "worker needs one of PAYMENT_URL"},
		"a sandbox that is none":          {demo("PAYMENT_SANDBOX: \"false\"", ""), "worker needs one of PAYMENT_URL, PAYMENT_SANDBOX"},
		"a sandbox that cannot sign":      {demo("PAYMENT_SANDBOX: \"true\"", ""), "worker needs PAYMENT_WEBHOOK_SECRET, where PAYMENT_SANDBOX is \"true\", in"},
		"an ingress for no host":          {least + "\ningress: {enabled: true}", "ingress.host"},
	} {
		if _, err := render(t, refused.values); err == nil || !strings.Contains(err.Error(), refused.why) {
			t.Errorf("%s: %v, want a word of %s", name, err, refused.why)
		}
	}
}

// demo is an installation whose worker has this config and these secrets, and no
// provider.
func demo(config, secrets string) string {
	return `config: {PUBLIC_URL: "https://shop.example", JWT_JWKS_URL: "https://id.example", ALLOW_DEMO: "true"}
worker: {config: {` + config + `}, secrets: {` + secrets + `}}`
}

func TestChartTakesASandboxThatCanSign(t *testing.T) {
	worker := pods(t, demo(`PAYMENT_SANDBOX: "true"`, `PAYMENT_WEBHOOK_SECRET: {name: order-service, key: PAYMENT_WEBHOOK_SECRET}`))["worker"]
	if got := variable(worker.Spec.Containers[0], "PAYMENT_SANDBOX"); got != "true" {
		t.Errorf("the worker has PAYMENT_SANDBOX %q", got)
	}
}

// recipes are the blocks of variables of a page, each a map.
func recipes(t *testing.T, page string) (all []map[string]string) {
	t.Helper()
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(readFile(t, page), -1) {
		variables := map[string]string{}
		for _, line := range regexp.MustCompile(`(?m)^([A-Z_]+)=(.*?)(?:\s+#.*)?$`).FindAllStringSubmatch(block[1], -1) {
			variables[line[1]] = line[2]
		}
		all = append(all, variables)
	}
	return all
}

func TestChartTakesEveryIdentityProvider(t *testing.T) {
	all := recipes(t, "../../docs/identity.md")
	if len(all) < 4 {
		t.Fatalf("%d recipes", len(all))
	}
	for _, variables := range all {
		variables["PUBLIC_URL"], variables["PAYMENT_URL"] = "https://shop.example", "https://pay.example"
		values := text(t, map[string]any{"config": variables})
		for _, pod := range []string{"api", "worker"} {
			if got := variable(pods(t, values)[pod].Spec.Containers[0], "JWT_ISSUER"); got != variables["JWT_ISSUER"] {
				t.Errorf("%s has the issuer %q of\n%s", pod, got, values)
			}
		}
	}
}

func TestNotesTellWhatComesNext(t *testing.T) {
	notes := rendered(t, least)["order-service/templates/NOTES.txt"]
	for _, want := range []string{
		"https://shop.example", "route that to Service sale-order-service", "Nobody is woken", "exec deploy/sale-order-service-worker",
		"the ports 5432, 6379, 9092, 7233, 443, and nothing else", "networkPolicy.backendPorts", "26379 for Sentinels",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("no %q in\n%s", want, notes)
		}
	}
	if open := rendered(t, least+"\nnetworkPolicy: {enabled: false}")["order-service/templates/NOTES.txt"]; strings.Contains(open, "nothing else") {
		t.Error("it tells of a policy that is not there")
	}
	if strings.Contains(notes, "DEMONSTRATION") {
		t.Error("it calls a shop a demonstration")
	}
	demo := rendered(t, least+"\napi: {config: {ALLOW_DEMO: \"true\"}}")["order-service/templates/NOTES.txt"]
	if !strings.Contains(demo, "DEMONSTRATION") {
		t.Error("it does not say that a demonstration is one")
	}
}

// A Postgres without room for all pods refuses the last ones, and those come in
// mid-sale.
func TestNotesCountTheConnectionsToPostgres(t *testing.T) {
	for _, values := range []string{least, fixed} {
		pods := 0
		for name, d := range of[*apps.Deployment](t, values) {
			if d.Spec.Replicas != nil {
				pods += int(*d.Spec.Replicas)
			} else {
				pods += int(of[*autoscaling.HorizontalPodAutoscaler](t, values)[name].Spec.MaxReplicas)
			}
			pods += 2 * d.Spec.Strategy.RollingUpdate.MaxSurge.IntValue() // who comes, and who still goes
		}
		notes := rendered(t, values)["order-service/templates/NOTES.txt"]
		if want := fmt.Sprintf("asked for %d connections: %d by each of %d pods", pods*postgresConns, postgresConns, pods); !strings.Contains(notes, want) {
			t.Errorf("no %q in\n%s", want, notes)
		}
	}
	readme := readFile(t, "../README.md")
	if want := fmt.Sprintf("%d connections, where", (12+2)*2*postgresConns); !strings.Contains(strings.ReplaceAll(readme, "\n", " "), want) {
		t.Errorf("no %q in the README", want)
	}
}

// read decodes YAML strictly.
func read[T any](t *testing.T, text string) (v T) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), &v); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return v
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(fmt.Errorf("%s: %w", path, err))
	}
	return string(text)
}
