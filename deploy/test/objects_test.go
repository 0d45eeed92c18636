package deploy

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

// objects are the rendered ones, as far as all are alike.
func objects(t *testing.T, values string) (all []meta.PartialObjectMetadata) {
	t.Helper()
	for _, document := range documents(t, values) {
		all = append(all, metadata(t, document))
	}
	return all
}

func metadata(t *testing.T, document string) (object meta.PartialObjectMetadata) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(document), &object); err != nil {
		t.Fatalf("%v in\n%s", err, document)
	}
	return object
}

// renderedKinds are the kinds of all installations.
func renderedKinds(t *testing.T) map[schema.GroupVersionKind]bool {
	t.Helper()
	kinds := map[schema.GroupVersionKind]bool{}
	for _, values := range valueSets {
		for _, object := range objects(t, values) {
			kinds[object.GroupVersionKind()] = true
		}
	}
	return kinds
}

// of returns the objects of one type, by their names. Decoding is strict for
// the sake of Prometheus' operator, whose types are newer than the schemas that
// kubeconform has of them.
func of[T meta.Object](t *testing.T, values string) map[string]T {
	t.Helper()
	found := map[string]T{}
	for _, document := range documents(t, values) {
		if metadata(t, document).Kind == reflect.TypeFor[T]().Elem().Name() {
			object := read[T](t, document)
			found[object.GetName()] = object
		}
	}
	return found
}

func TestEveryObjectSaysWhoseItIs(t *testing.T) {
	for _, values := range valueSets {
		for _, object := range objects(t, values) {
			if object.Namespace != "" {
				t.Errorf("%s %s names its namespace; --namespace does", object.Kind, object.Name)
			}
			if object.Labels["app.kubernetes.io/instance"] != "sale" {
				t.Errorf("%s %s does not say whose it is", object.Kind, object.Name)
			}
		}
	}
}

func TestEveryKindOfTheTemplatesIsRendered(t *testing.T) {
	var templates, seen []string
	for _, template := range loadChart(t).Templates {
		for _, kind := range regexp.MustCompile(`(?m)^kind: (\w+)`).FindAllSubmatch(template.Data, -1) {
			templates = append(templates, string(kind[1]))
		}
	}
	for kind := range renderedKinds(t) {
		seen = append(seen, kind.Kind)
	}
	slices.Sort(templates)
	slices.Sort(seen)
	if want := slices.Compact(templates); !slices.Equal(seen, want) || len(seen) == 0 {
		t.Errorf("the tests see %v, and the templates have %v", seen, want)
	}
}

// pods are the pod templates of an installation by their component.
func pods(t *testing.T, values string) map[string]core.PodTemplateSpec {
	t.Helper()
	all := map[string]core.PodTemplateSpec{}
	for _, d := range of[*apps.Deployment](t, values) {
		all[d.Labels["app.kubernetes.io/component"]] = d.Spec.Template
	}
	for _, j := range of[*batch.Job](t, values) {
		all[j.Labels["app.kubernetes.io/component"]] = j.Spec.Template
	}
	return all
}

// hardened is the security context of every pod and container, to the letter.
const (
	hardenedPod = `fsGroup: 65532
runAsGroup: 65532
runAsNonRoot: true
runAsUser: 65532
seccompProfile:
  type: RuntimeDefault
`
	hardenedContainer = `allowPrivilegeEscalation: false
capabilities:
  drop:
  - ALL
readOnlyRootFilesystem: true
`
)

func TestEveryPodIsHardened(t *testing.T) {
	all := pods(t, production)
	for _, component := range []string{"api", "worker", "migrate", "verify"} {
		pod, there := all[component]
		if !there {
			t.Fatalf("no %s among %d", component, len(all))
		}
		if got := text(t, pod.Spec.SecurityContext); got != hardenedPod {
			t.Errorf("%s: the pod's security context is\n%s", component, got)
		}
		if pod.Spec.AutomountServiceAccountToken == nil || *pod.Spec.AutomountServiceAccountToken {
			t.Errorf("%s has a token for Kubernetes", component)
		}
		if pod.Spec.HostNetwork || pod.Spec.HostPID || pod.Spec.HostIPC || len(pod.Spec.InitContainers) > 0 || len(pod.Spec.Containers) != 1 {
			t.Errorf("%s: %+v", component, pod.Spec)
		}
		c := pod.Spec.Containers[0]
		if got := text(t, c.SecurityContext); got != hardenedContainer {
			t.Errorf("%s: the container's security context is\n%s", component, got)
		}
		if c.Resources.Limits.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() {
			t.Errorf("%s: resources %v", component, c.Resources)
		}
		for _, port := range c.Ports {
			if port.HostPort != 0 || port.ContainerPort < 1024 {
				t.Errorf("%s: port %v", component, port)
			}
		}
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// What the service itself promises, or needs at most: serve.go, api/health.go,
// store/guard.go and config/validate.go.
const (
	stopTimeout      = 15 * time.Second
	startPatience    = 30 * time.Second // for Postgres and, after it, for Redis
	startRest        = 10 * time.Second // Kafka's topics and the tail
	checkTimeout     = 2 * time.Second
	maxShutdownDelay = 8 * time.Second
	migrateTimeout   = time.Hour
	postgresConns    = 28 // of a process: store/store.go
)

func TestProbesAndTheStopFitEachOther(t *testing.T) {
	for component, pod := range pods(t, least) {
		if component != "api" && component != "worker" {
			continue
		}
		c := pod.Spec.Containers[0]
		if grace := seconds(*pod.Spec.TerminationGracePeriodSeconds); grace <= stopTimeout {
			t.Errorf("%s is killed %v after the signal", component, grace)
		}
		if c.StartupProbe.HTTPGet.Path != "/livez" || lasts(c.StartupProbe) < 2*startPatience+startRest {
			t.Errorf("%s may take %v to start", component, lasts(c.StartupProbe))
		}
		if c.LivenessProbe.HTTPGet.Path != "/livez" || lasts(c.LivenessProbe) < stopTimeout {
			t.Errorf("%s is restarted after %v", component, lasts(c.LivenessProbe))
		}
		if c.ReadinessProbe.HTTPGet.Path != "/readyz" || seconds(int64(c.ReadinessProbe.TimeoutSeconds)) <= checkTimeout {
			t.Errorf("%s: the readiness probe ends before the checks that it asks for", component)
		}
		if component != "api" {
			continue
		}
		delay, err := time.ParseDuration(variable(c, "SHUTDOWN_DELAY"))
		if err != nil || delay <= lasts(c.ReadinessProbe) || delay > maxShutdownDelay {
			t.Errorf("an api serves on for %v, and it takes %v to send buyers elsewhere: %v", delay, lasts(c.ReadinessProbe), err)
		}
	}
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }

// lasts is how long it takes a probe to give up.
func lasts(p *core.Probe) time.Duration {
	return seconds(int64(p.PeriodSeconds)) * time.Duration(p.FailureThreshold)
}

func variable(c core.Container, name string) string {
	for _, v := range c.Env {
		if v.Name == name {
			return v.Value
		}
	}
	return ""
}

func TestRolesHaveTheirVariablesAndNoOther(t *testing.T) {
	all := pods(t, production)
	secret := func(component, name string) string {
		for _, v := range all[component].Spec.Containers[0].Env {
			if v.Name == name && v.ValueFrom != nil && v.Value == "" {
				return v.ValueFrom.SecretKeyRef.Name + "/" + v.ValueFrom.SecretKeyRef.Key
			}
		}
		return ""
	}
	for _, component := range []string{"api", "worker", "migrate", "verify"} {
		if got := secret(component, "DATABASE_URL"); got != "order-service/DATABASE_URL" {
			t.Errorf("%s has its DATABASE_URL from %q", component, got)
		}
		if got := secret(component, "PAYMENT_WEBHOOK_SECRET") != ""; got != (component == "api") {
			t.Errorf("%s has the secret of webhooks: %v", component, got)
		}
	}
	api, worker := all["api"].Spec.Containers[0], all["worker"].Spec.Containers[0]
	if variable(api, "PAYMENT_URL") != "" || variable(worker, "PAYMENT_URL") != "https://pay.example" {
		t.Error("the worker asks for payments, and only the worker")
	}
	if !slices.Equal(api.Args, []string{"--role=api"}) || !slices.Equal(worker.Args, []string{"--role=worker"}) {
		t.Errorf("roles %v, %v", api.Args, worker.Args)
	}
	if variable(api, "ADMIN_ADDR") != "127.0.0.1:9090" || variable(api, "METRICS_ADDR") != ":9091" {
		t.Error("pprof must be on loopback, and the metrics where they are scraped")
	}
}

// An empty text and a false are said as much as others are.
func TestWhatARoleSaysGoesFirst(t *testing.T) {
	all := pods(t, strings.TrimSuffix(least, "}")+`, CORS_ORIGINS: "https://shop.example"}
secrets: {DATABASE_PASSWORD: {name: postgres, key: password, file: true}}
api:
  config: {CORS_ORIGINS: ""}
  secrets: {DATABASE_PASSWORD: {name: reader, key: password, file: false}}
`)
	for component, want := range map[string]string{"api": "", "worker": "https://shop.example", "migrate": "https://shop.example"} {
		c := all[component].Spec.Containers[0]
		if got := variable(c, "CORS_ORIGINS"); got != want {
			t.Errorf("%s has CORS_ORIGINS %q, want %q", component, got, want)
		}
		if files := variable(c, "DATABASE_PASSWORD_FILE") != "" && len(c.VolumeMounts) == 1; files != (component != "api") {
			t.Errorf("%s has its password in a file: %v", component, files)
		}
	}
}

func TestASecretThatMayChangeIsAFileOfTheRolesThatReadIt(t *testing.T) {
	all := pods(t, production)
	for _, component := range []string{"api", "worker", "migrate", "verify"} {
		var files []string
		for _, volume := range all[component].Spec.Volumes {
			if volume.Projected == nil {
				continue
			}
			for _, source := range volume.Projected.Sources {
				files = append(files, source.Secret.Name+"/"+source.Secret.Items[0].Key+" "+source.Secret.Items[0].Path)
			}
		}
		want := []string{"postgres/password DATABASE_PASSWORD"}
		if component == "worker" {
			want = append(want, "provider/token PAYMENT_API_KEY")
		}
		if !slices.Equal(files, want) {
			t.Errorf("%s has the files %q, want %q", component, files, want)
		}
		c := all[component].Spec.Containers[0]
		file := variable(c, "DATABASE_PASSWORD_FILE")
		mounted := slices.ContainsFunc(c.VolumeMounts, func(m core.VolumeMount) bool {
			return m.ReadOnly && m.MountPath+"/DATABASE_PASSWORD" == file
		})
		if !mounted || variable(c, "DATABASE_PASSWORD") != "" {
			t.Errorf("%s looks for its password in %q, and has mounted %v", component, file, c.VolumeMounts)
		}
	}
}

func TestDeploymentsComeAndGoWithoutAGap(t *testing.T) {
	deployments := of[*apps.Deployment](t, least)
	budgets := of[*policy.PodDisruptionBudget](t, least)
	scalers := of[*autoscaling.HorizontalPodAutoscaler](t, least)
	for name, d := range deployments {
		if d.Spec.Strategy.RollingUpdate.MaxUnavailable.IntValue() != 0 || d.Spec.Replicas != nil {
			t.Errorf("%s: %+v", name, d.Spec)
		}
		selector := d.Spec.Selector.MatchLabels
		if budget := budgets[name]; budget == nil || !equalLabels(budget.Spec.Selector.MatchLabels, selector) {
			t.Errorf("%s has no disruption budget of its own", name)
		}
		if n := disruptions(t, budgets[name], int(*scalers[name].Spec.MinReplicas)); n < 1 || n >= int(*scalers[name].Spec.MinReplicas) {
			t.Errorf("%s: %d pods of the fewest may go at once", name, n)
		}
		if s := scalers[name]; s == nil || s.Spec.ScaleTargetRef.Name != name || *s.Spec.MinReplicas < 2 {
			t.Errorf("%s is scaled by %+v", name, s)
		}
		spread := d.Spec.Template.Spec.TopologySpreadConstraints
		if len(spread) != 2 || !equalLabels(spread[0].LabelSelector.MatchLabels, selector) {
			t.Errorf("%s is spread by %+v", name, spread)
		}
		if !subset(selector, d.Spec.Template.Labels) {
			t.Errorf("%s does not select its pods", name)
		}
	}
	api := of[*apps.Deployment](t, fixed)["sale-order-service-api"]
	if *api.Spec.Replicas != 4 {
		t.Errorf("%d replicas", *api.Spec.Replicas)
	}
}

// disruptions is how many of so many pods a budget lets go, as Kubernetes
// rounds.
func disruptions(t *testing.T, b *policy.PodDisruptionBudget, replicas int) int {
	t.Helper()
	n, err := intstr.GetScaledValueFromIntOrPercent(b.Spec.MaxUnavailable, replicas, true)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func subset(some, of map[string]string) bool {
	for k, v := range some {
		if of[k] != v {
			return false
		}
	}
	return true
}

func equalLabels(a, b map[string]string) bool { return subset(a, b) && subset(b, a) }

func TestOnlyScrapersAndClientsGetIn(t *testing.T) {
	policies := of[*networking.NetworkPolicy](t, production)
	all, api := policies["sale-order-service"].Spec, policies["sale-order-service-api"].Spec
	if len(all.PolicyTypes) != 2 || len(all.Ingress) != 1 || len(all.Egress) != 2 {
		t.Fatalf("%+v", all)
	}
	if all.Ingress[0].Ports[0].Port.String() != "metrics" || len(all.Ingress[0].From) != 1 {
		t.Errorf("all pods let in %+v", all.Ingress)
	}
	if len(api.Ingress) != 1 || api.Ingress[0].Ports[0].Port.String() != "http" || len(api.Ingress[0].From) != 1 {
		t.Errorf("the api lets in %+v", api.Ingress)
	}
	open := of[*networking.NetworkPolicy](t, least)["sale-order-service"].Spec
	if from := open.Ingress[0].From; len(from) != 1 || from[0].NamespaceSelector == nil || from[0].IPBlock != nil {
		t.Errorf("without a word the metrics are read by %+v", from)
	}
}

// A port that a recipe leads to, and that the policy does not open, is one of
// those that its comment names: what is dropped says nothing.
func TestPortsOfTheRecipesAreOpenOrNamed(t *testing.T) {
	_, comment, _ := strings.Cut(readFile(t, chartDir+"/values.yaml"), "scrapers: []")
	comment, _, found := strings.Cut(comment, "podMonitor:")
	if !found {
		t.Fatal("the policy's values are not where they were")
	}
	for _, page := range []string{"../../docs/managed.md", "../../docs/tracing.md"} {
		ports := regexp.MustCompile(`(?:[\w…]:|port )(\d{2,5})\b`).FindAllStringSubmatch(readFile(t, page), -1)
		if len(ports) < 2 {
			t.Errorf("%s names %d ports", page, len(ports))
		}
		for _, port := range ports {
			if !regexp.MustCompile(`\b` + port[1] + `\b`).MatchString(comment) {
				t.Errorf("%s leads to port %s, of which the policy says nothing", page, port[1])
			}
		}
	}
	if !strings.Contains(comment, "169.254.170.23") {
		t.Error("it does not name the agent that has the credentials of AWS")
	}
}

func TestMigrationComesBeforeThePods(t *testing.T) {
	jobs := of[*batch.Job](t, least)
	migrate, verify := jobs["sale-order-service-migrate"], jobs["sale-order-service-verify"]
	if got := migrate.Annotations["helm.sh/hook"]; got != "pre-install,pre-upgrade" {
		t.Errorf("the migration runs at %q", got)
	}
	if got := seconds(*migrate.Spec.ActiveDeadlineSeconds); got < migrateTimeout {
		t.Errorf("the migration is killed after %v", got)
	}
	if got := verify.Annotations["helm.sh/hook"]; got != "test" {
		t.Errorf("the check runs at %q", got)
	}
	// What is not a hook does not exist yet when the first one runs.
	pod := migrate.Spec.Template.Spec
	if pod.ServiceAccountName != "" || !slices.Equal(pod.Containers[0].Args, []string{"--migrate"}) || len(pod.Containers[0].EnvFrom) > 0 {
		t.Errorf("%+v", pod)
	}
}

func TestChartBringsTheAlertsAndDashboards(t *testing.T) {
	rules := of[*monitoring.PrometheusRule](t, production)["sale-order-service"]
	var alerts int
	for _, group := range rules.Spec.Groups {
		for _, rule := range group.Rules {
			if rule.Alert == "" {
				continue
			}
			alerts++
			if want := "https://runbooks.example/" + rule.Alert + ".md"; rule.Annotations["runbook_url"] != want {
				t.Errorf("%s leads to %s, want %s", rule.Alert, rule.Annotations["runbook_url"], want)
			}
		}
	}
	if want := len(alertRules(t)); alerts != want {
		t.Errorf("%d alerts in the chart, %d in its source", alerts, want)
	}
	if rules.Labels["release"] != "prometheus" {
		t.Errorf("labels %v", rules.Labels)
	}
	if monitor := of[*monitoring.PodMonitor](t, production)["sale-order-service"]; monitor == nil || monitor.Labels["release"] != "prometheus" {
		t.Errorf("the pods are scraped by %+v", monitor)
	}
	maps := of[*core.ConfigMap](t, production)
	for name, file := range dashboardFiles(t) {
		m := maps["sale-order-service-"+name]
		if m == nil || m.Data[name+".json"] != strings.TrimSuffix(file, "\n") || m.Labels["grafana_dashboard"] != "1" {
			t.Errorf("dashboard %s is not there as it was written", name)
		}
	}
	if n := len(of[*monitoring.PodMonitor](t, least)) + len(of[*core.ConfigMap](t, least)); n != 0 {
		t.Errorf("%d objects that the cluster may not know, unasked", n)
	}
}
