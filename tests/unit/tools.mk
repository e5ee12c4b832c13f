# The tools: configuration, kernel images, the layout of a PV guest.
TOOLS_CFLAGS := -I $(TOP)/toolstack -DGOLDEN_DIR='"$(TOP)/tests/unit/config"'

UNITS += config image pv_layout
config_KIND   := plain
config_CFLAGS := $(TOOLS_CFLAGS)
config_SRCS   := tests/unit/test_config.c toolstack/lib/err.c toolstack/lib/json.c \
                 toolstack/config/config.c toolstack/config/cpus.c toolstack/config/disk.c \
                 toolstack/config/keys.c toolstack/config/nic.c toolstack/config/tojson.c \
                 toolstack/config/parse.c toolstack/config/hvm.c toolstack/config/cpuid.c
config_LIBS   := -l:libxlutil.a -ljson-c

image_KIND   := plain
image_CFLAGS := $(TOOLS_CFLAGS)
image_SRCS   := tests/unit/test_image.c toolstack/lib/err.c toolstack/domain/image.c \
                toolstack/domain/inflate.c toolstack/domain/elf.c \
                toolstack/domain/kernel_cache.c toolstack/lib/fingerprint.c
image_LIBS   := -lz -llzma -lbz2 -lzstd -llz4

UNITS += kernel_cache
kernel_cache_KIND   := plain
kernel_cache_CFLAGS := $(TOOLS_CFLAGS)
kernel_cache_SRCS   := tests/unit/test_kernel_cache.c $(filter toolstack/%,$(image_SRCS))
kernel_cache_LIBS   := $(image_LIBS)

UNITS += guest_memory
guest_memory_KIND   := plain
guest_memory_CFLAGS := $(TOOLS_CFLAGS) -D__XEN_TOOLS__
guest_memory_SRCS   := tests/unit/test_guest_memory.c toolstack/domain/guest_memory.c $(filter toolstack/%,$(image_SRCS))
guest_memory_LIBS   := $(image_LIBS)

pv_layout_KIND   := plain
pv_layout_CFLAGS := $(TOOLS_CFLAGS)
pv_layout_SRCS   := tests/unit/test_pv_layout.c toolstack/lib/err.c toolstack/domain/pv_layout.c

UNITS += hvm_build
hvm_build_KIND   := plain
hvm_build_CFLAGS := $(TOOLS_CFLAGS) -D__XEN_TOOLS__
hvm_build_SRCS   := tests/unit/test_hvm_build.c toolstack/lib/err.c toolstack/domain/hvm_layout.c \
                    toolstack/domain/hvm_start.c toolstack/domain/acpi.c toolstack/domain/cpu_policy.c

UNITS += devmodel
devmodel_KIND   := plain
devmodel_CFLAGS := $(TOOLS_CFLAGS) -D__XEN_TOOLS__
devmodel_SRCS   := tests/unit/test_devmodel.c toolstack/domain/devmodel_args.c \
                   toolstack/domain/devmodel_probe.c toolstack/lib/store.c \
                   $(filter-out tests/unit/%,$(config_SRCS))
devmodel_LIBS   := $(config_LIBS) -lxenstore

UNITS += qmp
qmp_KIND   := plain
qmp_CFLAGS := $(TOOLS_CFLAGS) -DQMP_DIR='"/tmp"'
qmp_SRCS   := tests/unit/test_qmp.c toolstack/lib/err.c toolstack/lib/store.c toolstack/domain/qmp.c
qmp_LIBS   := -ljson-c -lxenstore
