package deploy

import (
	"testing"

	"sigs.k8s.io/yaml"
)

// prometheusOperator is the newest whose module can be had with the schemas of
// its kinds; objects_test.go decodes them into the types of a newer one.
const prometheusOperator = "github.com/prometheus-operator/prometheus-operator@v0.85.0"

// customResource is what is read of a CustomResourceDefinition.
type customResource struct {
	Spec struct {
		Group    string
		Names    struct{ Kind string }
		Versions []struct {
			Name   string
			Schema struct {
				OpenAPIV3Schema jsonSchema `json:"openAPIV3Schema"`
			}
		}
	}
}

// addCustomResources adds the kinds of Prometheus' operator. Of what they call
// metadata, Kubernetes says what it is.
func addCustomResources(t *testing.T, all map[string]jsonSchema) {
	t.Helper()
	folder := module(t, prometheusOperator) + "/example/prometheus-operator-crd/monitoring.coreos.com_"
	for _, plural := range []string{"podmonitors", "prometheusrules"} {
		var c customResource
		if err := yaml.Unmarshal([]byte(readFile(t, folder+plural+".yaml")), &c); err != nil {
			t.Fatal(err)
		}
		for _, version := range c.Spec.Versions {
			s := version.Schema.OpenAPIV3Schema
			s["properties"].(jsonSchema)["metadata"] = jsonSchema{"$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}
			s["x-kubernetes-group-version-kind"] = []any{jsonSchema{"group": c.Spec.Group, "version": version.Name, "kind": c.Spec.Names.Kind}}
			all[c.Spec.Names.Kind+"."+version.Name] = s
		}
	}
}
