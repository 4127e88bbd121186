# SPDX-License-Identifier: MIT
#
# Builds everything above the kernel into build/. Sources are found by
# wildcard: adding a file to a folder adds it to the build.
#
#   make help       the targets          V=1        show whole commands
#   make CC=clang   another compiler     WERROR=0   let warnings pass
#   make SAN=1      with address and undefined-behaviour sanitizers, build/san

VERSION := 0.1.0
SOVERSION := 0
PREFIX ?= /usr/local
ARCH ?= $(shell uname -m)
SECONDS ?= 60

SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer

ifdef FUZZ
B := build/fuzz
CC := clang
INSTRUMENT := -fsanitize=fuzzer-no-link $(SANITIZE)
else ifdef SAN
B := build/san
INSTRUMENT := $(SANITIZE)
else
B := build
endif

# Sanitizers make compilers guess at paths that cannot happen, so warnings are
# the plain build's business.
WERROR ?= $(if $(INSTRUMENT),0,1)

# No contraction: which operations are fused is part of the specified results.
# Checks in every unrolled copy of a kernel take gcc minutes, hence -O1 there; clang
# gains nothing by it, and fuzzers want speed.
CFLAGS ?= $(if $(FUZZ),-O3,$(if $(SAN),-O1,-O3)) -g
override CFLAGS += -std=c11 -D_GNU_SOURCE -ffp-contract=off -fno-math-errno \
	-Wall -Wextra $(if $(filter 1,$(WERROR)),-Werror) \
	-fPIC -fvisibility=default -fno-semantic-interposition -pthread
CPPFLAGS += -Iuapi -Iuserspace/include -Iuserspace
LDLIBS += -Wl,--as-needed -pthread -lm -lz

AVX2 := -mavx2 -mfma -mf16c
AVX512 := $(AVX2) -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni

# Sources -------------------------------------------------------------------
FOREIGN := $(if $(filter x86_64,$(ARCH)),,%_avx2.c %_avx512.c) \
	$(if $(filter aarch64,$(ARCH)),,%_neon.c)
sources = $(filter-out $(FOREIGN),$(sort $(wildcard $(1))))
objects = $(patsubst %.c,$(B)/obj/%.o,$(1))

LIB_SRC := $(filter-out userspace/ggml/% userspace/tools/%, \
	$(call sources,userspace/*/*.c))
RUN_SRC := $(call sources,userspace/tools/tern-run/*.c)
RUN_MAIN := $(filter %/main.c,$(RUN_SRC))
SUPPORT_SRC := $(call sources,tests/unit/support/*.c)
TOOL_SRC := $(call sources,userspace/tools/*.c)
TEST_SRC := $(call sources,tests/unit/test_*.c)
BENCH_SRC := $(call sources,tests/bench/*.c)
FUZZ_SRC := $(call sources,tests/fuzz/fuzz_*.c)
IOCTL_FUZZ_SRC := $(call sources,tests/fuzz/ioctl/*.c)
# What of the driver judges others: pure, so that fuzzers can have it.
DRIVER_PURE_SRC := $(patsubst %,driver/tern_%.c,fw_image fw_log pt report ring uapi_check)
# The model as a PCI device, and programs that play its driver.
DEVICE_TEST_SRC := $(call sources,tests/device/test_*.c)
DEVICE_SRC := $(filter-out $(DEVICE_TEST_SRC),$(call sources,tests/device/*.c))
HOST_SRC := $(call sources,tests/device/host/*.c)
ALL_SRC := $(LIB_SRC) $(RUN_SRC) $(SUPPORT_SRC) $(TOOL_SRC) $(TEST_SRC) \
	$(BENCH_SRC) $(FUZZ_SRC) $(DEVICE_SRC) $(DEVICE_TEST_SRC) $(HOST_SRC)
# Programs that try the kernel module, in a guest. They link nothing of ours: selftest*.c apart.
SELFTEST_COMMON := $(call sources,tests/selftests/selftest*.c)
SELFTEST_SRC := $(filter-out $(SELFTEST_COMMON),$(call sources,tests/selftests/*.c))
SELFTESTS := $(patsubst tests/selftests/%.c,$(B)/selftests/%,$(SELFTEST_SRC))
SELFTESTS += $(B)/bin/fuzz-ioctl
ALL_SRC += $(SELFTEST_SRC) $(SELFTEST_COMMON) $(IOCTL_FUZZ_SRC)

LIBS := $(addprefix $(B)/lib/,libtern.a libtern.so pkgconfig/tern.pc)
TOOLS := $(patsubst userspace/tools/%.c,$(B)/bin/%,$(TOOL_SRC)) \
	$(if $(RUN_MAIN),$(B)/bin/tern-run)
TESTS := $(patsubst tests/unit/%.c,$(B)/tests/%,$(TEST_SRC)) \
	$(patsubst tests/device/%.c,$(B)/tests/%,$(DEVICE_TEST_SRC))
# Of these, what guests also run, on the kernel's device (tests/unit/support/no_sim.c).
GUESTS := $(addprefix $(B)/guest/,tern-run libggml-tern.so)
PRELOADED := $(addprefix $(B)/guest/,note_binds.so other_driver.so small_budget.so)
LIB_TESTS := $(addprefix $(B)/tests/,test_lib test_lib_device test_lib_async \
	test_lib_report test_lib_wrap test_blob)
BENCHES := $(patsubst tests/bench/%.c,$(B)/bin/%,$(BENCH_SRC))
FUZZERS := $(patsubst tests/fuzz/%.c,$(B)/%,$(FUZZ_SRC))

# The ggml backend: all of the library in one file that shows two symbols.
GGML_SRC := $(call sources,userspace/ggml/*.c)
GGML_MAP := userspace/ggml/libggml-tern.map
# Debian's ggml has its backends there; 0 is the version of libggml.so that host.c names.
GGML_DIR ?= $(if $(filter /usr,$(PREFIX)),/usr/lib/$(shell $(CC) \
	-print-multiarch)/ggml/backends0,$(PREFIX)/lib)
LIBS += $(B)/lib/libggml-tern.so
GGML_A := $(B)/lib/libggml-tern.a
ALL_SRC += $(GGML_SRC)

# The firmware: for the MCU, and all but its first and last steps also for the unit tests.
RISCV ?= riscv64-unknown-elf-
FW := build/firmware
FW_SECURITY := 1
FW_MCU_ONLY := firmware/main.c firmware/trap.c firmware/string.c
FW_SRC := $(call sources,firmware/*.c)
FW_HOST_SRC := $(filter-out $(FW_MCU_ONLY),$(FW_SRC))
ALL_SRC += $(FW_HOST_SRC) $(DRIVER_PURE_SRC)
FW_A := $(B)/lib/libtern-fw.a

# What programs link, in this order; an archive gives only what is asked of it.
RUN_A := $(B)/lib/libtern-run.a
SUPPORT_A := $(B)/lib/libtest-support.a
LIB_A := $(B)/lib/libtern.a
# Looked up when linking, because `make deps` may only just have installed it.
PCRE2 = $(shell pkg-config --libs libpcre2-8)
# subunit's archive, as check itself is one: guests run some tests, and their rig has neither.
CHECK = $(patsubst -lsubunit,-l:libsubunit.a,$(shell pkg-config --libs check))
DRM = $(patsubst -I%,-isystem %,$(shell pkg-config --cflags libdrm))

# Targets -------------------------------------------------------------------
.PHONY: all tests fuzzers deps run check check-all check-unit check-san check-llama \
	check-vm check-uml bench fuzz format-check install clean help \
	firmware device selftests modules modules_install dkms_install FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: $(LIBS) $(TOOLS) $(BENCHES)   ## the library and the tools (default)
all: $(if $(shell command -v $(RISCV)gcc),firmware)

firmware: $(FW)/tern.fw            ## the MCU's firmware, build/firmware/tern.fw

tests: $(TESTS)                    ## the unit tests, without running them
device: $(B)/bin/tern-device       ## the model as a PCI device, for the rigs
selftests: $(SELFTESTS) $(LIB_TESTS) $(GUESTS) $(PRELOADED)   ## programs that try the kernel module

# KERNEL=VERSION: another kernel than the one that runs.
KERNEL ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KERNEL)/build
modules:                           ## tern.ko for the kernel that runs, or KERNEL=
	$(MAKE) -C $(KDIR) M=$(CURDIR) W=1 modules
modules_install: firmware          ## the same, to /lib/modules; firmware, udev rule
	$(MAKE) -C $(KDIR) M=$(CURDIR) $(if $(DESTDIR),INSTALL_MOD_PATH=$(DESTDIR)) modules_install
	install -D -m 644 $(FW)/tern.fw $(DESTDIR)/lib/firmware/tern/tern.fw
	install -D -m 644 -t $(DESTDIR)/lib/udev/rules.d driver/60-tern.rules
DKMS := $(DESTDIR)/usr/src/tern-$(VERSION)
dkms_install: firmware             ## sources for DKMS; firmware, udev rule
	install -d $(DKMS)
	cp -r Kbuild COPYING driver uapi $(DKMS)
	sed 's/@VERSION@/$(VERSION)/' driver/dkms.conf >$(DKMS)/dkms.conf
	install -D -m 644 $(FW)/tern.fw $(DESTDIR)/lib/firmware/tern/tern.fw
	install -D -m 644 -t $(DESTDIR)/lib/udev/rules.d driver/60-tern.rules

deps:                              ## install missing Debian packages
	@tests/deps

run: deps                          ## print text that the sample model writes
	@tests/run build
	@$(B)/bin/tern-run tests/data/kdoc-q8_0.gguf \
		-p "Memory is allocated by" -n 64 --temp 0 --stats

DAILY := 'rigs&' format unit install san 'fuzz&' 'ioctl&' llama ggml vm uml
check: deps                        ## the suites of each day, and one sum
	@tests/run $(DAILY)

check-all: deps                    ## those, and guests that take longer; dkms
	@tests/run $(DAILY) dkms long

check-unit: deps                   ## unit tests
	@tests/run unit

check-san: deps                    ## unit tests under ASan and UBSan
	@tests/run san

check-llama: deps                  ## llama.cpp, to compare with and on the NPU: all of it
	@tests/run llama ggml_all

check-vm: deps                     ## the driver in guests of QEMU
	@tests/run vm

check-uml: deps                    ## the driver in a debugging kernel
	@tests/run uml

fuzz: deps                         ## fuzz each target, and the driver in UML, for SECONDS=60
	@FUZZ_SECONDS=$(SECONDS) tests/run fuzz ioctl

bench: deps                        ## performance on sample decoders, a table
	@tests/run bench

format-check:                      ## is everything as .clang-format wants it?
	@find userspace tests uapi firmware -name '*.[ch]' -print0 | \
		xargs -0r clang-format --dry-run -Werror

install: all $(B)/lib/public/libtern.a   ## to PREFIX=/usr/local, below DESTDIR
	install -d $(addprefix $(DESTDIR)$(PREFIX)/,bin lib/pkgconfig include)
	install $(TOOLS) $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(B)/lib/public/libtern.a $(DESTDIR)$(PREFIX)/lib
	install $(B)/lib/libtern.so.$(SOVERSION) $(DESTDIR)$(PREFIX)/lib
	ln -sf libtern.so.$(SOVERSION) $(DESTDIR)$(PREFIX)/lib/libtern.so
	install -D -t $(DESTDIR)$(GGML_DIR) $(B)/lib/libggml-tern.so
	install -m 644 $(B)/lib/pkgconfig/tern.pc $(DESTDIR)$(PREFIX)/lib/pkgconfig
	cp -r userspace/include/. $(DESTDIR)$(PREFIX)/include
	for page in $(wildcard userspace/man/*.[1-9]); do \
		install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man$${page##*.} \
			$$page || exit; done
	cd $(DESTDIR)$(PREFIX)/share/man/man3 && for page in *.3; do \
		for name in $$(sed -n '/^\.Nd/q; s/^\.Nm \([a-z0-9_]*\).*/\1/p' $$page); do \
			[ -e $$name.3 ] || echo ".so man3/$$page" >$$name.3 || exit; \
		done; done

clean:                             ## remove build/
	rm -rf build

help:                              ## this list
	@sed -n 's/^\([a-z_-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

fuzzers: $(FUZZERS)

# Rules ---------------------------------------------------------------------
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2);)

# Changes when compiler or options do, and everything is made again with them.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(CFLAGS) $(INSTRUMENT) $(CPPFLAGS) $(FW_SECURITY)' >$@.new
	@cmp -s $@.new $@ || cp $@.new $@

$(B)/obj/tests/%.o: private CPPFLAGS += -Itests/unit
# Fuzzers look for new paths in what they judge, not in who judges.
$(B)/obj/tests/unit/support/%.o: private INSTRUMENT := \
	$(filter-out -fsanitize=fuzzer-no-link,$(INSTRUMENT))
$(B)/obj/tests/unit/test_uapi.o: private CPPFLAGS += $(DRM)
$(B)/obj/userspace/lib/accel%.o: private CPPFLAGS += $(DRM)
$(B)/obj/%_avx2.o: ISA := $(AVX2)
$(B)/obj/%_avx512.o: ISA := $(AVX512)
$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CPPFLAGS) $(CFLAGS) $(INSTRUMENT) $(ISA) \
		-MMD -MP -c -o $@ $<

# Blobs name the compiler they are from: what its sources add up to. The folders, too, are
# prerequisites, for sources that are deleted.
FINGERPRINT_DIRS := userspace/compiler/ userspace/graph/ userspace/isa/ uapi/tern/
FINGERPRINT_SRC := $(sort $(wildcard $(addsuffix *.[ch],$(FINGERPRINT_DIRS))))
FINGERPRINT_O := $(B)/obj/userspace/lib/fingerprint.o
$(B)/gen/fingerprint.h: $(FINGERPRINT_SRC) $(FINGERPRINT_DIRS)
	@mkdir -p $(@D)
	@sum=$$(cksum $(FINGERPRINT_SRC) | cksum) && \
		echo "#define TERN_SOURCES_CKSUM $${sum%% *}u" >$@
$(FINGERPRINT_O): $(B)/gen/fingerprint.h
$(FINGERPRINT_O): private CPPFLAGS += -I$(B)/gen

$(LIB_A): $(call objects,$(LIB_SRC))
$(FW_A): $(call objects,$(FW_HOST_SRC))
$(GGML_A): $(call objects,$(GGML_SRC)) userspace/ggml/
$(RUN_A): $(call objects,$(filter-out $(RUN_MAIN),$(RUN_SRC)))
$(SUPPORT_A): $(call objects,$(SUPPORT_SRC))
# The folders too: a source deleted must leave the library.
$(LIB_A) $(B)/lib/libtern.so.$(SOVERSION): $(wildcard userspace/*/)
$(B)/lib/%.a: $(B)/flags
	@mkdir -p $(@D)
	$(call say,AR,$@)rm -f $@; $(AR) rcsD $@ $(filter %.o,$^)

SYMBOLS := $(wildcard userspace/lib/libtern.map)
$(B)/lib/libtern.so.$(SOVERSION): $(call objects,$(LIB_SRC)) $(SYMBOLS) $(B)/flags
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(CFLAGS) $(INSTRUMENT) $(LDFLAGS) -shared \
		-Wl,-soname,$(@F) $(if $(INSTRUMENT),,-Wl,-z,defs) \
		$(addprefix -Wl$(comma)--version-script=,$(SYMBOLS)) \
		-o $@ $(filter %.o,$^) $(LDLIBS)
comma := ,

# The static library for others: one object, whose inner names cannot meet theirs.
OBJCOPY ?= objcopy
$(B)/lib/public/libtern.a: $(LIB_A) $(SYMBOLS)
	@mkdir -p $(@D)
	$(call say,AR,$@)sed -n 's/^\t\(tern_[a-z0-9_]*\);/\1/p' $(SYMBOLS) >$(@D)/names
	@$(LD) -r -o $(@D)/tern.o --whole-archive $(LIB_A)
	@$(OBJCOPY) --keep-global-symbols=$(@D)/names $(@D)/tern.o
	@rm -f $@; $(AR) rcsD $@ $(@D)/tern.o

$(B)/lib/libtern.so: $(B)/lib/libtern.so.$(SOVERSION)
	@ln -sf $(<F) $@

$(addsuffix /libggml-tern.so,$(B)/lib $(B)/guest): $(call objects,$(GGML_SRC)) \
		$(LIB_A) $(GGML_MAP)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(CFLAGS) $(INSTRUMENT) $(LDFLAGS) -shared \
		$(if $(INSTRUMENT),,-Wl,-z,defs) -Wl,--version-script=$(GGML_MAP) \
		-o $@ $(filter %.o,$^) $(filter %.a,$^) -ldl $(LDLIBS)

# Only this knows where things will be: another PREFIX is no reason to compile anew.
$(B)/prefix: FORCE
	@mkdir -p $(@D)
	@echo '$(PREFIX) $(VERSION)' | cmp -s - $@ || echo '$(PREFIX) $(VERSION)' >$@
$(B)/lib/pkgconfig/tern.pc: userspace/lib/tern.pc.in $(B)/prefix
	@mkdir -p $(@D)
	@sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' $< >$@

# A group: the firmware calls its machine, and the machine in tests/unit/support the firmware.
link = $(call say,LD,$@)mkdir -p $(@D); $(CC) $(CFLAGS) $(INSTRUMENT) \
	$(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(filter %.a,$^) \
	-Wl,--end-group $(LDLIBS)

ARCHIVES := $(RUN_A) $(LIB_A)
$(B)/bin/tern-run: $(call objects,$(RUN_MAIN)) $(ARCHIVES)
	$(link) $(PCRE2)
# For guests, where nothing may fall back to the NPU in process.
$(GUESTS): private LDFLAGS += -Wl,--wrap=tern_transport_sim
$(GUESTS): $(call objects,tests/unit/support/no_sim.c)
$(B)/guest/tern-run: $(call objects,$(RUN_MAIN)) $(ARCHIVES)
	$(link) $(PCRE2)
$(B)/bin/%: $(B)/obj/userspace/tools/%.o $(ARCHIVES)
	$(link) $(PCRE2)
$(B)/bin/bench-preempt: private LDFLAGS += -Wl,--wrap=tern_sim_run
$(B)/bin/%: $(B)/obj/tests/bench/%.o $(ARCHIVES)
	$(link) $(PCRE2)
$(B)/tests/test_preempt_programs: private LDFLAGS += -Wl,--wrap=tern_transport_sim
$(LIB_TESTS): private LDFLAGS += -Wl,--wrap=tern_transport_sim
$(B)/tests/test_lib_async: private LDFLAGS += -Wl,--wrap=pthread_create
$(B)/tests/test_ggml_cache $(B)/tests/test_ggml_stream: private LDFLAGS += \
	-Wl,--wrap=tern_session_create_in,--wrap=tern_session_destroy,--wrap=tern_buffer_create \
	-Wl,--wrap=tern_compile,--wrap=tern_session_run
$(filter $(B)/tests/test_ggml_%,$(TESTS)): $(GGML_A)
$(B)/tests/%: $(B)/obj/tests/unit/%.o $(FW_A) $(SUPPORT_A) $(ARCHIVES)
	$(link) $(CHECK) $(PCRE2)
# Freestanding, and the same bytes wherever it is built. Only boot.S touches CSRs, which have
# an extension of their own that the compiler's choice of libgcc does not know.
FW_DEFINES = -DTERN_VERSION='"$(VERSION)"' -DTERN_FW_SECURITY=$(FW_SECURITY)
FW_CFLAGS := -std=c11 -ffreestanding -Os -g -march=rv32imc -mabi=ilp32 -mstrict-align \
	-ffunction-sections -fdata-sections -fno-common -fstack-usage \
	-ffile-prefix-map=$(CURDIR)=. -Wall -Wextra $(if $(filter 1,$(WERROR)),-Werror) -Iuapi
FW_OBJ := $(patsubst firmware/%.c,$(FW)/%.o,$(FW_SRC)) $(FW)/boot.o
$(B)/obj/firmware/%.o $(B)/obj/tests/%.o: private CPPFLAGS += $(FW_DEFINES) -iquote firmware

$(B)/tests/test_fw_image: | $(FW)/tern.fw

$(FW)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(RISCV) $(FW_CFLAGS) $(FW_DEFINES)' >$@.new
	@cmp -s $@.new $@ || cp $@.new $@
$(FW)/%.o: firmware/%.c $(FW)/flags
	$(call say,RVCC,$<)$(RISCV)gcc $(FW_CFLAGS) $(FW_DEFINES) -MMD -MP -c -o $@ $<
$(FW)/%.o: firmware/%.S $(FW)/flags
	$(call say,RVCC,$<)$(RISCV)gcc $(FW_CFLAGS) -march=rv32imc_zicsr -c -o $@ $<
$(FW)/tern.elf: $(FW_OBJ) firmware/firmware.ld firmware/
	$(call say,RVLD,$@)$(RISCV)gcc $(FW_CFLAGS) -nostdlib -Wl,--gc-sections,--build-id=none \
		-Wl,-T,firmware/firmware.ld -Wl,-Map,$(FW)/tern.map -o $@ $(FW_OBJ) -lgcc
$(FW)/tern.fw: $(FW)/tern.elf firmware/mkimage $(wildcard uapi/tern/*.h)
	$(call say,IMAGE,$@)firmware/mkimage $< $@ --version $(VERSION) \
		--security $(FW_SECURITY) --header uapi/tern/fw.h
-include $(patsubst %.o,%.d,$(FW_OBJ))

$(B)/bin/tern-device: $(call objects,$(DEVICE_SRC)) $(LIB_A)
	$(link) $(shell pkg-config --libs unicorn)
$(B)/obj/tests/device/%.o: private CPPFLAGS += -Itests
# tern-run on it, without a kernel in between.
$(B)/bin/tern-run-device: private LDFLAGS += -Wl,--wrap=tern_transport_sim
$(B)/bin/tern-run-device: $(call objects,$(RUN_MAIN) $(HOST_SRC)) $(ARCHIVES) \
		| $(B)/bin/tern-device $(FW)/tern.fw
	$(link) $(PCRE2)
$(B)/tests/test_device_run: | $(B)/bin/tern-run $(B)/bin/tern-run-device
$(B)/tests/%: $(B)/obj/tests/device/%.o $(call objects,$(HOST_SRC)) $(SUPPORT_A) $(ARCHIVES) \
		| $(B)/bin/tern-device $(FW)/tern.fw
	$(link) $(CHECK) $(PCRE2)
$(B)/obj/tests/selftests/%.o: private CPPFLAGS += $(DRM)
$(B)/selftests/%: $(B)/obj/tests/selftests/%.o $(call objects,$(SELFTEST_COMMON))
	$(call say,LD,$@)mkdir -p $(@D); $(CC) $(CFLAGS) $(INSTRUMENT) $(LDFLAGS) -o $@ $^ -pthread
# Loaded before programs that may be of any compiler: never instrumented.
$(PRELOADED): $(B)/guest/%.so: tests/vm/%.c $(B)/flags
	$(call say,LD,$@)mkdir -p $(@D); $(CC) $(CPPFLAGS) $(DRM) $(CFLAGS) -shared -o $@ $< -ldl
GUEST_BENCHES := bench-accel bench-recovery
$(GUEST_BENCHES:%=$(B)/obj/tests/bench/%.o): private CPPFLAGS += $(DRM) -Itests
$(GUEST_BENCHES:%=$(B)/bin/%): $(B)/bin/%: $(B)/obj/tests/bench/%.o $(call objects,$(SELFTEST_COMMON))
	$(call say,LD,$@)mkdir -p $(@D); $(CC) $(CFLAGS) $(INSTRUMENT) $(LDFLAGS) -o $@ $^ -pthread
$(B)/obj/tests/fuzz/ioctl/%.o: private CPPFLAGS += $(DRM) -Itests
$(B)/bin/fuzz-ioctl: $(call objects,$(IOCTL_FUZZ_SRC) $(SELFTEST_COMMON))
	$(call say,LD,$@)mkdir -p $(@D); $(CC) $(CFLAGS) $(INSTRUMENT) $(LDFLAGS) -o $@ $^ -pthread
# NEON compiles, though nothing here runs it: with clang, which knows every machine, and the
# declarations of this machine's C library. That looks for a file which only 32-bit ones have.
ifeq ($(ARCH)$(if $(shell command -v clang),+clang),x86_64+clang)
$(B)/tests/test_simd_gemm: | $(B)/neon/compiles
endif
NEON_SRC := userspace/simd/dispatch.c $(wildcard userspace/*/*_neon.c)
$(B)/neon/compiles: $(NEON_SRC) $(wildcard userspace/simd/*.h) $(B)/flags
	@mkdir -p $(@D)/gnu && touch $(@D)/gnu/stubs-32.h
	$(call say,CC,$(NEON_SRC))for f in $(NEON_SRC); do \
		clang --target=aarch64-linux-gnu -nostdlibinc -isystem /usr/include \
		-isystem /usr/include/$(shell $(CC) -print-multiarch) -isystem $(@D) \
		$(CPPFLAGS) -std=c11 -D_GNU_SOURCE -ffp-contract=off -O3 -Wall -Wextra -Werror \
		-S -o /dev/null $$f || exit; done
	@touch $@
# The contracts have no hidden padding, and one layout for 64-bit and 32-bit processes. No
# 32-bit C library is needed to see that.
UAPI_SRC := tests/unit/uapi_layout.h $(wildcard uapi/*/*.h)
$(B)/tests/test_uapi: | $(B)/uapi-layout
$(B)/uapi-layout: $(UAPI_SRC) $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)for m in '' $(if $(filter x86_64,$(ARCH)),-m32); do \
		$(CC) $$m -std=c11 -ffreestanding -Wall -Wextra -Wpadded -Werror -Iuapi $(DRM) \
		-isystem /usr/include/$(shell $(CC) -print-multiarch) \
		-fsyntax-only -x c $< || exit; done
	@touch $@
$(B)/obj/driver/%.o $(B)/obj/tests/fuzz/fuzz_driver.o: private CPPFLAGS += $(DRM) -I.
$(B)/fuzz_driver: $(call objects,tests/fuzz/fuzz_driver.c $(DRIVER_PURE_SRC))
	$(link) -fsanitize=fuzzer
$(B)/fuzz_%: $(B)/obj/tests/fuzz/fuzz_%.o $(SUPPORT_A) $(FW_A) $(ARCHIVES)
	$(link) $(PCRE2) -fsanitize=fuzzer

-include $(patsubst %.o,%.d,$(call objects,$(ALL_SRC)))
