package servers

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Cluster is a Galera cluster of private MariaDB servers. Every server takes reads and writes, and has all of the data.
type Cluster struct{ nodes []*Server }

// StartCluster starts the servers of a cluster one by one, and returns when all work. Three servers take about 20
// seconds. The caller stops the cluster. The error wraps ErrNoServer if MariaDB, Galera or rsync is not installed here.
func StartCluster(ctx context.Context, nodes int, opts *Options) (*Cluster, error) {
	g := &galera{password: rand.Text()}
	for range 3 * nodes {
		port, err := freePort(ctx, g.ports)
		if err != nil {
			return nil, err
		}
		g.ports = append(g.ports, port)
	}
	c := &Cluster{}
	for i := range nodes {
		node, err := Start(ctx, g.node(i), opts)
		if err != nil {
			return nil, errors.Join(err, c.Stop())
		}
		c.nodes = append(c.nodes, node)
	}
	return c, nil
}

// DedicatedCluster is a cluster for a single test, stopped after the test. The test may kill servers. On a machine
// without the programs the test is skipped or fails, as with Shared.
func DedicatedCluster(t testing.TB, nodes int, opts *Options) *Cluster {
	t.Helper()
	c, err := StartCluster(t.Context(), nodes, opts)
	if err != nil {
		giveUp(t, err)
	}
	t.Cleanup(func() {
		for i, node := range c.nodes {
			if t.Failed() {
				t.Logf("node %d logged:\n%s", i, node.Log())
			}
		}
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// Nodes are the servers. A killed server that starts again has joined the cluster when Start returns.
func (c *Cluster) Nodes() []*Server { return slices.Clone(c.nodes) }

// Stop stops all servers.
func (c *Cluster) Stop() error {
	var failed []error
	for _, node := range c.nodes {
		failed = append(failed, node.Stop())
	}
	return errors.Join(failed...)
}

// CreateDatabase makes an empty database under a fresh name, and returns a DSN of the database for each server. All
// servers must be up.
func (c *Cluster) CreateDatabase(ctx context.Context) ([]Database, error) {
	first, err := c.nodes[0].CreateDatabase(ctx)
	if err != nil {
		return nil, err
	}
	databases := []Database{first}
	for _, node := range c.nodes[1:] {
		// The statement waits until the server has caught up with the first server.
		if err := node.execute(ctx, "SET STATEMENT wsrep_sync_wait = 15 FOR "+node.engine.ready); err != nil {
			return nil, fmt.Errorf("%s: wait for a database: %w", node.engine, err)
		}
		dsn, err := node.engine.in(node.dsn, first.name)
		if err != nil {
			return nil, err
		}
		databases = append(databases, Database{DSN: dsn, name: first.name})
	}
	return databases, nil
}

// galera makes the engines of a cluster's servers.
type galera struct {
	password string
	ports    []int // three for each server, beside the one for clients
}

// The ports of the i-th server: for commits, for missed commits at a rejoin, and for a copy of all data at a join.
func (g *galera) group(i int) int    { return g.ports[3*i] }
func (g *galera) transfer(i int) int { return g.ports[3*i+1] }
func (g *galera) copies(i int) int   { return g.ports[3*i+2] }

// node is the engine of the i-th server. The first server makes the cluster and all accounts. Every other server begins
// empty, and gets a copy of the data on joining.
func (g *galera) node(i int) *Engine {
	e := *MariaDB
	e.name, e.variable = "Galera", ""
	e.accounts = []string{"mysql"} // rsync can't read files of root
	e.ready = "SELECT COUNT(*) FROM mysql.db"
	e.find = findGalera
	e.secret = func(string) string { return MariaDB.secret(g.password) }
	e.dsn = func(port int, _ string) string { return MariaDB.dsn(port, g.password) }
	if i > 0 {
		e.setup = func(_ programs, folder, _ string) []string {
			return []string{"mkdir", filepath.Join(folder, "data")}
		}
	}
	e.serve = func(p programs, folder string, port int) []string {
		return append(MariaDB.serve(p, folder, port), g.arguments(i, p)...)
	}
	e.taken = g.ports
	e.once = func(ctx context.Context, s *Server) ([]string, error) {
		switch {
		case s.started:
			return s.recovered(ctx)
		case i == 0:
			return []string{"--wsrep-new-cluster"}, nil
		}
		return nil, nil
	}
	return &e
}

func (g *galera) arguments(i int, p programs) []string {
	var group []string
	for n := range len(g.ports) / 3 {
		group = append(group, loopback(g.group(n)))
	}
	provider := []string{
		"base_host=127.0.0.1", "base_port=" + strconv.Itoa(g.group(i)),
		"gmcast.listen_addr=tcp://" + loopback(g.group(i)), "ist.recv_addr=" + loopback(g.transfer(i)),
		"gcache.size=32M",
	}
	return []string{
		"--wsrep-on=ON", "--wsrep-provider=" + p.provider, "--wsrep-provider-options=" + strings.Join(provider, ";"),
		"--wsrep-cluster-name=allocation", "--wsrep-cluster-address=gcomm://" + strings.Join(group, ","),
		"--wsrep-node-name=node-" + strconv.Itoa(i), "--wsrep-node-address=" + loopback(g.group(i)),
		"--wsrep-sst-method=rsync", "--wsrep-sst-receive-address=" + loopback(g.copies(i)),
		"--innodb-autoinc-lock-mode=2", "--binlog-format=ROW",
	}
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// recoveredPosition finds in a server's log the position of the data: the cluster, and the number of the last commit.
var recoveredPosition = regexp.MustCompile(`WSREP: Recovered position: *([0-9a-f-]+:[0-9]+)`)

// recovered returns the arguments for a start after a crash, found in the way of Debian's service. A server that knows
// the position of the data gets only the missed commits from another server, and otherwise a copy of all data.
func (s *Server) recovered(ctx context.Context) ([]string, error) {
	cmd := s.guard.command(ctx, slices.Concat(s.argv, []string{"--wsrep-recover"}))
	output, err := cmd.CombinedOutput()
	if err := errors.Join(err, s.guard.ended()); err != nil {
		return nil, fmt.Errorf("recover %s: %w\n%s", s.engine, err, output)
	}
	found := recoveredPosition.FindSubmatch(output)
	if found == nil {
		return nil, nil
	}
	return []string{"--wsrep-start-position=" + string(found[1])}, nil
}

// providers are the paths of Galera's library in packages of Linux distributions.
var providers = []string{
	"/usr/lib/galera/libgalera_smm.so", "/usr/lib64/galera-4/libgalera_smm.so", "/usr/lib64/galera/libgalera_smm.so",
}

func findGalera() (programs, error) {
	found, err := findMariaDB()
	if err != nil {
		return found, err
	}
	if _, err := exec.LookPath("rsync"); err != nil {
		return programs{}, errors.New("there is no program rsync")
	}
	for _, path := range providers {
		if _, err := os.Stat(path); err == nil {
			found.provider = path
			return found, nil
		}
	}
	return programs{}, errors.New("there is no libgalera_smm.so")
}
