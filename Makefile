# Penstock. `make` builds everything into $(BUILD); `make check` is tests/run; `make lint` must be clean.
# SAN=1 builds with ASan and UBSan into build/asan, FAULTS=1 with fault points (common/base/fault.h) into
# build/faults. `make help` lists the targets.

SAN    ?=
FAULTS ?=
BUILD  ?= build$(if $(SAN),/asan)$(if $(FAULTS),/faults)
CC     ?= gcc
PKGS_common   = libmariadb librabbitmq jansson inih libsystemd libcrypto libmicrohttpd
PKGS_frontend =
PKGS_backend  = libcurl
PKG_CONFIG   ?= pkg-config

# Debian's hardening flags (dpkg-buildflags), with every warning an error.
WARN    = -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat -Werror=format-security
HARDEN  = -O2 -g -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE $(if $(SAN),,-D_FORTIFY_SOURCE=2)
SANFLAG = $(if $(SAN),-fsanitize=address -fsanitize=undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
VERSION := $(shell cat VERSION)
CPPFLAGS_ALL = -I. -D_GNU_SOURCE -DPENSTOCK_VERSION='"$(VERSION)"' \
	$(shell $(PKG_CONFIG) --cflags $(PKGS_common) $(PKGS_backend)) $(if $(FAULTS),-DPENSTOCK_FAULTS) $(CPPFLAGS)
CFLAGS_ALL   = -std=c11 $(WARN) $(HARDEN) $(SANFLAG) $(CFLAGS)
LDFLAGS_ALL  = -pie -Wl,-z,relro -Wl,-z,now -Wl,--as-needed $(SANFLAG) $(LDFLAGS)
LIBS_common   = $(shell $(PKG_CONFIG) --libs $(PKGS_common)) -lpthread
LIBS_frontend = -lfcgi -luv -lhttp_parser
LIBS_backend  = $(shell $(PKG_CONFIG) --libs $(PKGS_backend)) -lz

# Every .c file belongs to its tier's archive, except the main.c of each program.
lib_objects = $(patsubst %.c,$(BUILD)/%.o,$(filter-out %/main.c,$(wildcard $(1)/*/*.c)))
COMMON   := $(call lib_objects,common)
FRONTEND := $(call lib_objects,frontend)
BACKEND  := $(call lib_objects,backend)
TOOLLIB  := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/tools/lib/*.c))
ARCHIVE   = $(BUILD)/lib$(1).a

PROGRAMS := $(BUILD)/penstock-frontend $(BUILD)/penstock-publisher $(BUILD)/penstock-live $(BUILD)/penstock-worker $(BUILD)/penstock-jobs $(BUILD)/penstock-poke $(BUILD)/penstock-task $(BUILD)/penstockctl
TOOLS    := $(patsubst tests/tools/%.c,$(BUILD)/tools/%,$(wildcard tests/tools/*.c))
ITESTS   := $(patsubst tests/integration/%.c,$(BUILD)/integration/%,$(wildcard tests/integration/*.c))
UNITS    := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
BENCHLIB := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/bench/lib/*.c))
BENCHES  := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/*.c))
FUZZERS  := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzzers/%,$(wildcard tests/fuzz/fuzz_*.c))

.PHONY: all programs tools units itests benches bench check unit lint format clean help install fuzz fuzzers fuzz_programs
all: programs tools

programs: $(PROGRAMS)   ## the programs of all tiers
tools: $(TOOLS)         ## test miners and stand-ins
units: $(UNITS)         ## unit test programs
itests: $(ITESTS)       ## C programs that pytest runs against real servers
benches: $(BENCHES)     ## load generator, ceilings and sources of work for tests/bench

# The frontend links common and its own archive only: no wallet code, no libcurl (tests/lint holds it to that).
$(BUILD)/penstock-frontend: $(BUILD)/frontend/fcgi/main.o $(call ARCHIVE,frontend) $(call ARCHIVE,common)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_common) $(LIBS_frontend)

$(BUILD)/penstock-publisher: $(BUILD)/frontend/publish/main.o $(call ARCHIVE,frontend) $(call ARCHIVE,common)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_common)

$(BUILD)/penstock-live: $(BUILD)/frontend/live/main.o $(call ARCHIVE,frontend) $(call ARCHIVE,common)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_common) $(LIBS_frontend)

$(BUILD)/penstock-worker: $(BUILD)/backend/worker/main.o $(call ARCHIVE,backend) $(call ARCHIVE,common)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_common) $(LIBS_backend)

$(BUILD)/penstock-jobs: $(BUILD)/backend/job/main.o $(call ARCHIVE,backend) $(call ARCHIVE,common)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_common) $(LIBS_backend)

$(BUILD)/penstock-poke: $(BUILD)/backend/poke/main.o $(call ARCHIVE,backend) $(call ARCHIVE,common)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_common)

$(BUILD)/penstock-task: $(BUILD)/backend/task/main.o $(call ARCHIVE,backend) $(call ARCHIVE,common)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_common) $(LIBS_backend)

$(BUILD)/penstockctl: $(BUILD)/backend/ctl/main.o $(call ARCHIVE,backend) $(call ARCHIVE,common)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_common) $(LIBS_backend)

$(BUILD)/tools/%: $(BUILD)/tests/tools/%.o $(call ARCHIVE,tools) $(call ARCHIVE,common)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_common) $(LIBS_backend)

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(call ARCHIVE,tools) $(call ARCHIVE,backend) $(call ARCHIVE,frontend) $(call ARCHIVE,common)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_common) $(LIBS_backend) $(LIBS_frontend) -lcmocka

$(BUILD)/integration/%: $(BUILD)/tests/integration/%.o $(call ARCHIVE,tools) $(call ARCHIVE,backend) $(call ARCHIVE,frontend) $(call ARCHIVE,common)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_common) $(LIBS_backend) $(LIBS_frontend) -lcmocka

$(BUILD)/bench/%: $(BUILD)/tests/bench/%.o $(call ARCHIVE,bench) $(call ARCHIVE,common)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_common) -lssl $(LIBS_frontend)

$(BUILD)/fuzzers/%: $(BUILD)/tests/fuzz/%.o $(call ARCHIVE,backend) $(call ARCHIVE,frontend) $(call ARCHIVE,common)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) -fsanitize=fuzzer -o $@ $^ $(LIBS_common) $(LIBS_backend) $(LIBS_frontend)

$(call ARCHIVE,common): $(COMMON)
$(call ARCHIVE,frontend): $(FRONTEND)
$(call ARCHIVE,backend): $(BACKEND)
$(call ARCHIVE,tools): $(TOOLLIB)
$(call ARCHIVE,bench): $(BENCHLIB)
$(BUILD)/lib%.a:
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/%.o: %.c VERSION Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

.SECONDARY:
-include $(shell [ -d $(BUILD) ] && find $(BUILD) -name '*.d' -not -path '$(BUILD)/asan/*' -not -path '$(BUILD)/faults/*' -not -path '$(BUILD)/fuzz/*')

include deploy/install.mk

unit: units             ## build and run the unit tests
	tests/unit/run $(BUILD)/unit

fuzz:                   ## build the fuzz targets and run each for a minute (needs clang)
	tests/fuzz/run

# libFuzzer is part of clang: everything is built again with it, into a folder of its own.
FUZZSAN = -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
fuzzers:
	@command -v clang >/dev/null && [ -e "$$(clang -print-file-name=libclang_rt.fuzzer-$$(uname -m).a)" ] || \
		{ echo "make $@: clang with libFuzzer is missing; remedy: apt-get install clang libclang-rt-dev" >&2; exit 1; }
	$(MAKE) BUILD=$(BUILD)/fuzz CC=clang SAN=1 SANFLAG='$(FUZZSAN)' fuzz_programs
fuzz_programs: $(FUZZERS)

bench:                  ## speed beside ceilings measured in the same run: tests/bench/run
	tests/bench/run

check:                  ## everything: tests/run
	tests/run

lint:                   ## clang-format, clang-tidy, cppcheck, tier boundaries
	tests/lint

format:                 ## rewrite all sources with clang-format
	git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i

clean:
	rm -rf build

help:
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12
