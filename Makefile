# The front door: `make` builds out/runsc and out/containerd-shim-runsc-v1.  Meson and ninja do the work underneath (meson.build).
# A machine without make or compilers: ./dev TARGET installs what the target needs and comes here.
ifeq ($(origin CC),default)
CC := gcc
endif
PREFIX ?= /usr/local
DESTDIR ?=
BUILD := build/release
PROGRAMS := runsc containerd-shim-runsc-v1
MESON_RELEASE := --buildtype=release -Doptimization=2 -Db_ndebug=false

.PHONY: all build demo test soak check bench conformance docs format install deb clean
all: build
build: $(BUILD)/build.ninja
	@ninja -C $(BUILD) --quiet
	@mkdir -p out && for p in $(PROGRAMS); do cmp -s $(BUILD)/$$p out/$$p || { cp $(BUILD)/$$p out/$$p.new && mv out/$$p.new out/$$p; }; done

$(BUILD)/build.ninja:
	@CC=$(CC) meson setup $(BUILD) $(MESON_RELEASE) >build-setup.log 2>&1 || { cat build-setup.log; exit 1; }
	@rm -f build-setup.log

demo: build
	@tools/demo

# Ends with one line: N passed, N failed.
test:
	@tools/run-tests

# The long ones: tests/soak/.
soak: build
	@tools/soak

# Format, clang-tidy, borders, generated pages.
check: build
	@tools/check

bench: build
	@python3 bench/run.py
	@python3 bench/containers.py

conformance: build
	@tools/conformance
	@tools/conformance --platform ptrace

# The pages that are made from data; `make check` fails when they are behind.
docs: build
	@tools/gen-docs

format:
	@git ls-files '*.c' '*.h' | xargs clang-format-19 -i

install: build
	for p in $(PROGRAMS); do install -D -m 755 out/$$p $(DESTDIR)$(PREFIX)/bin/$$p; done
	install -D -m 644 docs/runsc.8 $(DESTDIR)$(PREFIX)/share/man/man8/runsc.8
	python3 tools/gen_man.py out/runsc $(DESTDIR)$(PREFIX)/share/man/man8
	install -D -m 644 tools/completion/runsc.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/runsc

# out/cvisor_VERSION_ARCH.deb
deb: build
	@tools/deb

clean:
	rm -rf build out
