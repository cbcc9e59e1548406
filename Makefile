# Two commands are the whole set-up: `make run` and `make test`. They install what a bare Debian or Ubuntu lacks.

.PHONY: help run test lint fmt schema audits

help: ## This list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: ## Build and start the server on SQLite (apikeys.db in this folder); open the link that it prints
	@scripts/need cargo cc
	cargo run

test: ## The whole test suite, on SQLite and PostgreSQL
	@scripts/need cargo cc initdb node npm
	@$(MAKE) --no-print-directory audits
	APIKEYS_TEST=all cargo test

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

audits: tests/audits/node_modules/.package-lock.json

tests/audits/node_modules/.package-lock.json: tests/audits/package-lock.json
	cd tests/audits && npm ci --no-fund --no-audit
	touch $@
