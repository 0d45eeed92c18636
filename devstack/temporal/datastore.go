package temporal

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"strconv"

	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	sqliteschema "go.temporal.io/server/schema/sqlite"
	"go.temporal.io/server/tools/common/schema"
	sqltool "go.temporal.io/server/tools/sql"
	"google.golang.org/protobuf/types/known/durationpb"
)

const (
	storeName      = "default"
	visibilityName = "visibility"
)

// datastore is where the server keeps workflows and its index of them.
type datastore struct{ store, visibility *config.SQL }

// datastore creates what is missing: databases, schema and the namespace.
func (cfg Config) datastore(log serverLog) (datastore, error) {
	db, err := cfg.prepare(log)
	if err != nil {
		return datastore{}, err
	}
	ns, err := sqliteschema.NewNamespaceConfig(clusterName, cfg.Namespace, false, nil)
	if err != nil {
		return datastore{}, fmt.Errorf("namespace %s: %w", cfg.Namespace, err)
	}
	ns.Detail.Config.Retention = durationpb.New(cfg.Retention)
	// Written before the server starts, the namespace is there with its first
	// read; registered by RPC, it would take the caches seconds to see it. The
	// function serves every SQL plugin, in spite of its package.
	if err := sqliteschema.CreateNamespaces(db.store, ns); err != nil {
		return datastore{}, err
	}
	return db, nil
}

func (cfg Config) prepare(log serverLog) (datastore, error) {
	switch {
	case cfg.Postgres != "":
		return postgresStore(cfg.Postgres, log)
	case cfg.File != "":
		return sqliteStore(cfg.File)
	}
	db := &config.SQL{
		PluginName:        sqlite.PluginName,
		DatabaseName:      strconv.FormatUint(rand.Uint64(), 36),
		ConnectAttributes: map[string]string{"mode": "memory", "cache": "shared"},
	}
	return datastore{db, db}, nil
}

// sqliteStore opens file, creating it with its schema. A crash while the schema
// is written must not leave half of one under the final name.
func sqliteStore(file string) (datastore, error) {
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		fresh := file + ".new"
		if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return datastore{}, err
		}
		if err := sqliteschema.SetupSchema(sqliteFile(fresh, nil)); err != nil {
			return datastore{}, err
		}
		if err := os.Rename(fresh, file); err != nil {
			return datastore{}, err
		}
	}
	// The defaults, 2 MB of pages and a checkpoint after 4 MB, cost Temporal a twelfth of its rate.
	db := sqliteFile(file, map[string]string{
		"journal_mode": "wal", "synchronous": "full", "busy_timeout": "10000",
		"cache_size": "-65536", "wal_autocheckpoint": "8000",
	})
	return datastore{db, db}, nil
}

// sqliteFile escapes the name, which becomes the path of a URL.
func sqliteFile(file string, pragmas map[string]string) *config.SQL {
	attributes := map[string]string{"mode": "rwc"}
	for k, v := range pragmas {
		attributes[k] = v
	}
	path := (&url.URL{Path: file}).EscapedPath()
	return &config.SQL{PluginName: sqlite.PluginName, DatabaseName: path, ConnectAttributes: attributes}
}

func postgresStore(libpq string, log serverLog) (datastore, error) {
	u, err := url.Parse(libpq)
	if err != nil {
		return datastore{}, fmt.Errorf("the Postgres URL for Temporal: %w", err)
	}
	db := datastore{postgresDB(u, "temporal"), postgresDB(u, "temporal_visibility")}
	if err := migrate(*db.store, "postgresql/v12/temporal", log); err != nil {
		return datastore{}, err
	}
	return db, migrate(*db.visibility, "postgresql/v12/visibility", log)
}

func postgresDB(u *url.URL, name string) *config.SQL {
	password, _ := u.User.Password()
	return &config.SQL{
		PluginName: postgresql.PluginNamePGX, DatabaseName: name,
		User: u.User.Username(), Password: password,
		ConnectAddr: u.Host, ConnectProtocol: "tcp",
		MaxConns: 20, MaxIdleConns: 20,
	}
}

// migrate creates db and brings it to the newest version of the named schema.
func migrate(db config.SQL, name string, log serverLog) error {
	create := db
	if err := sqltool.DoCreateDatabase(&create, "postgres", log); err != nil {
		return fmt.Errorf("create database %s: %w", db.DatabaseName, err)
	}
	conn, err := sqltool.NewConnection(&db, log)
	if err != nil {
		return fmt.Errorf("connect to database %s: %w", db.DatabaseName, err)
	}
	defer conn.Close()
	if _, err := conn.ReadSchemaVersion(); err != nil {
		if err := schema.NewSetupSchemaTask(conn, &schema.SetupConfig{InitialVersion: "0.0"}, log).Run(); err != nil {
			return fmt.Errorf("set up schema %s: %w", name, err)
		}
	}
	if err := schema.NewUpdateSchemaTask(conn, &schema.UpdateConfig{DBName: db.DatabaseName, SchemaName: name}, log).Run(); err != nil {
		return fmt.Errorf("update schema %s: %w", name, err)
	}
	return nil
}
