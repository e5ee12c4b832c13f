EMULATOR := $(addprefix hypervisor/arch/x86/emulate/,access.c alu.c decode.c emulate.c execute.c string.c system.c table.c vector.c)

# What needs no oracle.
UNITS += test_emulator
test_emulator_SRCS   := tests/unit/test_emulator.c $(EMULATOR)
test_emulator_KIND   := x86


# Against the CPU of this machine and Unicorn (emulator/main.c): without sanitizers, for speed and because cases write to low
# addresses of the program.
PROGRAMS += emulator
emulator_SRCS     := $(addprefix tests/unit/emulator/,main.c generate.c segments.c emulated.c native.c unicorn.c) $(EMULATOR)
emulator_KIND     := x86
emulator_CFLAGS   := -fno-sanitize=all -O2 -D_GNU_SOURCE
emulator_LIBS     := -lunicorn
emulator_SANITIZE :=
