# A new user needs only make run and make test. Each installs what it needs in .venv and .local, as any user.
# PYTEST= adds options for pytest (make test PYTEST="-k framing -x"), DEMO= for the demo (make run DEMO=--once),
# DAYS= and SEED= for the simulated years of the controller (make soak DAYS=500 SEED=7), EXAMPLES= for the sequences that
# are made up for it (make explore EXAMPLES=500; new ones each time), and with SEED= for the requests to each path of its
# HTTP (make schemathesis EXAMPLES=500 SEED=7), TRIES= and SEED= for the search for the worst that can be made of it
# (make worst TRIES=2000 SEED=7), SAMPLE= and SEED= for the mutants of its core (make mutations SAMPLE=100 SEED=7;
# SAMPLE=0 runs all), ONLY= for some of the attacks on the running program (make attack ONLY=inhibits), REQUESTS= and
# SEED= for requests that nobody should send (make fuzz REQUESTS=10000 SEED=7).

PYTEST =
DEMO =
DAYS = 10000
SEED = 1
EXAMPLES = 2000
TRIES = 1000
REQUESTS = 1000000
SAMPLE = 250
ONLY =
python = .venv/bin/python
pytest = $(python) -m pytest $(PYTEST)
environment = pyproject.toml deploy/make-environment $(wildcard deploy/locks/*.txt)

# Hundreds of programs are started by the tests: compiled once, not at each start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-lowest lint lock tools prometheus test-slow test-browser test-homeassistant test-vm bench soak explore \
	schemathesis worst attack fuzz mutations pictures docs clean

run: .venv/base.stamp
	@deploy/fetch-prometheus || true
	@$(python) -m simulator.demo $(DEMO)

# Most tests wait for a program, so two cores can run six tests at a time. All tests of a file run in one worker.
test:
	@$(MAKE) --no-print-directory --jobs=2 lint prometheus
	$(pytest) -n 6 --dist loadfile --no-loadscope-reorder -p no:benchmark

# The same tests with the lowest versions that pyproject.toml allows.
test-lowest: .local/lowest/stamp tools
	.local/lowest/bin/python -m pytest $(PYTEST) -n 6 --dist loadfile --no-loadscope-reorder -p no:benchmark

lint: .venv/dev.stamp
	$(python) -m ruff check --quiet .
	$(python) -m ruff format --check --quiet .
	$(python) -m mypy .

# Prometheus is fetched while the environment is made, and checked by lint: each keeps one processor busy at most.
tools:
	@$(MAKE) --no-print-directory --jobs=2 .venv/dev.stamp prometheus

prometheus:
	@deploy/fetch-prometheus

test-slow: .venv/slow.stamp .venv/mutation.stamp .venv/docs.stamp tools
	$(pytest) -n 5 --dist loadscope --no-loadscope-reorder -p no:benchmark --timeout 600 -m "slow and not browser and not homeassistant and not vm"

# Pictures of each state of the panel are in .local/panel afterwards, or in the folder that PANEL_SHOTS names.
test-browser: .venv/browser.stamp tools
	$(pytest) -n 2 --dist load -p no:benchmark -m browser tests/actuator/web

# Root installs Home Assistant, in a folder that stays.
test-homeassistant: .venv/browser.stamp tools
	@tests/e2e/make-homeassistant
	$(pytest) -rP -p no:benchmark -m homeassistant tests/e2e

# Three machines, each with the tests of some files, which mostly wait.
test-vm: tools
	@tests/vm/fetch-kernel
	$(pytest) -n 3 --dist loadfile --no-loadscope-reorder -p no:benchmark -m vm

bench: .venv/slow.stamp tools
	$(pytest) -m bench
	$(python) -m tests.bench.cost

soak: .venv/dev.stamp
	$(python) -m tests.actuator.harness.soak --days $(DAYS) --seed $(SEED)

explore: .venv/dev.stamp
	$(python) -m tests.actuator.harness.explore --examples $(EXAMPLES)

schemathesis: .venv/slow.stamp
	$(python) -m tests.actuator.harness.schemathesis --examples $(EXAMPLES) --seed $(SEED)

worst: .venv/dev.stamp
	$(python) -m tests.actuator.harness.worst_case_search --tries $(TRIES) --seed $(SEED)

attack: .venv/dev.stamp
	$(python) -m tests.actuator.harness.attack --only "$(ONLY)"

fuzz: .venv/dev.stamp
	$(python) -m tests.actuator.harness.http_fuzz --requests $(REQUESTS) --seed $(SEED)

mutations: .venv/mutation.stamp
	$(python) -m tests.actuator.harness.mutations --sample $(SAMPLE) --seed $(SEED)

# The dashboards as Grafana shows them, drawn from a simulated fortnight in a real Prometheus: docs/pictures/offgrid-*.webp.
pictures: .venv/pictures.stamp tools
	$(python) -m tests.grafana.harness.pictures docs/pictures

# The pages as a site, in .local/site; a warning is an error. .venv/bin/mkdocs serve shows them at http://127.0.0.1:8000.
docs: .venv/docs.stamp
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --quiet --strict

# The environments: base to run; dev to check and test; browser for the panel's tests; slow for comparisons and fuzzing;
# mutation for mutants; docs for the served pages; pictures to draw the dashboards.
.venv/base.stamp: $(environment)
	@deploy/make-environment
	@touch $@

.venv/dev.stamp: $(environment)
	@deploy/make-environment dev
	@touch .venv/base.stamp $@

.venv/browser.stamp: $(environment)
	@deploy/make-environment dev,browser
	@touch .venv/base.stamp .venv/dev.stamp $@

.venv/slow.stamp: $(environment)
	@deploy/make-environment dev,slow
	@touch .venv/base.stamp .venv/dev.stamp $@

.venv/mutation.stamp: $(environment)
	@deploy/make-environment dev,mutation
	@touch .venv/base.stamp .venv/dev.stamp $@

.venv/docs.stamp: $(environment)
	@deploy/make-environment dev,docs
	@touch .venv/base.stamp .venv/dev.stamp $@

.venv/pictures.stamp: $(environment)
	@deploy/make-environment dev,pictures
	@touch .venv/base.stamp .venv/dev.stamp $@

.venv/lock.stamp: $(environment)
	@deploy/make-environment dev,lock
	@touch .venv/base.stamp .venv/dev.stamp $@

.local/lowest/stamp: pyproject.toml .venv/lock.stamp
	@.venv/bin/uv venv --quiet --clear --no-config --python $(python) .local/lowest
	@.venv/bin/uv pip install --quiet --no-config --python .local/lowest --resolution lowest-direct --editable ".[dev]"
	@touch $@

# deploy/locks anew: the newest versions that pyproject.toml allows, with the hashes of their files.
lock: .venv/lock.stamp
	deploy/lock

clean:
	rm -rf .venv .local dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks
	find . -name __pycache__ -prune -exec rm -rf {} +
