package bus

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/aws"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// secret is asked for each connection, and again when a broker wants a session
// to be renewed, so that one which has been replaced is used from then on. Nil is
// an empty one.
type secret func() (string, error)

func (s secret) now() (string, error) {
	if s == nil {
		return "", nil
	}
	return s()
}

// Login is how brokers are told who this is. What a mechanism does not need may
// be left out.
type Login struct {
	Mechanism  string // PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER or AWS_MSK_IAM; empty is none
	Username   string // PLAIN and SCRAM
	Password   secret // of Username
	Token      secret // OAUTHBEARER, unless Client has a TokenURL
	Client     OAuthClient
	Extensions []string // sent with each token, as name=value
	AWS        AWSKeys  // AWS_MSK_IAM
}

// OAuthClient gets tokens by client credentials (RFC 6749 §4.4). A token is used
// until it expires.
type OAuthClient struct {
	TokenURL, ID string
	Scopes       []string
	Secret       secret
}

// tokenPatience is how long a token or credentials are waited for. A broker that
// is being dialled waits no longer.
const tokenPatience = 5 * time.Second

// mechanism returns nil for no login.
func (l Login) mechanism() (sasl.Mechanism, error) {
	switch l.Mechanism {
	case "":
		return nil, nil
	case "PLAIN":
		return plain.Plain(func(context.Context) (plain.Auth, error) {
			password, err := l.Password.now()
			return plain.Auth{User: l.Username, Pass: password}, err
		}), nil
	case "SCRAM-SHA-256":
		return scram.Sha256(l.scram), nil
	case "SCRAM-SHA-512":
		return scram.Sha512(l.scram), nil
	case "OAUTHBEARER":
		return l.bearer(), nil
	case "AWS_MSK_IAM":
		return aws.ManagedStreamingIAM(l.AWS.auth), nil
	}
	return nil, fmt.Errorf("unknown SASL mechanism %q", l.Mechanism)
}

func (l Login) scram(context.Context) (scram.Auth, error) {
	password, err := l.Password.now()
	return scram.Auth{User: l.Username, Pass: password}, err
}

func (l Login) bearer() sasl.Mechanism {
	extensions := make(map[string]string, len(l.Extensions))
	for _, pair := range l.Extensions {
		name, value, _ := strings.Cut(pair, "=")
		extensions[name] = value
	}
	token := l.Token.now
	if l.Client.TokenURL != "" {
		source := oauth2.ReuseTokenSource(nil, l.Client)
		token = func() (string, error) {
			t, err := source.Token()
			if err != nil {
				return "", err
			}
			return t.AccessToken, nil
		}
	}
	return oauth.Oauth(func(context.Context) (oauth.Auth, error) {
		now, err := token()
		return oauth.Auth{Token: now, Extensions: extensions}, err
	})
}

// Token asks for a new token.
func (c OAuthClient) Token() (*oauth2.Token, error) {
	password, err := c.Secret.now()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), tokenPatience)
	defer cancel()
	client := clientcredentials.Config{ClientID: c.ID, ClientSecret: password, TokenURL: c.TokenURL, Scopes: c.Scopes}
	return client.Token(ctx)
}
