package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/twmb/franz-go/pkg/sasl/aws"
)

// AWSKeys is where AWS credentials come from: three secrets, or where AccessKey
// gives none, the agent that hands a container those of its role.
type AWSKeys struct {
	AccessKey, SecretKey, SessionToken secret

	ContainerURL   string // of the agent of ECS or EKS Pod Identity; empty is none
	ContainerToken secret // sent as Authorization
}

// maxCredentials bounds what is read of the agent's answer, in bytes.
const maxCredentials = 64 << 10

func (k AWSKeys) auth(ctx context.Context) (auth aws.Auth, err error) {
	for _, part := range []struct {
		of   secret
		into *string
	}{{k.AccessKey, &auth.AccessKey}, {k.SecretKey, &auth.SecretKey}, {k.SessionToken, &auth.SessionToken}} {
		if *part.into, err = part.of.now(); err != nil {
			return auth, err
		}
	}
	if auth.AccessKey != "" {
		return auth, nil
	}
	if k.ContainerURL == "" {
		return auth, errors.New("there are no AWS credentials: neither AWS_ACCESS_KEY_ID nor AWS_CONTAINER_CREDENTIALS_FULL_URI")
	}
	return k.ofContainer(ctx)
}

// ofContainer asks the agent, which keeps the credentials of the container's
// role fresh.
func (k AWSKeys) ofContainer(ctx context.Context) (auth aws.Auth, err error) {
	ctx, cancel := context.WithTimeout(ctx, tokenPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, k.ContainerURL, nil)
	if err != nil {
		return auth, err
	}
	token, err := k.ContainerToken.now()
	if err != nil {
		return auth, err
	}
	if token != "" {
		req.Header.Set("Authorization", token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return auth, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return auth, fmt.Errorf("the agent that has the AWS credentials answered %s", resp.Status)
	}
	var answer struct{ AccessKeyID, SecretAccessKey, Token string }
	err = json.NewDecoder(io.LimitReader(resp.Body, maxCredentials)).Decode(&answer)
	if err == nil && answer.AccessKeyID == "" {
		err = errors.New("the agent that has the AWS credentials gave none")
	}
	return aws.Auth{AccessKey: answer.AccessKeyID, SecretKey: answer.SecretAccessKey, SessionToken: answer.Token}, err
}
