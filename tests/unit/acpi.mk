# ACPI tables, whole and damaged.
UNITS += acpi
acpi_SRCS := tests/unit/test_acpi.c hypervisor/arch/x86/platform/acpi_tables.c tests/unit/acpi_log.c
