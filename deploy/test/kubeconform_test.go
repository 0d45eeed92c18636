package deploy

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/yannh/kubeconform/pkg/resource"
	"github.com/yannh/kubeconform/pkg/validator"
)

// kubernetesVersions are those that the chart is checked against: of the three
// newest minor versions the newest that can be had as a Go module, and the last
// of the oldest that Chart.yaml takes.
var kubernetesVersions = []string{"1.37.2", "1.36.3", "1.35.4", "1.30.14"}

// kubeconform is kubeconform -strict with the schemas of a Kubernetes. It asks
// no server for one: a kind that has none is an error.
func kubeconform(t *testing.T, version string) validator.Validator {
	t.Helper()
	folder := t.TempDir()
	writeSchemas(t, folder, version)
	v, err := validator.New([]string{folder}, validator.Opts{KubernetesVersion: version, Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// complaints are what kubeconform has against rendered objects.
func complaints(v validator.Validator, documents []string) (all []string) {
	for _, document := range documents {
		if result := v.ValidateResource(resource.Resource{Bytes: []byte(document)}); result.Status != validator.Valid {
			all = append(all, fmt.Sprintf("%v in %s", result.Err, strings.TrimSpace(document[:min(len(document), 200)])))
		}
	}
	return all
}

func TestChartPassesKubeconform(t *testing.T) {
	for _, version := range kubernetesVersions {
		v := kubeconform(t, version)
		for name, values := range valueSets {
			for _, complaint := range complaints(v, documents(t, values)) {
				t.Errorf("Kubernetes %s, %s: %s", version, name, complaint)
			}
		}
	}
}

// mistakes are what a rendered chart may be made wrong with, and the word that
// kubeconform then has.
var mistakes = map[string]struct{ replace, by, word string }{
	"a Deployment without its selector":  {`(?m)^  selector:\n(    .*\n)+  template:`, "  template:", "missing property 'selector'"},
	"a misspelt field":                   {`revisionHistoryLimit:`, "revisionHistoryLimits:", "'revisionHistoryLimits' not allowed"},
	"a misspelt field of the metadata":   {`(?m)^  labels:`, "  lables:", "'lables' not allowed"},
	"a field that is given twice":        {`revisionHistoryLimit: 5`, "revisionHistoryLimit: 5\n  revisionHistoryLimit: 5", "already set"},
	"a wrong enum":                       {`imagePullPolicy: IfNotPresent`, "imagePullPolicy: Sometimes", "must be one of 'Always', 'IfNotPresent', 'Never'"},
	"a wrong enum in a list":             {`policyTypes: \[Ingress`, "policyTypes: [Inwards", "must be one of 'Egress', 'Ingress'"},
	"a wrong type":                       {`containerPort: 8080`, "containerPort: http", "got string, want integer"},
	"neither a number nor a string":      {`maxSurge: 1`, "maxSurge: [1]", "got array, want"},
	"a kind that there is not":           {`kind: Job`, "kind: Work", "could not find schema for Work"},
	"a group that there is not":          {`networking.k8s.io/v1`, "networking.example.com/v1", "must be 'networking.k8s.io/v1'"},
	"a PodMonitor with a misspelt field": {`jobLabel:`, "jobLable:", "'jobLable' not allowed"},
	"a PodMonitor that scrapes at times": {`interval: 15s`, "interval: often", "does not match pattern"},
	"an alert with a misspelt field":     {`annotations: *\n( *)summary:`, "anotations:\n${1}summary:", "'anotations' not allowed"},
}

// Schemas that take everything would pass everything.
func TestKubeconformRefusesWhatKubernetesWould(t *testing.T) {
	good := documents(t, production)
	for _, version := range kubernetesVersions {
		v := kubeconform(t, version)
		for name, mistake := range mistakes {
			bad := regexp.MustCompile(mistake.replace).ReplaceAllString(strings.Join(good, separator), mistake.by)
			if all := complaints(v, strings.Split(bad, separator)); !strings.Contains(strings.Join(all, "\n"), mistake.word) {
				t.Errorf("Kubernetes %s, %s: %q, want a word of %s", version, name, all, mistake.word)
			}
		}
	}
}

// Each Kubernetes is itself: a pod of the oldest has no such field.
func TestKubeconformKnowsOneKubernetesFromAnother(t *testing.T) {
	young := strings.ReplaceAll(strings.Join(documents(t, least), separator), "enableServiceLinks: false", "hostnameOverride: sale")
	for _, version := range kubernetesVersions {
		all := complaints(kubeconform(t, version), strings.Split(young, separator))
		if refused := len(all) > 0; refused != (version == oldest()) {
			t.Errorf("Kubernetes %s refuses hostnameOverride: %t", version, refused)
		}
	}
}

func oldest() string { return kubernetesVersions[len(kubernetesVersions)-1] }

// What is promised to operators is what was checked.
func TestChartPromisesTheKubernetesThatAreChecked(t *testing.T) {
	minor := oldest()[:strings.LastIndexByte(oldest(), '.')]
	if got, want := loadChart(t).Metadata.KubeVersion, ">="+minor+".0-0"; got != want {
		t.Errorf("the chart is for Kubernetes %s, want %s", got, want)
	}
	for _, version := range kubernetesVersions {
		if !strings.Contains(readFile(t, "../README.md"), version) {
			t.Errorf("the README does not say that %s is checked", version)
		}
	}
}
