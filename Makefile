# Two commands are the whole set-up: `make run` and `make test`. They install what a bare Debian or Ubuntu lacks.

# Where scripts/need puts Node when the system's is too old.
export PATH := $(CURDIR)/.tools/node_modules/.bin:$(PATH)
# Debian's Chromium is used; a browser of Playwright's own is not downloaded.
export PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD := 1

# What `make bench` measures, unless told otherwise: `make bench KEYS=20000 SECONDS=1 DATABASE=sqlite`.
KEYS = 1000000
SECONDS = 4
DATABASE = both
LOG = on
SCALING =
SCALING_KEYS = 10000000

.PHONY: help run test hostile bench lint fmt schema web e2e screenshots audits backends

help: ## This list
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: ## Build the page and the server, start it on SQLite (apikeys.db in this folder); open the link that it prints
	@scripts/need cargo cc node npm
	@$(MAKE) --no-print-directory web
	cargo run

test: ## The whole test suite: SQLite, PostgreSQL, and the page in a browser
	@scripts/need cargo cc kill curl initdb pgbouncer openssl faketime node npm chromium python3 nginx caddy
	@$(MAKE) --no-print-directory web audits backends
	APIKEYS_TEST=all cargo test
	cd web && npm test
	@$(MAKE) --no-print-directory e2e

hostile: ## The scenarios of hostile documents, slow peers and overload, against the release binary
	@scripts/need cargo cc kill curl initdb
	cargo build --release
	for scenarios in nesting:: costs:: slow_peers:: http2:: log_pipe:: overload::; do \
		APIKEYS_TEST=all APIKEYS_TEST_BINARY=$(CURDIR)/target/release/apikeys cargo test --test api -- $$scenarios || exit 1; \
	done

bench: ## Requests a second, measured with wrk on full databases, and round trips; give KEYS, SECONDS (of each point), DATABASE (sqlite, postgres or both), LOG (on or off), SCALING=1 (/auth with SCALING_KEYS too)
	@scripts/need cargo cc wrk initdb
	cargo bench --bench load -- --keys $(KEYS) --seconds $(SECONDS) --database $(DATABASE) --log $(LOG) $(if $(SCALING),--check-scaling --scaling-keys $(SCALING_KEYS))

e2e: ## The page in a browser, against the server (a part of `make test`)
	@scripts/need cargo cc curl node npm chromium
	@$(MAKE) --no-print-directory web
	cargo build
	cd web && npm run e2e

screenshots: ## Write screenshots/*.png: each screen, light and dark, desktop and phone
	@scripts/need cargo cc curl node npm chromium
	@$(MAKE) --no-print-directory web
	cargo build
	cd web && SCREENSHOTS=../screenshots npm run e2e -- accessibility graphiql

lint: ## rustfmt, clippy and rustdoc, warnings denied
	@scripts/need cargo cc
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items

fmt: ## Format the code
	cargo fmt

schema: ## Write schema.graphql anew, from the code
	cargo run --quiet -- schema > schema.graphql.new
	mv schema.graphql.new schema.graphql

web: web/dist/index.html ## Build the page, which the next build of the server embeds
	@:

audits: tests/audits/node_modules/.package-lock.json
	@:

backends: examples/backends/node/node_modules/.package-lock.json examples/backends/python/.venv/installed
	@:

web/dist/index.html: web/node_modules/.package-lock.json schema.graphql $(shell find web -path web/node_modules -prune -o -path web/dist -prune -o -path web/test-results -prune -o -name generated.ts -prune -o -type f -print)
	cd web && npm run build

%/node_modules/.package-lock.json: %/package-lock.json
	cd $* && npm ci --no-fund --no-audit
	touch $@

%/.venv/installed: %/requirements.txt
	python3 -m venv --clear $*/.venv
	$*/.venv/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@
