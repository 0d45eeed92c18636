package config

import (
	"reflect"
	"slices"
	"strings"
)

// trim takes white space from the ends of every value, and of every item of a
// list, and tells of each: what an editor, a shell or a secret's file has left
// there is invisible where it is looked for, and a JWT_SECRET that ends with a
// newline answers 401 to everybody. The rest is judged without it.
func trim(values map[string]string) (problems Problems) {
	for field := range reflect.TypeFor[Config]().Fields() {
		name := field.Tag.Get("env")
		items := []string{values[name]}
		if field.Type.Kind() == reflect.Slice {
			items = strings.Split(values[name], ",")
		}
		if !slices.ContainsFunc(items, func(s string) bool { return s != strings.TrimSpace(s) }) {
			continue
		}
		problems = append(problems, name+" has white space, maybe a newline, at the beginning or end of a value")
		for i := range items {
			items[i] = strings.TrimSpace(items[i])
		}
		values[name] = strings.Join(items, ",")
	}
	return problems
}
