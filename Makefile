# make demo    train a small network on handwritten digits
# make test    the tests, against a wheel of this tree (EXTRAS=peers adds PyTorch and SciPy to compare with)
# make test-plugins   the tests of the plugins (PLUGINS=names, default all), each with its library, and of their mixture
# make lint    ruff and mypy
# make bench   benchmarks against PyTorch and NumPy
# make cuda    on a machine with a card: all that only a card can show, in ten minutes, into OUT (runs/cuda)
# make array-api SUITE=path    the standard's own tests (a checkout of data-apis/array-api-tests with its submodule),
#              for a VERSION of the standard, on a DEVICE, whose plugin is installed, with MAX_EXAMPLES a test
# make clean   forget the virtual environment and what builds left

PYTHON ?= python3
VENV ?= .venv
EXTRAS ?=
TESTS ?= tests plugins/candelabra-strict/tests --doctest-modules --doctest-ignore-import-errors --pyargs candelabra
DEVICES ?= cpu strict
PLUGINS ?= $(patsubst plugins/candelabra-%/pyproject.toml,%,$(wildcard plugins/candelabra-*/pyproject.toml))
PYTEST_ARGS ?=
OUT ?= runs/cuda
SUITE =
VERSION = 2025.12
DEVICE = cpu
MAX_EXAMPLES = 100

comma := ,
python := $(VENV)/bin/python
wheels := $(VENV)/wheels
ready := $(VENV)/.ready
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-plugins lint bench cuda array-api clean

# A wheel of the tree as it stands replaces the last one; pip adds what the extras named in $(1) still lack.
define install
	@rm -rf $(wheels)
	@$(python) .ci/build_wheel.py . $(wheels) --no-build-isolation >/dev/null
	@$(python) -m pip install -qq --force-reinstall --no-deps $(wheels)/candelabra-*.whl
	@$(python) -m pip install -qq "$$(echo $(wheels)/candelabra-*.whl)[$(1)]"
endef

# Wheels of the plugins named in $(1), and what they depend on.
define install_plugins
	@for name in $(1); do \
	    $(python) .ci/build_wheel.py plugins/candelabra-$$name $(wheels) --no-build-isolation >/dev/null && \
	    $(python) -m pip install -qq --force-reinstall --no-deps $(wheels)/candelabra_$$name-*.whl && \
	    $(python) -m pip install -qq $(wheels)/candelabra_$$name-*.whl || exit 1; \
	done
endef

demo: $(ready)
	$(call install,demo)
	$(VENV)/bin/candelabra train digits --model cnn --output runs/digits

test: $(ready)
	$(call install,test$(if $(EXTRAS),$(comma)$(EXTRAS)))
	$(call install_plugins,strict)
	$(python) -m pytest $(TESTS) $(DEVICES:%=--device %) --timeout=900 $(PYTEST_ARGS)

# PyTorch comes by the extra, which says of which release. The kernels for CUDA are compiled without a card.
test-plugins: $(ready)
	$(call install,test$(comma)peers$(comma)cuda-compile)
	$(call install_plugins,$(PLUGINS))
	$(python) -m pytest $(PLUGINS:%=plugins/candelabra-%/tests) tests/arms tests/cuda/test_compilation.py --timeout=900 $(PYTEST_ARGS)

lint: $(ready)
	$(call install,lint)
	$(python) -m ruff check .
	$(python) -m mypy -p candelabra

bench: $(ready)
	$(call install,peers)
	$(python) -m benchmarks

# It makes environments of its own: PyTorch and CuPy bring CUDA libraries of several versions under the same names.
cuda:
	PYTHON=$(PYTHON) benchmarks/cuda.sh $(OUT)

# What a device's library is known to answer otherwise stands in its plugin.
device_type = $(firstword $(subst :, ,$(DEVICE)))
xfails = $(abspath $(wildcard plugins/candelabra-$(device_type)/tests/array_api_xfails.txt))
namespace = import candelabra; xp = candelabra.empty(0).__array_namespace__(api_version=\"$(VERSION)\")

array-api: $(ready)
	@test -d "$(SUITE)/array_api_tests" || { echo "SUITE=$(SUITE): name a checkout of data-apis/array-api-tests" >&2; exit 2; }
	@test -d "$(SUITE)/array-api/src" || { echo "$(SUITE)/array-api is empty: git submodule update --init" >&2; exit 2; }
	$(call install,test)
	$(call install_plugins,$(filter $(device_type),$(PLUGINS)))
	@$(python) -m pip install -qq -r $(SUITE)/requirements.txt
	cd $(SUITE) && CANDELABRA_DEFAULT_DEVICE=$(DEVICE) ARRAY_API_TESTS_VERSION=$(VERSION) \
	    ARRAY_API_TESTS_MODULE="exec('$(namespace)')" $(abspath $(python)) -m pytest array_api_tests \
	    -p no:cacheprovider --disable-deadline --max-examples $(MAX_EXAMPLES) $(xfails:%=--xfails-file=%) $(PYTEST_ARGS)

clean:
	rm -rf $(VENV) build *.egg-info plugins/*/build plugins/*/src/*.egg-info

$(ready):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "candelabra needs Python 3.11 or newer: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	@$(python) -m pip install -qq "setuptools>=77"
	@touch $@
