package config

import (
	"context"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"time"

	"order-service/fresh"
)

// fileSuffix behind the name of a secret's variable names a file that holds it.
const fileSuffix = "_FILE"

// maxSecret bounds what is read of a secret's file, in bytes.
const maxSecret = 64 << 10

// readFiles puts what secrets' files hold into values, and tells which variable
// was read from which file. A file for what is no secret is a problem: passed over,
// it could be an audience that nobody checks.
func readFiles(values map[string]string) (files map[string]string, problems Problems) {
	files = map[string]string{}
	for field := range reflect.TypeFor[Config]().Fields() {
		name := field.Tag.Get("env")
		file := values[name+fileSuffix]
		switch {
		case name == "" || file == "":
		case !isSecret(field.Type):
			problems = append(problems, name+fileSuffix+" is not read: "+name+" is no secret and has to be set itself")
		case values[name] != "":
			problems = append(problems, name+" and "+name+fileSuffix+" exclude each other")
		default:
			secret, err := readSecret(file)
			if err != nil {
				problems = append(problems, name+fileSuffix+" cannot be used: "+err.Error())
			}
			values[name], files[name] = secret, file
		}
	}
	return files, problems
}

// isSecret tells a Secret, or a list of them.
func isSecret(t reflect.Type) bool {
	if t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t == reflect.TypeFor[Secret]()
}

// readSecret returns what file holds, without the newline that files end with.
// An empty one is an error: it has not been written yet.
func readSecret(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	switch {
	case err != nil:
		return "", err
	case len(data) > maxSecret:
		return "", fmt.Errorf("%s is longer than %d bytes", file, maxSecret)
	}
	secret := strings.TrimSuffix(string(data), "\n")
	if secret == "" {
		return "", fmt.Errorf("%s is empty", file)
	}
	return secret, nil
}

// AWSContainer is where the credentials of the container's role are asked for,
// if anywhere.
func (c Config) AWSContainer() string {
	if c.AWSContainerURL == "" && c.AWSContainerPath != "" {
		return "http://169.254.170.2" + c.AWSContainerPath
	}
	return c.AWSContainerURL
}

// renewAfter is how long a secret that was read is used: a sale asks for some of
// them thousands of times a second.
const renewAfter = time.Second

// Renewed returns what gives the secret of variable as it is now: loaded, or
// what its file held less than a second ago. It is nil where there is no secret,
// and may be called by many at once.
func (c Config) Renewed(variable string, loaded Secret) func() (string, error) {
	if loaded == "" {
		return nil
	}
	file, ok := c.files[variable]
	if !ok {
		return func() (string, error) { return string(loaded), nil }
	}
	kept := fresh.New(renewAfter, whileGood, func(context.Context) (string, error) { return readSecret(file) })
	return func() (string, error) { return kept.Get(context.Background()) }
}

// whileGood keeps a secret, and no error: the file may be there a moment later.
func whileGood(_ time.Duration, err error) time.Duration {
	if err != nil {
		return 0
	}
	return renewAfter
}
