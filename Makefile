# Two environments in one place: `make demo` installs the core alone, the others all that
# development needs. A stamp per set keeps a second run from installing again.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CORE := $(VENV)/.core-installed
SERVE := $(VENV)/.serve-installed
DEV := $(VENV)/.dev-installed
NATIVE := CMakeLists.txt native/CMakeLists.txt $(wildcard native/*.cpp native/*.hpp)
PIP := $(BIN)/python -m pip install --quiet --constraint constraints.txt

# The peers of the server, and the checkpoint that they answer with: a folder, or a name on the hub
# whose files are in the cache.
PEERS ?= build/peers/bin/python
ENCODER ?= sentence-transformers/all-MiniLM-L6-v2
SERVED ?= build/serving
SECONDS ?= 8
MINUTES ?= 10

# The rooms whose tests need no torch: what `make check` runs of the tests.
LIGHT := bundle data learn pipelines runtime
LIGHT_TESTS := $(addprefix tests/,$(LIGHT)) tests/test_architecture.py tests/test_dependencies.py \
    tests/test_docs.py tests/test_files.py tests/test_public_names.py tests/test_tasks.py

.PHONY: help demo serve check lint docs test test-slow bench bench-serve soak bench-kernels format
.PHONY: test-scale test-newcomer test-tutorials test-native test-native-aarch64 test-native-sanitize

# One sentence, or a tiny model: more threads than one only wait for each other.
demo serve check test test-slow test-scale test-newcomer test-tutorials: export OMP_NUM_THREADS ?= 1

help:  ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*  ## \(.*\)/\1\t\2/p' Makefile | expand -t 22

demo: $(CORE)  ## classify sample texts with the built-in model; needs no torch
	$(BIN)/python examples/demo.py

serve: $(SERVE)  ## answer over HTTP at http://127.0.0.1:8000, with a page to try models; needs no torch
	$(BIN)/squeezebert serve

lint: $(DEV)  ## style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

check: lint  ## under a minute: style, types, import contracts and the tests that need no torch
	$(BIN)/pytest --quiet --numprocesses auto $(LIGHT_TESTS)

docs: $(DEV)  ## the site, in build/site; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

test: lint docs  ## everything that must hold before a change goes in, with coverage
	$(BIN)/pytest --numprocesses auto --cov

test-slow: $(DEV)  ## the tests that take minutes
	$(BIN)/pytest -m slow

test-scale: $(DEV)  ## files on a cluster of two nodes, a worker killed; Spark's recipe, which needs Java
	$(PIP) pyspark
	$(BIN)/pytest -m slow tests/scale

test-newcomer: $(DEV)  ## what README tells a newcomer, in a fresh environment; needs the network
	$(BIN)/pytest -m slow tests/newcomer

test-tutorials: $(DEV)  ## what the tutorials tell their readers
	$(BIN)/pytest -m slow tests/tutorials

bench: $(DEV)  ## everything against every peer, to docs/benchmarks.md; then the model in torch
	$(BIN)/squeezebert bench --output docs/benchmarks.md --accuracy docs/accuracy.csv
	$(BIN)/python -m benchmarks.model_speed
	$(BIN)/python -m benchmarks.training_step

bench-serve: $(DEV) $(PEERS)  ## the server beside infinity-emb and FastAPI, overloaded, with faults: 22 minutes
	mkdir -p $(SERVED)
	$(BIN)/python -m benchmarks.serving.load --seconds $(SECONDS) --peers $(PEERS) \
	    --encoder $(ENCODER) > $(SERVED)/load.json
	-$(BIN)/python -m benchmarks.serving.overload --minutes $(MINUTES) > $(SERVED)/overload.json
	-$(BIN)/python -m benchmarks.serving.faults --seconds $(SECONDS) > $(SERVED)/faults.json
	$(BIN)/python -m benchmarks.serving.page $(SERVED) docs/serving-benchmarks.md

soak: $(DEV)  ## an hour at twice what the server can carry: nothing lost, memory flat
	nice $(BIN)/python -m benchmarks.serving.overload --minutes 60

bench-kernels:  ## where the time of a layer goes, on every instruction set of this machine
	cmake -S . -B build/kernels -DCMAKE_BUILD_TYPE=Release -DSQUEEZEBERT_NATIVE_BENCHMARKS=ON
	cmake --build build/kernels
	build/kernels/native/benchmarks/kernel_times

# $(call native-tests,NAME,OPTIONS OF CMAKE): the tests of the engine alone, built without Python.
define native-tests
	@command -v cmake >/dev/null || { echo "These tests need CMake: apt install cmake g++"; exit 1; }
	cmake -S . -B build/native-tests/$(1) -DSQUEEZEBERT_NATIVE_TESTS=ON $(2)
	cmake --build build/native-tests/$(1) --parallel 2
	ctest --test-dir build/native-tests/$(1)/native/tests --output-on-failure
endef

test-native:  ## the engine in C++: instruction sets of this machine, then AVX-512 and AMX emulated
	$(call native-tests,machine)
	$(call native-tests,emulated,-DSQUEEZEBERT_EMULATE=ON)

test-native-aarch64:  ## the engine in C++ for AArch64, under qemu
	$(call native-tests,aarch64,-DCMAKE_TOOLCHAIN_FILE=native/tests/aarch64.cmake)

test-native-sanitize:  ## the engine in C++ under AddressSanitizer, UBSan and ThreadSanitizer
	$(call native-tests,address,-DSQUEEZEBERT_EMULATE=ON \
	    -DCMAKE_CXX_FLAGS='-g -fsanitize=address -fsanitize=undefined -fno-sanitize-recover=all')
	$(call native-tests,thread,-DCMAKE_CXX_FLAGS='-g -fsanitize=thread')

format: $(DEV)  ## put imports and layout in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(CORE): pyproject.toml constraints.txt $(NATIVE) | $(BIN)/python
	$(PIP) --editable .
	touch $@

$(SERVE): pyproject.toml constraints.txt $(NATIVE) | $(BIN)/python
	$(PIP) --editable '.[serve]'
	touch $@ $(CORE)

# What the server is compared with, in an environment of its own: infinity-emb wants an older NumPy.
build/peers/bin/python:
	$(PYTHON) -m venv build/peers
	build/peers/bin/python -m pip install --quiet --constraint constraints.txt torch
	build/peers/bin/python -m pip install --quiet torch 'infinity-emb[torch,server]==0.0.78'

# torch by itself first: the constraint names the build that everything is tested with.
$(DEV): pyproject.toml constraints.txt $(NATIVE) | $(BIN)/python
	$(PIP) torch
	$(PIP) --editable '.[dev]'
	touch $@ $(CORE) $(SERVE)
