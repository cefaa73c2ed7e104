# Banyan. `make help` lists the targets. Everything that is built lies under build/.
#
# SAN=address,undefined   builds with these sanitizers, in a tree of its own
# CRASH=1                 builds with the named crash points of core/base/crash.h, in a tree of its own
# SUITES="unit lua"       what `make test` runs: unit crash lua ui integration e2e
# V=1                     shows the commands

CC       ?= cc
SAN      ?=
CRASH    ?=
V        ?=
PREFIX   ?= /usr/local
DESTDIR  ?=
SUITES   ?= unit crash lua ui integration e2e
Q        := $(if $(V),,@)
BUILD    := build$(if $(SAN),/san-$(subst $(shell echo ,),-,$(SAN)))$(if $(CRASH),/crash)
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo 0.1.0)

PACKAGES := libmicrohttpd gnutls libcurl libssh2 sqlite3 lua5.4 jansson yaml-0.1 libxml-2.0 libseccomp libcrypto zlib
WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Wundef -Wno-format-truncation -Werror
HARDEN   := -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -ftrivial-auto-var-init=zero \
            -fno-strict-aliasing -fno-delete-null-pointer-checks
OPTIMISE := $(if $(SAN),-O1 -g -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all,\
            -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fzero-call-used-regs=used-gpr)
CFLAGS   := -std=gnu17 $(OPTIMISE) $(WARNINGS) $(HARDEN) -fPIE -pthread
CPPFLAGS := -I. -I$(BUILD) -D_GNU_SOURCE -DBANYAN_VERSION='"$(VERSION)"' $(if $(CRASH),-DBANYAN_CRASH_POINTS) \
            $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null | sed 's/-I/-isystem /g')
LDFLAGS  := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code -Wl,--as-needed $(if $(SAN),-fsanitize=$(SAN)) -pthread
LDLIBS   = $(shell pkg-config --libs $(PACKAGES)) -lm

SOURCES  := $(sort $(shell find core adapters edi -name '*.c' 2>/dev/null))
MAIN     := core/app/main.c
PROGRAM  := $(BUILD)/banyan
LIBRARY  := $(BUILD)/libbanyan.a
# Folders that travel inside the binary: TABLE=FOLDER, each a `const embedded_file TABLE[]` (core/base/embedded.h).
EMBED    := embedded_migrations=core/store/migrations
EMBED    += embedded_lua=scripts-lua/lib
EMBED    += embedded_templates=scripts-lua/templates
EMBED    += embedded_reference=scripts-lua/reference
EMBED    += embedded_help=core/app/help
EMBED    += embedded_docs=core/facade/docs
EMBED    += embedded_ui=build/ui
TABLES   := $(foreach e,$(EMBED),$(BUILD)/embedded/$(firstword $(subst =, ,$(e))))

OBJECTS  := $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(MAIN),$(SOURCES))) $(TABLES:=.o)
UNIT     := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(sort $(wildcard tests/unit/test_*.c)))
BENCH    := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(sort $(wildcard tests/bench/*.c)))
FUZZ     := $(patsubst tests/fuzz/%.c,%,$(sort $(wildcard tests/fuzz/*.c)))

.PHONY: all deps run test unit integration e2e soak interop bench fuzz fuzz-nightly fuzzers crashes lint format install clean help always
.SECONDARY:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

# As many jobs as processors, unless whoever calls has said how many.
JOBS      = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

all: $(PROGRAM) ## Build the program (build/banyan)

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@sed -n 's/^# \([A-Z]*=.*\)/  \1/p' $(firstword $(MAKEFILE_LIST))

deps: ## Install what is missing to build, run and test (apt, as root or by sudo)
	@pkg/deps.sh test

# The recipes call make again, so that what pkg/deps.sh installed is seen when the Makefile is read anew.
run: ## Start the appliance with the demo estate and its counterparts
	@pkg/deps.sh run
	@$(MAKE) --no-print-directory $(JOBS) all
	@pkg/demo/run.sh $(PROGRAM)

test: ## Build and run every test: unit, Lua, UI, integration, end to end
	@pkg/deps.sh test
	@$(MAKE) --no-print-directory $(JOBS) all $(if $(filter unit,$(SUITES)),$(BUILD)/tests/.built) $(if $(filter integration,$(SUITES)),$(BUILD)/tests/powercut.so)
	@$(if $(filter integration,$(SUITES)),$(MAKE) --no-print-directory $(JOBS) CRASH=1 all)
	$(if $(filter crash,$(SUITES)),@$(MAKE) --no-print-directory $(JOBS) CRASH=1 crashes)
	@node tests/run.mjs $(BUILD) $(SUITES)

# The tests that kill at named points, and the program with those points in it, in the tree of CRASH=1.
crashes: all $(filter %_crash,$(UNIT))

unit: $(BUILD)/tests/.built ## Build and run the unit tests
	@node tests/run.mjs $(BUILD) unit

integration: all $(BUILD)/tests/powercut.so ## Run the tests of whole programs against real counterparts
	@$(MAKE) --no-print-directory $(JOBS) CRASH=1 all
	@node tests/run.mjs $(BUILD) integration

e2e: all ## Run the tests of the admin UI in a browser
	@node tests/run.mjs $(BUILD) e2e

soak: all $(BUILD)/tests/powercut.so ## Everything at once for an hour, then thousands of kills and power cuts (SOAK_SECONDS, CRASH_KILLS, POWER_CUTS)
	@pkg/deps.sh test
	@$(MAKE) --no-print-directory $(JOBS) CRASH=1 all
	@SOAK_SECONDS=$${SOAK_SECONDS:-3600} CRASH_KILLS=$${CRASH_KILLS:-2000} POWER_CUTS=$${POWER_CUTS:-500} TEST_SECONDS=$${TEST_SECONDS:-14400} \
	    ONLY='soak crash powercut' node tests/run.mjs $(BUILD) integration

interop: all ## Exchange with other AS2 products (QUICK=1 for a part of the cases)
	@pkg/deps.sh interop
	@BUILD=$(BUILD) tests/interop/run.sh

bench: $(BENCH) all ## Build and run the measurements
	@pkg/deps.sh bench
	@for b in $(BENCH) $(sort $(wildcard tests/bench/*.sh)); do echo "# $$b"; BUILD=$(BUILD) $$b || exit 1; done

fuzz: ## Fuzz each parser of tests/fuzz (FUZZ_SECONDS=30 each)
	@pkg/deps.sh fuzz
	@$(MAKE) --no-print-directory $(JOBS) CC=clang SAN=fuzzer-no-link,address,undefined WARNINGS=-w HARDEN= fuzzers
	@for f in $(FUZZ); do tests/fuzz/run.sh build/san-fuzzer-no-link-address-undefined/fuzz/$$f || exit 1; done

fuzz-nightly: ## The same, ten minutes each
	@FUZZ_SECONDS=600 $(MAKE) --no-print-directory fuzz

fuzzers: $(FUZZ:%=$(BUILD)/fuzz/%)

lint: ## Check layering, format, style and safety of every source
	@pkg/build/lint.sh

format: ## Format the C sources
	@find core adapters edi tests -name '*.[ch]' -exec clang-format -i {} +

install: all $(BUILD)/man/banyan.1 ## Install below $(PREFIX), in $(DESTDIR) when given
	@pkg/build/install.sh $(PROGRAM) $(BUILD)/man/banyan.1 "$(DESTDIR)" "$(PREFIX)"

clean: ## Remove everything that was built
	rm -rf build

# ---- C

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@$(if $(V),,echo "  cc   $<")
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# The EDI schemas are embedded as one text (edi/embedded.c).
SCHEMAS := $(sort $(shell find edi/schemas -name '*.schema' 2>/dev/null))
$(BUILD)/edi/schemas.txt: $(SCHEMAS)
	@mkdir -p $(@D)
	$(Q)for f in $(SCHEMAS); do echo "#file $${f#edi/schemas/}"; cat $$f; done >$@
$(BUILD)/edi/embedded.o: $(BUILD)/edi/schemas.txt
$(BUILD)/edi/embedded.o: CPPFLAGS += -DBANYAN_SCHEMAS='"$(BUILD)/edi/schemas.txt"'

$(LIBRARY): $(OBJECTS)
	$(Q)rm -f $@ && ar rcs $@ $^

$(PROGRAM): $(BUILD)/core/app/main.o $(LIBRARY)
	@$(if $(V),,echo "  link $@")
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(LIBRARY) $(LDLIBS)

$(BUILD)/tests/%: $(BUILD)/tests/unit/%.o $(LIBRARY)
	@$(if $(V),,echo "  link $@")
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(LIBRARY) $(LDLIBS) -lcmocka

# Preloaded into an appliance whose power a test cuts.
$(BUILD)/tests/powercut.so: tests/integration/powercut.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu17 -O2 $(WARNINGS) -shared -fPIC -o $@ $< -ldl

$(BUILD)/tests/.built: $(UNIT)
	@touch $@

$(BUILD)/bench/%: $(BUILD)/tests/bench/%.o $(LIBRARY)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(LIBRARY) $(LDLIBS)

# Only inside `make fuzz`, where everything is compiled by clang for libFuzzer.
$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%.o $(LIBRARY)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $< $(LIBRARY) $(LDLIBS)

# The version is compiled in where it is named; those objects follow it.
$(BUILD)/version: always
	@mkdir -p $(@D)
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@
$(patsubst %.c,$(BUILD)/%.o,$(shell grep -ls BANYAN_VERSION $(SOURCES))): $(BUILD)/version

# ---- what is embedded

# Written anew only when a file in the folder changed.
$(TABLES:=.c): $(BUILD)/embedded/%.c: always
	@pkg/build/embed.sh $(patsubst $*=%,%,$(filter $*=%,$(EMBED))) $* $@

$(TABLES:=.o): %.o: %.c
	@$(if $(V),,echo "  embed $(notdir $*)")
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

always:

# The UI is the same for every build tree.
ifneq ($(wildcard ui/package-lock.json),)
UI_FILES := $(shell find ui -name node_modules -prune -o -type f -print)

ui/node_modules/.package-lock.json: ui/package-lock.json
	@echo "  npm  ui"
	$(Q)cd ui && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

build/ui/.built: $(UI_FILES) ui/node_modules/.package-lock.json
	@rm -rf build/ui && mkdir -p build/ui
	$(Q)cd ui && node build.mjs ../build/ui
	@touch $@

$(BUILD)/embedded/embedded_ui.c: build/ui/.built
endif

# ---- the manual

$(BUILD)/man/banyan.1: pkg/man/banyan.1.in $(PROGRAM)
	@mkdir -p $(@D)
	$(Q)$(PROGRAM) manual >$@.commands
	$(Q)sed -e '/^@COMMANDS@$$/{r $@.commands' -e 'd}' -e 's/@VERSION@/$(VERSION)/' $< >$@

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
