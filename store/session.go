package store

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// What the server does to a session of ours that falls silent, so that no row
// and no leadership stays locked by a host that has gone.
const (
	// idleInTransaction is far longer than any transaction of ours waits for
	// this process, and ends one whose process is stopped but still connected.
	idleInTransaction = 10 * time.Second
	// idleLeader is the same for a leader's session, which is never silent for
	// longer than beatEvery.
	idleLeader = 10 * time.Second
	// clientCheck is how often a statement that runs or waits for a lock looks
	// whether its client is still there.
	clientCheck = 5 * time.Second
)

// settings of a session, by name, as SET takes them.
type settings map[string]string

// bounded returns the settings that every session has, and more.
func bounded(more settings) settings {
	all := settings{
		"tcp_keepalives_idle":                 seconds(keepAliveIdle),
		"tcp_keepalives_interval":             seconds(keepAliveInterval),
		"tcp_keepalives_count":                strconv.Itoa(keepAliveProbes),
		"tcp_user_timeout":                    milliseconds(unackedTimeout),
		"client_connection_check_interval":    milliseconds(clientCheck),
		"idle_in_transaction_session_timeout": milliseconds(idleInTransaction),
	}
	maps.Copy(all, more)
	return all
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) }

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// refresh has a new connection use what is secret as it is now: the certificates
// and the password file that url names, and the password that is asked for.
func refresh(url string, password func() (string, error)) func(context.Context, *pgx.ConnConfig) error {
	return func(_ context.Context, conf *pgx.ConnConfig) error {
		pool, err := parseURL(url)
		if err != nil {
			return err
		}
		now := pool.ConnConfig
		conf.Password, conf.TLSConfig, conf.Fallbacks = now.Password, now.TLSConfig, now.Fallbacks
		if password != nil {
			conf.Password, err = password()
		}
		return err
	}
}

// readUTC makes every timestamptz arrive in UTC, as order.Order promises, instead
// of the process' local zone.
func readUTC(conn *pgx.Conn) {
	conn.TypeMap().RegisterType(&pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
}

// setUp gives a session its settings, and reads its times in UTC.
//
// They are no startup parameters, for a pooler refuses those that it does not
// know. Older servers lack some, and what the URL or an ALTER ROLE or DATABASE
// says stays as it is.
func setUp(s settings) func(context.Context, *pgx.Conn) error {
	names := slices.Collect(maps.Keys(s))
	values := make([]string, len(names))
	for i, name := range names {
		values[i] = s[name]
	}
	return func(ctx context.Context, conn *pgx.Conn) error {
		readUTC(conn)
		_, err := conn.Exec(within(ctx, connectTimeout), `
			SELECT set_config(name, value, false)
			FROM pg_settings JOIN unnest($1::text[], $2::text[]) AS wanted (name, value) USING (name)
			WHERE source NOT IN ('client', 'user', 'database', 'database user')`, names, values)
		return err
	}
}

// targetAttrs is by which a URL says itself what its server must be.
const targetAttrs = "target_session_attrs"

// requireWrites has connections refused by a server that takes no writes, such
// as a primary that was demoted and answers all the same. A URL that names its
// target_session_attrs decides by itself.
func requireWrites(url string, conf *pgx.ConnConfig) {
	if !strings.Contains(url, targetAttrs) {
		conf.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
}

// wantsWrites reports false of a URL that also wants servers that take none.
func wantsWrites(url string) bool {
	return !strings.Contains(url, targetAttrs) ||
		strings.Contains(url, targetAttrs+"=read-write") || strings.Contains(url, targetAttrs+"=primary")
}

// readOnly asks the server whether it takes writes.
func readOnly(ctx context.Context, db interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}) (is bool, err error) {
	err = db.QueryRow(ctx, `SELECT current_setting('transaction_read_only')::boolean`).Scan(&is)
	return is, err
}
