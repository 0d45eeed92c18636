package temporal

import (
	"time"

	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/primitives"
	server "go.temporal.io/server/temporal"
)

const (
	clusterName = "active"
	shards      = 4 // history shards; fixed for the life of a database
	unlimited   = 1_000_000
)

func (cfg Config) options(db datastore, log serverLog) []server.ServerOption {
	return []server.ServerOption{
		server.WithConfig(cfg.server(db)),
		server.ForServices(server.DefaultServices),
		server.WithStaticHosts(cfg.hosts()),
		server.WithLogger(log),
		server.WithAuthorizer(authorization.NewNoopAuthorizer()),
		server.WithDynamicConfigClient(limits()),
	}
}

func (cfg Config) server(db datastore) *config.Config {
	c := &config.Config{
		Persistence: config.Persistence{
			DefaultStore:     storeName,
			VisibilityStore:  visibilityName,
			NumHistoryShards: shards,
			DataStores: map[string]config.DataStore{
				storeName: {SQL: db.store}, visibilityName: {SQL: db.visibility},
			},
		},
		ClusterMetadata:     cfg.cluster(),
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		PublicClient:        config.PublicClient{HostPort: cfg.address(cfg.Ports.Frontend)},
		Services:            map[string]config.Service{},
	}
	c.Global.Membership = config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: Loopback}
	c.Archival.History.State, c.Archival.Visibility.State = "disabled", "disabled"
	c.NamespaceDefaults.Archival.History.State, c.NamespaceDefaults.Archival.Visibility.State = "disabled", "disabled"
	for name, port := range cfg.services() {
		c.Services[string(name)] = config.Service{RPC: config.RPC{GRPCPort: port, BindOnIP: Loopback}}
	}
	return c
}

func (cfg Config) services() map[primitives.ServiceName]int {
	return map[primitives.ServiceName]int{
		primitives.FrontendService: cfg.Ports.Frontend,
		primitives.HistoryService:  cfg.Ports.History,
		primitives.MatchingService: cfg.Ports.Matching,
		primitives.WorkerService:   cfg.Ports.Worker,
	}
}

func (cfg Config) hosts() map[primitives.ServiceName]static.Hosts {
	hosts := make(map[primitives.ServiceName]static.Hosts)
	for name, port := range cfg.services() {
		hosts[name] = static.SingleLocalHost(cfg.address(port))
	}
	return hosts
}

func (cfg Config) cluster() *cluster.Config {
	return &cluster.Config{
		FailoverVersionIncrement: 10,
		MasterClusterName:        clusterName,
		CurrentClusterName:       clusterName,
		ClusterInformation: map[string]cluster.ClusterInformation{clusterName: {
			Enabled: true, InitialFailoverVersion: 1, RPCAddress: cfg.address(cfg.Ports.Frontend),
		}},
	}
}

// limits lifts the server's rate limits, which protect shared clusters: here
// they would turn a load test into a test of them. One task queue partition is
// enough for one host, and a task then never waits in another's backlog.
func limits() dynamicconfig.StaticClient {
	c := dynamicconfig.StaticClient{
		dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
		dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,
	}
	for _, key := range []dynamicconfig.Key{
		dynamicconfig.FrontendRPS.Key(),
		dynamicconfig.FrontendMaxNamespaceRPSPerInstance.Key(),
		dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key(),
		dynamicconfig.FrontendMaxConcurrentLongRunningRequestsPerInstance.Key(),
		dynamicconfig.FrontendPersistenceMaxQPS.Key(),
		dynamicconfig.HistoryRPS.Key(),
		dynamicconfig.HistoryPersistenceMaxQPS.Key(),
		dynamicconfig.MatchingRPS.Key(),
		dynamicconfig.MatchingPersistenceMaxQPS.Key(),
	} {
		c[key] = unlimited
	}
	return c
}
