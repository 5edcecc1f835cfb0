# The verbs of this project. `make` alone lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TOOLS := .venv-tools
TOOLS_INSTALLED := $(TOOLS)/.installed
SITE_PACKAGES = $(shell $(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
PROTOS = $(shell cd protos && find ordermesh -name '*.proto' | sort)
STUBS ?= clients/python
COMMENTS ?= gateway/openapi/comments.json
POSTMAN ?= docs/ordermesh.postman_collection.json

.PHONY: help
help:  ## List the verbs
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' Makefile

# Debian splits pip out of python3: with pip but without ensurepip an environment is filled from outside,
# with neither there is one line that says what to install. $(1) is the environment, $(2) its lock.
define fill
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "OrderMesh needs Python 3.11 or later: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@test -x $(1)/bin/python || $(PYTHON) -m venv $(1) >/dev/null 2>&1 \
	  || { rm -rf $(1); $(PYTHON) -m pip --version >/dev/null 2>&1 && $(PYTHON) -m venv --without-pip $(1); } \
	  || { echo "This python3 has no ensurepip. Install it first: apt install python3-venv" >&2; exit 1; }
	@if $(1)/bin/python -m pip --version >/dev/null 2>&1; then pip="$(1)/bin/python -m pip"; \
	  else pip="$(PYTHON) -m pip --python $(1)/bin/python"; fi; \
	  echo "Installing into $(1) ..."; \
	  $$pip install --quiet --disable-pip-version-check --require-hashes -r $(2) $(3)
	@touch $@
endef

ours = && $$pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e clients/python -e .

$(INSTALLED): requirements.lock pyproject.toml clients/python/pyproject.toml
	$(call fill,$(VENV),requirements.lock,$(ours))

$(TOOLS_INSTALLED): tools/requirements.lock
	$(call fill,$(TOOLS),tools/requirements.lock)

.PHONY: install tools
install: $(INSTALLED)

tools: $(TOOLS_INSTALLED)  ## Install what tests run beside our code into .venv-tools, where its pins meet none of ours

.PHONY: up dev demo clean
up: install  ## Run the whole mesh here, on real components; Ctrl-C stops it
	@exec $(BIN)/python -m deploy.local up

dev: install  ## The same, and restart a process when its code changes
	@exec $(BIN)/python -m deploy.local dev

demo: install  ## Run the mesh on free ports and tell the life of an order
	@exec $(BIN)/python -m deploy.local demo

clean:  ## Forget what `make up` and `make demo` kept in .local
	@$(PYTHON) -m deploy.local.clean

.PHONY: bench audit
bench: install  ## Many customers want the same thing: how long it takes, and what the audit says
	@$(BIN)/python -m bench

audit: install  ## Check what must always hold in the running mesh (ARGS="--wait 60": once all is settled)
	@$(BIN)/python -m bench.audit $(ARGS)

# BASE=image is another base; BUILDER, BUILD_FLAGS, BUILD_PIP_CONF and BUILD_CA are in deploy/image/build.py.
.PHONY: image
image:  ## Build the image with docker, podman or buildah, and name it in the overlays: IMAGE=registry/name:tag
	@IMAGE="$(IMAGE)" BASE="$(BASE)" BUILDER="$(BUILDER)" BUILD_FLAGS="$(BUILD_FLAGS)" \
	  BUILD_PIP_CONF="$(BUILD_PIP_CONF)" BUILD_CA="$(BUILD_CA)" $(PYTHON) -m deploy.image.build

.PHONY: compose-env
compose-env:  ## Make random secrets for deploy/compose.yaml, in deploy/.env, unless they are there
	@$(PYTHON) -m deploy.compose_secrets

.PHONY: test lint format
test: install  ## Run the tests: units, the whole mesh on real components, a smoke of the fault suite
	@$(BIN)/python -m tests.parts

.PHONY: test-transcoding
test-transcoding: install tools  ## Ask Envoy and the gateway the same things, and see that they agree or why they do not
	@$(BIN)/python -m pytest -q tests/transcoding

.PHONY: test-scaling
test-scaling: install  ## See how soon a new replica gets its share of the calls (a minute and a half, of waiting)
	@$(BIN)/python -m pytest -q -s tests/scaling

# Renders what is applied without kustomize, holds everything to schemas and rules, and says who may reach whom.
.PHONY: k8s
k8s: install tools  ## Render deploy/k8s, validate it for Kubernetes 1.30 to 1.37, print who may reach whom
	@$(BIN)/python -m tests.k8s.renderings
	@$(BIN)/python -m pytest -q tests/k8s
	@$(BIN)/python -m tests.k8s.reachability

# Both take a quarter of an hour; ONLY=tests or ONLY=load leaves the other part out. PODMAN_FLAGS and RUN_FLAGS are
# what podman and podman run need here and nowhere else.
.PHONY: test-image test-limits
test-image: install  ## Run the whole mesh, its tests and its load as containers (root, podman): IMAGE=..., or one is built
	@$(BIN)/python -m tests.image image $(if $(IMAGE),--image "$(IMAGE)") \
	  --podman-flags="$(PODMAN_FLAGS)" --run-flags="$(RUN_FLAGS)" $(if $(ONLY),--only $(ONLY))

test-limits: install  ## The same as processes of this Python, with the memory limits of the manifests
	@$(BIN)/python -m tests.image limits $(if $(ONLY),--only $(ONLY))

# SEED=N repeats a run as far as the operating system allows; ONLY=kills,sqs runs these scenarios.
FAULTS = GRPC_VERBOSITY=error $(BIN)/python -m tests.faults $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY))
SHARD ?= 1/1

.PHONY: test-faults-short test-faults test-bite
test-faults-short: install  ## Kill, freeze, cut and lose things under load for 20 minutes, and audit what is left
	@$(FAULTS) short

test-faults: install  ## The same for hours: SHARD=i/n runs one of n equal parts
	@$(FAULTS) long --shard $(SHARD)

test-bite: install  ## Plant twelve bugs in copies of the tree, and see that the audit finds each: ONLY=name,name
	@$(BIN)/python -m tests.faults.bite $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY))

lint: install  ## Check style, types, imports, contract and security; edits nothing
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo 2>/dev/null | grep -vE '^$$|KEPT$$' | sed -n '/broken/p;/BROKEN/,$$p'; exit $${PIPESTATUS[0]}
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive services chassis gateway deploy bench clients
	@$(BIN)/python -m deploy.advisories
	@$(MAKE) --no-print-directory lint-protos

format: install  ## Format the code
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .

# buf reads built descriptors, so it needs no network for google/api. Breaking changes are looked for
# against the newest release tag, when there is one.
.PHONY: lint-protos
lint-protos: install
	@work=$$(mktemp -d) && trap 'rm -rf "$$work"' EXIT && \
	describe() { $(BIN)/python -m grpc_tools.protoc -I "$$1" -I $(SITE_PACKAGES) --include_imports \
	  --include_source_info --descriptor_set_out="$$2" $$(cd "$$1" && find ordermesh -name '*.proto'); } && \
	describe protos "$$work/now.binpb" && \
	$(BIN)/buf lint "$$work/now.binpb" --config protos/buf.yaml --path ordermesh && \
	if release=$$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null); then \
	  git archive "$$release" protos | tar -x -C "$$work" && describe "$$work/protos" "$$work/then.binpb" && \
	  $(BIN)/buf breaking "$$work/now.binpb" --against "$$work/then.binpb" --config protos/buf.yaml --path ordermesh; \
	fi

.PHONY: protos
protos: install  ## Generate from protos/: the stubs in clients/python, the documents' texts, the Postman collection
	@$(BIN)/python -m grpc_tools.protoc -I protos -I $(SITE_PACKAGES) \
	  --plugin=$(BIN)/protoc-gen-mypy --plugin=$(BIN)/protoc-gen-mypy_grpc \
	  --python_out=$(STUBS) --grpc_python_out=$(STUBS) --mypy_out=quiet:$(STUBS) --mypy_grpc_out=quiet:$(STUBS) \
	  $(PROTOS)
	@described=$$(mktemp) && trap 'rm -f "$$described"' EXIT && \
	$(BIN)/python -m grpc_tools.protoc -I protos -I $(SITE_PACKAGES) --include_source_info \
	  --descriptor_set_out="$$described" $(PROTOS) && \
	$(BIN)/python -m gateway.openapi.comments < "$$described" > "$(COMMENTS)"
	@$(BIN)/python -m gateway.openapi.postman > "$(POSTMAN)"

# The page at /api/docs is Swagger UI, as its npm package has it. SWAGGER_UI=5.x.y takes another version.
SWAGGER_UI ?= latest
SWAGGER_UI_FILES := LICENSE NOTICE package.json swagger-ui.css swagger-ui-bundle.js swagger-ui-bundle.js.LICENSE.txt
.PHONY: swagger-ui
swagger-ui:  ## Take another version of Swagger UI into the tree (needs npm)
	@work=$$(mktemp -d) && trap 'rm -rf "$$work"' EXIT && \
	npm pack --silent --pack-destination "$$work" "swagger-ui-dist@$(SWAGGER_UI)" && \
	tar -x -z -f "$$work"/*.tgz -C gateway/openapi/page/swagger-ui --strip-components=1 $(SWAGGER_UI_FILES:%=package/%)

.PHONY: lock
lock:  ## Resolve every requirements.lock again (needs uv)
	uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-emit-package ordermesh-client --no-annotate --all-extras pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --constraint requirements.lock \
	  --no-emit-package ordermesh-client --no-annotate pyproject.toml -o deploy/requirements.lock
	uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes \
	  --no-annotate tools/requirements.in -o tools/requirements.lock
