package cache

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// limits bound one client: how long anything may take and how many connections
// (per node of a cluster) it may have.
type limits struct {
	timeout time.Duration
	conns   int
}

// connect returns a client that gives up at its limits. It does not retry: a
// caller out of time has no use for that, and every script may be repeated by
// whoever has time.
func connect(c Config, l limits) (redis.UniversalClient, error) {
	o, err := parse(c.URL)
	if err != nil {
		return nil, err
	}
	if o.TLSConfig != nil && c.TLS != nil {
		o.TLSConfig.RootCAs, o.TLSConfig.GetClientCertificate = c.TLS.RootCAs, c.TLS.GetClientCertificate
	}
	if c.Password != nil {
		o.CredentialsProviderContext = func(context.Context) (string, string, error) {
			password, err := c.Password()
			return o.Username, password, err
		}
	}
	o.Dialer = dialer(l.timeout, o.TLSConfig)
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = l.timeout, l.timeout, l.timeout, l.timeout
	o.ContextTimeoutEnabled = true
	o.MaxRetries, o.DialerRetries = -1, 1
	o.PoolSize, o.MaxActiveConns, o.PipelinePoolSize = l.conns, l.conns, -1
	// Handshakes that tell the server about its client cost round trips.
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewUniversalClient(o), nil
}

// CheckURL reads a Redis URL as Open will, and dials nothing. Its error has
// neither the URL nor a password in it.
func CheckURL(rawURL string) error {
	_, err := parse(rawURL)
	return err
}

// parse reads a Redis URL. With master_name= it names Sentinels, which know
// where the master is, with addr= parameters alone the nodes of a Redis Cluster.
func parse(rawURL string) (*redis.UniversalOptions, error) {
	var query url.Values
	if u, err := url.Parse(rawURL); err == nil {
		query = u.Query()
	}
	switch {
	case query.Has("master_name"):
		o, err := redis.ParseFailoverURL(rawURL)
		if err != nil {
			return nil, badURL(err)
		}
		return &redis.UniversalOptions{
			Addrs: o.SentinelAddrs, MasterName: o.MasterName, DB: o.DB, Username: o.Username, Password: o.Password,
			SentinelUsername: o.SentinelUsername, SentinelPassword: o.SentinelPassword, TLSConfig: o.TLSConfig,
		}, nil
	case query.Has("addr"):
		o, err := redis.ParseClusterURL(rawURL)
		if err != nil {
			return nil, badURL(err)
		}
		return &redis.UniversalOptions{
			Addrs: o.Addrs, Username: o.Username, Password: o.Password, TLSConfig: o.TLSConfig, IsClusterMode: true,
		}, nil
	}
	o, err := redis.ParseURL(rawURL)
	if err != nil {
		return nil, badURL(err)
	}
	return &redis.UniversalOptions{
		Addrs: []string{o.Addr}, DB: o.DB, Username: o.Username, Password: o.Password, TLSConfig: o.TLSConfig,
	}, nil
}

// errNoURL also stands for what the parsers say of a URL that they cannot take
// apart, since that may quote a piece of the password.
var errNoURL = errors.New("cache: not a Redis URL; what is special in a password must be percent-encoded")

// badURL keeps the URL, and the password in it, out of the error.
func badURL(err error) error {
	if _, ok := errors.AsType[*url.Error](err); ok || strings.Contains(err.Error(), "@") {
		return errNoURL
	}
	return fmt.Errorf("cache: not a Redis URL: %w", err)
}

// PoolStats is what the connection pools of a Gate count together.
type PoolStats struct {
	Open, Idle int64
	Timeouts   int64 // waits for a free connection so far that were given up
}

// Pool returns the pools' counts.
func (g *Gate) Pool() (sum PoolStats) {
	for _, client := range []redis.UniversalClient{g.fast, g.patient} {
		s := client.PoolStats()
		sum.Open, sum.Idle = sum.Open+int64(s.TotalConns), sum.Idle+int64(s.IdleConns)
		sum.Timeouts += int64(s.Timeouts)
	}
	return sum
}
