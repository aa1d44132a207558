package torture

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/cosmic-go/allocation"
	"github.com/cosmic-go/allocation/internal/dbtest/harness"
	"github.com/cosmic-go/allocation/internal/dbtest/servers"
)

const (
	galera      = "galera" // as an engine: a cluster of MariaDB servers
	clusterSize = 3
)

// tortureCluster is torture on a cluster.
func tortureCluster(ctx context.Context, s *settings, folder string) (found *report, err error) {
	cluster, err := servers.StartCluster(ctx, clusterSize, &servers.Options{Fast: true, Settings: s.server()})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	return tortureNodes(ctx, s, folder, cluster)
}

// tortureNodes is torture on a running cluster.
func tortureNodes(ctx context.Context, s *settings, folder string, cluster *servers.Cluster) (*report, error) {
	databases, err := cluster.CreateDatabase(ctx)
	if err != nil {
		return nil, err
	}
	e, err := find(s.Engine)
	if err != nil {
		return nil, err
	}
	r := &run{settings: s, engine: e, servers: cluster.Nodes()}
	for _, database := range databases {
		r.dsns = append(r.dsns, database.DSN)
	}
	if r.dsn, err = nodesDSN(r.dsns, s.Writers); err != nil {
		return nil, err
	}
	return tortureIn(ctx, folder, r)
}

// anyNode is the network of a DSN with a list of servers as the address: the writers, which take commands, and behind
// "or" the servers that step in while no writer is up.
const (
	anyNode = "nodes"
	orElse  = "or"
)

// nodesDSN is a DSN for all servers of a cluster. With wsrep_sync_wait a read waits until the server has applied all
// earlier commits of every server: callers change servers, and the answer to a repeated command comes from a read.
func nodesDSN(dsns []string, writers int) (string, error) {
	var nodes []string
	var config *mysql.Config
	for _, dsn := range dsns {
		parsed, err := mysql.ParseDSN(dsn)
		if err != nil {
			return "", err
		}
		if len(nodes) == writers {
			nodes = append(nodes, orElse)
		}
		nodes, config = append(nodes, parsed.Addr), parsed
	}
	config.Net, config.Addr = anyNode, strings.Join(nodes, ",")
	config.Params = map[string]string{"wsrep_sync_wait": "1"}
	return config.FormatDSN(), nil
}

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// nodes dials the servers of a cluster in turn, and is safe for concurrent use.
type nodes struct {
	one  dialer
	next atomic.Int64
}

func newNodes(one dialer) *nodes {
	if one == nil {
		one = (&net.Dialer{}).DialContext
	}
	return &nodes{one: one}
}

// dial passes over servers that are down.
func (n *nodes) dial(ctx context.Context, _, addresses string) (conn net.Conn, err error) {
	first, rest, _ := strings.Cut(addresses, ","+orElse+",")
	writers := strings.Split(first, ",")
	turn := int(n.next.Add(1))
	for i := range writers {
		if conn, err = n.one(ctx, "tcp", writers[(turn+i)%len(writers)]); err == nil {
			return conn, nil
		}
	}
	if rest == "" {
		return nil, err
	}
	for node := range strings.SplitSeq(rest, ",") {
		if conn, err = n.one(ctx, "tcp", node); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// judge is judge, except that on a cluster a command may fail because the transactions of all attempts have lost
// against other servers. A row lock holds on a single server, so another server can commit first. A server that has
// left the cluster answers a read with 1047, or with 1205 if the read was waiting for other servers.
func (s *settings) judge(err error, c command, now time.Time) (outcome, string) {
	conflicts := errors.Is(err, allocation.ErrConflict)
	var inMariaDB *mysql.MySQLError
	switch {
	case s.Engine != galera:
	case conflicts && isDeadlock(err):
		return failed, exhausted
	case !conflicts && errors.As(err, &inMariaDB) && (inMariaDB.Number == 1047 || inMariaDB.Number == 1205):
		return failed, connection
	}
	return judge(err, c, now)
}

// compareNodes checks that all servers of a cluster have the same rows in the end.
func (r *run) compareNodes(ctx context.Context) error {
	var first []string
	for i, dsn := range r.dsns {
		db, err := sql.Open(r.engine.Server.Driver(), dsn+"?wsrep_sync_wait=1")
		if err != nil {
			return err
		}
		sums, err := sumsOfTables(ctx, db)
		if err := errors.Join(err, db.Close()); err != nil {
			return err
		}
		if i == 0 {
			first = sums
		}
		if !slices.Equal(first, sums) {
			r.report.fault(drift, "server %d has %q, server 0 has %q", i, sums, first)
		}
	}
	return nil
}

// sumsOfTables returns the number of rows and a sum over all values of each table. CHECKSUM TABLE is no good here: for
// equal tables with generated columns the servers return different numbers.
func sumsOfTables(ctx context.Context, db *sql.DB) (sums []string, err error) {
	const all = `SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() ORDER BY 1`
	var tables []string
	err = harness.Rows(ctx, db, all, func(rows *sql.Rows) error {
		tables = append(tables, "")
		return rows.Scan(&tables[len(tables)-1])
	})
	if err != nil {
		return nil, err
	}
	for _, table := range tables {
		var count int
		var sum uint64
		err := harness.Rows(ctx, db, "SELECT * FROM "+table, func(rows *sql.Rows) error {
			row, err := valuesOf(rows)
			hash := fnv.New64a()
			fmt.Fprintf(hash, "%v", row)
			count, sum = count+1, sum+hash.Sum64()
			return err
		})
		if err != nil {
			return nil, err
		}
		sums = append(sums, fmt.Sprintf("%s: %d rows, %x", table, count, sum))
	}
	return sums, nil
}

// valuesOf returns the values of a row as text.
func valuesOf(rows *sql.Rows) ([]sql.NullString, error) {
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	values, places := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range values {
		places[i] = &values[i]
	}
	return values, rows.Scan(places...)
}
