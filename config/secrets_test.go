package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func written(t *testing.T, content string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestEverySecretMayBeInAFile(t *testing.T) {
	for field := range reflect.TypeFor[Config]().Fields() {
		name := field.Tag.Get("env")
		if !isSecret(field.Type) {
			continue
		}
		for content, problem := range map[string]string{
			"":                               "is empty",
			"\n":                             "is empty",
			"secret\n\n":                     name + " has white space",
			strings.Repeat("x", maxSecret+1): "longer than",
		} {
			_, err := load(t, map[string]string{name: "", name + "_FILE": written(t, content)})
			if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), problem) {
				t.Errorf("%s of %.10q: %v, want %q", name, content, err, problem)
			}
		}
		if _, err := load(t, map[string]string{name: "", name + "_FILE": "/nowhere"}); err == nil || !strings.Contains(err.Error(), name+"_FILE") {
			t.Errorf("%s in a file that is not there: %v", name, err)
		}
		if _, err := load(t, map[string]string{name: "x", name + "_FILE": written(t, "x")}); err == nil || !strings.Contains(err.Error(), name+" and "+name+"_FILE") {
			t.Errorf("%s given twice: %v", name, err)
		}
	}
}

func TestAFileForWhatIsNoSecretIsAProblem(t *testing.T) {
	for field := range reflect.TypeFor[Config]().Fields() {
		name := field.Tag.Get("env")
		if name == "" || isSecret(field.Type) {
			continue
		}
		if _, err := load(t, map[string]string{name + "_FILE": written(t, "x")}); err == nil || !strings.Contains(err.Error(), name+"_FILE is not read") {
			t.Errorf("%s_FILE: %v", name, err)
		}
	}
}

func TestAFilesLastNewlineIsNoPartOfTheSecret(t *testing.T) {
	secret := strings.Repeat("s", 32)
	for _, content := range []string{secret, secret + "\n"} {
		c, err := load(t, map[string]string{"JWT_SECRET": "", "JWT_SECRET_FILE": written(t, content)})
		if err != nil || string(c.JWTSecret) != secret {
			t.Errorf("%q: %q, %v", content, string(c.JWTSecret), err)
		}
	}
}

func TestASecretInAFileIsReadAgain(t *testing.T) {
	file := written(t, "first\n")
	c, err := load(t, map[string]string{"REDIS_PASSWORD_FILE": file, "DATABASE_PASSWORD": "stays"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Renewed("KAFKA_PASSWORD", c.KafkaPassword) != nil {
		t.Error("a secret that nobody gave is there")
	}
	synctest.Test(t, func(t *testing.T) {
		now, stays := c.Renewed("REDIS_PASSWORD", c.RedisPassword), c.Renewed("DATABASE_PASSWORD", c.DatabasePassword)
		for _, want := range []string{"first", "second"} {
			if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
				t.Fatal(err)
			}
			time.Sleep(renewAfter + 1)
			if got, err := now(); got != want || err != nil {
				t.Errorf("%q, %v; want %s", got, err, want)
			}
			if got, err := stays(); got != "stays" || err != nil {
				t.Errorf("a secret without a file: %q, %v", got, err)
			}
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		time.Sleep(renewAfter + 1)
		if got, err := now(); err == nil {
			t.Errorf("%q was given of a file that is gone", got)
		}
	})
}

func TestAKeyOrAFileImpliesTLS(t *testing.T) {
	for name, security := range map[string]func(Config) TLS{
		"TEMPORAL_API_KEY": Config.TemporalSecurity, "TEMPORAL_TLS_SERVER_NAME": Config.TemporalSecurity,
		"TEMPORAL_TLS": Config.TemporalSecurity, "KAFKA_TLS": Config.KafkaSecurity,
	} {
		c, err := load(t, map[string]string{name: "true"})
		if err != nil || !security(c).Enabled {
			t.Errorf("%s: TLS is not enabled, %v", name, err)
		}
	}
	c, err := load(t, nil)
	if err != nil || c.TemporalSecurity().Enabled || c.KafkaSecurity().Enabled {
		t.Errorf("TLS is enabled though nobody asked for it, %v", err)
	}
}
