package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// role is what a caller may be here.
type role string

// The roles, and what they are called in tokens unless JWTConfig says otherwise.
const (
	roleUser  role = "ROLE_USER"
	roleAdmin role = "ROLE_ADMIN"
)

// anyToken, as the name of a role, is every token's.
const anyToken = "*"

// claims are a token's: those that are judged for every token, and all of them,
// since each identity provider has its own place for a user and his roles.
type claims struct {
	jwt.RegisteredClaims
	all map[string]any
}

// Without it the decoder would fill the registered claims, and roles would be
// missing from every token.
var _ json.Unmarshaler = (*claims)(nil)

// UnmarshalJSON implements json.Unmarshaler.
func (c *claims) UnmarshalJSON(text []byte) error {
	return errors.Join(json.Unmarshal(text, &c.RegisteredClaims), json.Unmarshal(text, &c.all))
}

// find returns the claim of that name, or else, as the parts of the name
// between dots lead to it, one within others: Auth0 has names that are URLs,
// Keycloak has realm_access.roles.
func (c *claims) find(name string) any {
	if value, ok := c.all[name]; ok {
		return value
	}
	var value any = c.all
	for part := range strings.SplitSeq(name, ".") {
		object, _ := value.(map[string]any)
		value = object[part]
	}
	return value
}

// reading is how tokens are read.
type reading struct {
	user, roles string
	names       map[role]string
}

func newReading(cfg JWTConfig) reading {
	return reading{
		user: cfg.UserClaim, roles: cmp.Or(cfg.RolesClaim, "roles"),
		names: map[role]string{
			roleUser:  cmp.Or(cfg.UserRole, string(roleUser)),
			roleAdmin: cmp.Or(cfg.AdminRole, string(roleAdmin)),
		},
	}
}

// userOf is the claim that is configured, else userId, else sub.
func (r reading) userOf(c *claims) (string, error) {
	for _, name := range []string{r.user, "userId", "sub"} {
		value := c.find(name)
		text, ok := value.(string)
		if value != nil && !ok {
			return "", errors.New("the claim " + name + " is not text")
		}
		if text != "" || name == r.user && name != "" {
			return text, nil
		}
	}
	return "", nil
}

// rolesOf returns the roles that mean something here: a token may have any
// number.
func (r reading) rolesOf(c *claims) (known []role, err error) {
	names, err := r.words(c.find(r.roles))
	for _, role := range []role{roleUser, roleAdmin} {
		if r.names[role] == anyToken || slices.Contains(names, r.names[role]) {
			known = append(known, role)
		}
	}
	return known, err
}

// words reads a list of text. One word may be a text instead of a list, as an
// audience may, and scopes are several with spaces between (RFC 8693, section
// 4.2; Entra calls them scp).
func (r reading) words(value any) (words []string, err error) {
	switch v := value.(type) {
	case nil:
	case string:
		if r.roles == "scope" || r.roles == "scp" {
			return strings.Fields(v), nil
		}
		words = []string{v}
	case []any:
		for _, word := range v {
			text, ok := word.(string)
			if !ok {
				return nil, errors.New("a role is not text")
			}
			words = append(words, text)
		}
	default:
		err = errors.New("the roles are neither text nor a list")
	}
	return words, err
}
