# Top of the build. Each part has a makefile of its own; O is where all of it is put.
#
#   make              hypervisor, tools, test guests
#   make hypervisor   build/orlop.elf, build/orlop.gz
#   make toolstack    build/bin/*
#   make guests       build/guests/*
#   make unit         unit test programs over hypervisor/arch/host and toolstack/
export TOP := $(CURDIR)
export O   ?= $(TOP)/build

PARTS := hypervisor toolstack guests unit

all: hypervisor toolstack guests

hypervisor:
	$(MAKE) -C hypervisor
toolstack:
	$(MAKE) -C toolstack
guests:
	$(MAKE) -C tests/guests
unit:
	$(MAKE) -C tests/unit

clean:
	rm -rf $(O)

.PHONY: all clean $(PARTS)
