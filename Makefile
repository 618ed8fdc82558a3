# Muster: everything one machine needs. `make run`, then http://127.0.0.1:8080/docs
PYTHON ?= python3
PORT ?= 8080
SEED ?=
# Which tests: make test TESTS=tests/roster
TESTS ?= tests
WORKERS ?= 3
# Which measurements: make bench NAME=suite|roster|fee|gateway, or one by its own name. Some shells export a NAME of theirs.
BENCH = $(if $(filter command,$(origin NAME)),$(NAME))

.PHONY: help run demo test soak check bench audit-verify ledger-verify law openapi requirements clean venv
PY := .venv/bin/python

help:
	@echo 'make run [PORT=8080]    啟動整套系統（Ctrl-C 停止）  the whole suite on this machine'
	@echo 'make demo [SEED=n]      一次走完名冊審查與研究發展費流程  the main jobs, told step by step'
	@echo 'make test [TESTS=path]  測試  the test-suite'
	@echo 'make soak [TESTS=path]  長時間測試  its campaigns: kills, the review workflow, every operation, for hours'
	@echo 'make check              格式、型別、相依規則  format, lint, types, import contracts'
	@echo 'make bench [NAME=群組]  與同類程式並列量測  measurements beside a peer, one JSON object a line'
	@echo 'make audit-verify       查核稽核紀錄封緘  every audit row compared with its seal'
	@echo 'make ledger-verify      重算研究發展費帳務  the ledger of the fee recomputed from its postings'
	@echo 'make law                重新產生 docs/law.md  regenerate it'
	@echo 'make openapi            重新產生 docs/openapi/  regenerate it'
	@echo 'make requirements       重新鎖定套件版本  recompile the pins'
	@echo 'make clean              刪除 .local/ 與 .venv/  all data and the environment'

venv:
	@sh local/setup.sh '$(PYTHON)'

run: venv
	@exec $(PY) -m local.supervisor --port '$(PORT)' --with-parent

demo: venv
	@exec env PORT='$(PORT)' SEED='$(SEED)' $(PY) -m local.demo

# What pytest makes of the tests' assertions, and what children import, is kept even where the caller keeps no bytecode.
test: venv
	@exec env PYTHONDONTWRITEBYTECODE= $(PY) -m pytest -n $(WORKERS) --dist loadgroup $(TESTS)

soak: venv
	@exec env MUSTER_SOAK=1 $(PY) -m pytest -m soak --timeout=0 -s $(TESTS)

check: venv
	@$(PY) -m ruff format --check --quiet . || { echo 'Run: .venv/bin/ruff format .' >&2; exit 1; }
	@$(PY) -m ruff check --quiet .
	@$(PY) -m mypy local shared/src gateway/src services/*/src bench tests
	@.venv/bin/lint-imports --no-logo
	@$(PY) -m bandit --quiet --recursive --severity-level medium --confidence-level medium local shared gateway services bench
	@$(PY) -m tests.support.law_doc --check
	@$(PY) -m tests.support.openapi_doc --check
	@$(PY) -m tests.support.openapi_lint
	@$(PY) -m local.hosts

# Nothing but the results goes to stdout.
bench:
	@sh local/setup.sh '$(PYTHON)' >&2
	@exec $(PY) -m bench $(BENCH)

audit-verify: venv
	@exec $(PY) -m local.audit_verify

ledger-verify: venv
	@exec $(PY) -m local.ledger_verify

law: venv
	@$(PY) -m tests.support.law_doc

openapi: venv
	@$(PY) -m tests.support.openapi_doc

requirements: venv
	@for name in runtime dev bench; do \
	  .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-header --output-file requirements/$$name.txt requirements/$$name.in || exit 1; \
	done

clean:
	@$(PYTHON) local/clean.py
