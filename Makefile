# `make help` lists the targets. Variables on the command line win: make fuzz FUZZTIME=5m

# Every module of the repository. The nested ones keep drivers out of a host's go.mod.
MODULES = . pgxstore telemetry cmd/allocation internal/dbtest examples recipes

# Modules whose tests the race detector makes three times as slow: they have long suites on databases. The same stores
# and Services run under the detector in the tests of examples and recipes.
SLOW = internal/dbtest

# The packages whose statement coverage is checked, each by itself, and the least coverage in percent.
COVERED = . ./memory ./bus ./outbox ./views ./console
COVER_LEAST = 90

# The time of each fuzz target, and of each torture run.
FUZZTIME = 10s
TORTURETIME = 60s

# The modes of the torture runs, any of: all alone unkept locked.
TORTUREMODES = all

# The seeds of the torture runs on a cluster.
GALERASEEDS = 1 2 3 4 5 6 7 8 9 10

# The failovers of each way to connect.
FAILOVERS = 5

# The database engines of the yardstick and of the upgrade: sqlite, postgresql, mariadb or all.
ENGINE = all

LINTER_VERSION = 2.15.0
LINTER = bin/golangci-lint

# $(each) COMMAND $(done) runs a command for every module, all of them even if one fails, and then fails.
each = failed=0; for module in $(MODULES); do
done = || failed=1; done; exit $$failed

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

# The race detector needs cgo, and cgo needs a C compiler with the headers of the C library. Building cgo's own package
# shows whether all of them are there.
.PHONY: test
test: ## vet and test every module, with the race detector if there is a C compiler, SLOW without it
	@race=-race; go build -race runtime/cgo 2>/dev/null || { \
		race=; echo 'There is no C compiler: the tests run WITHOUT the race detector.'; \
	}; \
	$(each) detect=$$race; case " $(SLOW) " in *" $$module "*) detect= ;; esac; \
		go -C $$module vet ./... && go -C $$module test $$detect -timeout 40m ./... $(done)

.PHONY: race
race: ## test SLOW with the race detector, which takes half an hour
	@failed=0; for module in $(SLOW); do go -C $$module test -race -timeout 90m ./... || failed=1; done; exit $$failed

.PHONY: cover
cover: ## measure the statement coverage of COVERED, and fail below COVER_LEAST percent
	@go test -coverprofile coverage.out -coverpkg "$$(echo $(COVERED) | tr ' ' ',')" $(COVERED) ./storetest
	@awk -v least=$(COVER_LEAST) -f .ci/cover.awk coverage.out

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME each
	@$(each) \
		list=$$(go -C $$module test -list '^Fuzz' ./...) && \
		echo "$$list" | awk '/^Fuzz/ { t[++n] = $$1 } /^ok/ { for (i = 1; i <= n; i++) print $$2, t[i]; n = 0 }' | \
		while read -r package target; do \
			go -C $$module test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package </dev/null || exit 1; \
		done $(done)

.PHONY: torture
torture: ## prove under load and kills that nothing is sold twice, TORTURETIME in each of TORTUREMODES on each engine
	@set -e; for engine in sqlite postgresql mariadb; do for mode in $(TORTUREMODES); do \
		go -C internal/dbtest run ./prove torture -engine $$engine -mode $$mode -for $(TORTURETIME); \
	done; done; \
	go -C internal/dbtest run ./prove torture -engine postgresql -pgx -for $(TORTURETIME)

# The rounds in which two processes race for what the queue waits for, in each test.
ROUNDS = 200

.PHONY: waiting
waiting: ## prove ROUNDS times that nobody of two processes jumps the queue, and kill between any two statements
	@ALLOCATION_ROUNDS=$(ROUNDS) ALLOCATION_ALL_FAULTS=1 go -C internal/dbtest test -count=1 -timeout 2h -v \
		-run '^TestB[0-9]+_' .

.PHONY: faults
faults: ## let every exchange of every command go wrong in every way, over database/sql and over pgx
	@ALLOCATION_ALL_FAULTS=1 go -C internal/dbtest test -count=1 -timeout 2h -run TestFaultsAtEvery .

.PHONY: galera
galera: ## the same on a cluster of three MariaDB servers that all take commands, with the seeds of GALERASEEDS
	@set -e; for seed in $(GALERASEEDS); do \
		go -C internal/dbtest run ./prove torture -engine galera -seed $$seed -for $(TORTURETIME); \
	done

.PHONY: failover
failover: ## kill a PostgreSQL primary under load and promote its standby, FAILOVERS times for each way to connect
	@cd internal/dbtest && ALLOCATION_REQUIRE_SERVERS=1 ALLOCATION_FAILOVERS=$(FAILOVERS) \
		go test -count=1 -timeout 60m -run TestAFailoverLosesNothing -v .

.PHONY: bench
bench: ## measure the figures of docs/measurements.md
	@go -C internal/dbtest run ./measure bench -engine all

.PHONY: upgrade
upgrade: ## apply the migrations after version 2 to a million lines, and measure how long each locks what
	@go -C internal/dbtest run ./measure upgrade -engine $(ENGINE)

.PHONY: flood
flood: ## measure the figures beside a million lapsed holds, on ENGINE
	@go -C internal/dbtest run ./measure flood -engine $(ENGINE)

.PHONY: trace
trace: ## measure traces and lists beside a million shipped lines, and the price of their indexes, on ENGINE
	@go -C internal/dbtest run ./measure trace -engine $(ENGINE)

.PHONY: alerts
alerts: ## provoke each alert of telemetry/alerts.yaml with promtool, which it takes from Debian if it is absent
	@.ci/alerts

.PHONY: versions
versions: ## run the tests of the store on PostgreSQL 16, 17 and 18, which npm installs into a temporary folder
	@.ci/versions

.PHONY: relay
relay: ## send 100,000 events through relays that are killed every second
	@go -C internal/dbtest run ./prove relay -engine postgresql -events 100000

.PHONY: yardstick
yardstick: ## compare the library with SQL by hand, or with AGAINST=COMMIT, a commit, on ENGINE; WORKLOAD chooses a part
	@go -C internal/dbtest run ./measure yardstick -engine $(ENGINE) $(if $(AGAINST),-against '$(AGAINST)') $(if $(WORKLOAD),-workload '$(WORKLOAD)')

.PHONY: lint
lint: linter columns ## run the linters on every module, and check the width of Markdown
	@root=$$(pwd); $(each) (cd $$module && "$$root/$(LINTER)" run ./...) $(done)

# LC_ALL=C makes every awk count bytes, which the script relies on.
.PHONY: columns
columns: ## fail if a line of Markdown has more than 120 columns
	@find . -name '*.md' -not -path './.git/*' -exec env LC_ALL=C awk -f .ci/columns.awk {} +

.PHONY: fmt
fmt: linter ## format every module, imports included
	@root=$$(pwd); $(each) (cd $$module && "$$root/$(LINTER)" fmt ./...) $(done)

.PHONY: linter
linter: ## build the pinned linter into bin, unless it is there
	@$(LINTER) version --short 2>/dev/null | grep -qx '$(LINTER_VERSION)' || { \
		echo 'building golangci-lint $(LINTER_VERSION), this takes two minutes'; \
		GOBIN="$$(pwd)/bin" go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$(LINTER_VERSION); \
	}

.PHONY: download
download: ## fetch what the modules depend on
	@$(each) go -C $$module mod download $(done)

.PHONY: tidy
tidy: ## bring go.mod and go.sum of every module up to date
	@$(each) go -C $$module mod tidy $(done)

.PHONY: tidy-check
tidy-check: ## fail if tidy would change anything
	@$(each) go -C $$module mod tidy -diff $(done)

.PHONY: names
names: ## list what each package exports
	@for package in $$(go list ./...); do echo "$$package"; go doc -short $$package | sed 's/^ */	/'; done
