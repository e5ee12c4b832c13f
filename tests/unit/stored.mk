# The store daemon: all of it but the loop and the sockets, over a Xen of plain memory.
STORED_SRCS := $(addprefix toolstack/stored/,connection.c control.c domain.c journal.c journal_load.c \
                   nodes.c perms.c quota.c request.c ring.c store.c transaction.c tree.c watch.c wire.c) \
               toolstack/lib/daemon.c tests/unit/stored/rig.c

UNITS += test_stored_tree test_stored_nodes test_stored_transaction test_stored_watch \
         test_stored_hostile test_stored_journal

define stored_unit
$(1)_SRCS   := tests/unit/$(1).c $$(STORED_SRCS)
$(1)_CFLAGS := -I $$(TOP)/toolstack
$(1)_KIND   := plain
endef
$(foreach t,$(filter test_stored_%,$(UNITS)),$(eval $(call stored_unit,$(t))))

# The daemons as programs, over a Xen of files: answers compared with Debian's xenstored, and killed
# again and again under load.
$(B)/fakexen.so: $(TOP)/tests/unit/stored/fakexen.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O1 -U_FORTIFY_SOURCE -Wall -Wextra -Werror -D__XEN_TOOLS__ -shared -fPIC $< -o $@

run: run-stored-conformance run-stored-restarts run-stored-consoles
stored-daemon:
	$(MAKE) -C $(TOP)/toolstack $(O)/bin/orlop-stored $(O)/bin/orlop-consoled
run-stored-%: $(TOP)/tests/unit/stored/%.py $(B)/fakexen.so stored-daemon
	python3 $< --fakexen $(B)/fakexen.so --daemon $(O)/bin/orlop-stored $(STORED_ARGS)
run-stored-consoles: STORED_ARGS = --consoled $(O)/bin/orlop-consoled
.PHONY: stored-daemon
