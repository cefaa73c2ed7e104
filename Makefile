# Banyan. `make help` lists the targets. Everything that is built lies under build/.
#
# SAN=address,undefined   builds with these sanitizers, in a tree of its own
# CRASH=1                 builds with the named crash points of core/base/crash.h, in a tree of its own
# V=1                     shows the commands

CC       ?= cc
SAN      ?=
CRASH    ?=
V        ?=
PREFIX   ?= /usr/local
Q        := $(if $(V),,@)
BUILD    := build$(if $(SAN),/san-$(subst $(shell echo ,),-,$(SAN)))$(if $(CRASH),/crash)
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo 0.1.0)

PACKAGES := libmicrohttpd libcurl libssh2 sqlite3 lua5.4 jansson yaml-0.1 libxml-2.0 libseccomp libcrypto zlib
WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2 -Wundef -Wno-format-truncation -Werror
HARDEN   := -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -ftrivial-auto-var-init=zero \
            -fno-strict-aliasing -fno-delete-null-pointer-checks
OPTIMISE := $(if $(SAN),-O1 -g -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all,\
            -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fzero-call-used-regs=used-gpr)
CFLAGS   := -std=gnu17 $(OPTIMISE) $(WARNINGS) $(HARDEN) -fPIE -pthread
CPPFLAGS := -I. -D_GNU_SOURCE -DBANYAN_VERSION='"$(VERSION)"' $(if $(CRASH),-DBANYAN_CRASH_POINTS) $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null | sed 's/-I/-isystem /g')
LDFLAGS  := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code -Wl,--as-needed $(if $(SAN),-fsanitize=$(SAN)) -pthread
LDLIBS   = $(shell pkg-config --libs $(PACKAGES)) -lm

SOURCES  := $(sort $(shell find core adapters edi -name '*.c' 2>/dev/null))
MAIN     := core/app/main.c
LIBRARY  := $(BUILD)/libbanyan.a
# Folders that travel inside the binary: TABLE=FOLDER, each a `const embedded_file TABLE[]` (core/base/embedded.h).
EMBED    := embedded_migrations=core/store/migrations
EMBED    += embedded_schemas=edi/schemas
EMBED    += embedded_lua=scripts-lua/lib
EMBED    += embedded_templates=scripts-lua/templates
EMBED    += embedded_ui=build/ui
TABLES   := $(foreach e,$(EMBED),$(BUILD)/embedded/$(firstword $(subst =, ,$(e))))

OBJECTS  := $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(MAIN),$(SOURCES))) $(TABLES:=.o)
UNIT     := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(sort $(wildcard tests/unit/test_*.c)))

.PHONY: all help unit clean always
.DEFAULT_GOAL := all

all: $(LIBRARY) ## Build

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@$(if $(V),,echo "  cc   $<")
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# Written anew only when a file in the folder changed.
$(TABLES:=.c): $(BUILD)/embedded/%.c: always
	@pkg/build/embed.sh $(patsubst $*=%,%,$(filter $*=%,$(EMBED))) $* $@

$(TABLES:=.o): %.o: %.c
	@$(if $(V),,echo "  embed $(notdir $*)")
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

always:

$(LIBRARY): $(OBJECTS)
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/tests/%: $(BUILD)/tests/unit/%.o $(LIBRARY)
	@$(if $(V),,echo "  link $@")
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(LIBRARY) $(LDLIBS) -lcmocka

unit: $(UNIT) ## Build and run the unit tests
	$(Q)fail=0; for t in $(UNIT); do $$t || fail=1; done; exit $$fail

clean: ## Remove everything that was built
	rm -rf build

-include $(OBJECTS:.o=.d)
