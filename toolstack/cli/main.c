/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program `orlop`: global options, the table of sub-commands, help, and what sub-commands have
 * in common. Called as xl or xm it names itself so.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

const struct command commands[] = {
    {"create", cmd_create, "Create a domain from config file <filename>", "<ConfigFile> [options] [vars]",
     "-c                      Connect to the console after the domain is created.\n"
     "-d                      Enable debug messages.\n"
     "-e                      Do not wait in the background for the death of the domain.\n"
     "-F                      Run in foreground until death of the domain.\n"
     "-f FILE, --defconfig=FILE\n                     Use the given configuration file.\n"
     "-h                      Print this help.\n"
     "-n, --dryrun            Dry run - prints the resulting configuration\n"
     "                         (deprecated in favour of global -N option).\n"
     "-p                      Leave the domain paused after it is created.\n"
     "-q, --quiet             Quiet.\n"
     "-V, --vncviewer         Connect to the VNC display after the domain is created.\n"
     "-A, --vncviewer-autopass\n                         Pass VNC password to viewer via stdin.",
     "vtTfN", false},
    {"list", cmd_list, "List information about all/some domains", "[options] [Domain]\n",
     "-l, --long              Output all VM details\n"
     "-v, --verbose           Prints out UUIDs and security context\n"
     "-Z, --context           Prints out security context\n"
     "-c, --cpupool           Prints the cpupool the domain is in",
     "vtT", false},
    {"destroy", cmd_destroy, "Terminate a domain immediately", "[options] <Domain>\n",
     "-f                      Permit destroying domain 0, which will only succeed\n"
     "                        when run from disaggregated toolstack domain with a\n"
     "                        hardware domain distinct from domain 0.",
     "vtTf", false},
    {"shutdown", cmd_shutdown, "Issue a shutdown signal to a domain", "[options] <-a|Domain>",
     "-a, --all               Shutdown all guest domains.\n"
     "-h                      Print this help.\n"
     "-F                      Fallback to ACPI power event for HVM guests with\n"
     "                        no PV drivers.\n"
     "-w, --wait              Wait for guest(s) to shutdown.\n",
     "vtTf", false},
    {"reboot", cmd_reboot, "Issue a reboot signal to a domain", "[options] <-a|Domain>",
     "-a, --all               Shutdown all guest domains.\n"
     "-h                      Print this help.\n"
     "-F                      Fallback to ACPI reset event for HVM guests with\n"
     "                        no PV drivers.\n"
     "-w, --wait              Wait for guest(s) to reboot.\n",
     "vtTf", false},
    {"pause", cmd_pause, "Pause execution of a domain", "<Domain>", NULL, "vtTf", false},
    {"unpause", cmd_unpause, "Unpause a paused domain", "<Domain>", NULL, "vtTf", false},
    {"console", cmd_console, "Attach to domain's console",
     "[options] <Domain>\n-t <type>       console type, pv or serial\n-n <number>     console number", NULL, "vtT",
     false},
    {"cd-insert", cmd_cd_insert, "Insert a cdrom into a guest's cd drive", "<Domain> <VirtualDevice> <path>", NULL,
     "vtTf", false},
    {"cd-eject", cmd_cd_eject, "Eject a cdrom from a guest's cd drive", "<Domain> <VirtualDevice>", NULL, "vtTf",
     false},
    {"vncviewer", cmd_vncviewer, "Attach to domain's VNC server.", "[--autopass] <Domain>",
     "--autopass               Pass VNC password to viewer via stdin and\n"
     "                         -autopass.",
     "vtT", false},
    {"mem-max", cmd_mem_max, "Set the maximum amount reservation for a domain",
     "<Domain> <MemMB['b'[bytes]|'k'[KB]|'m'[MB]|'g'[GB]|'t'[TB]]>", NULL, "vtTf", false},
    {"mem-set", cmd_mem_set, "Set the current memory usage for a domain",
     "<Domain> <MemMB['b'[bytes]|'k'[KB]|'m'[MB]|'g'[GB]|'t'[TB]]>", NULL, "vtTf", false},
    {"vcpu-list", cmd_vcpu_list, "List the VCPUs for all/some domains", "[Domain, ...]", NULL, "vtT", false},
    {"vcpu-pin", cmd_vcpu_pin, "Set which CPUs a VCPU can use",
     "[option] <Domain> <VCPU|all> <Hard affinity|-|all> <Soft affinity|-|all>",
     "-f, --force        undo an override pinning done by the kernel", "vtTfN", false},
    {"vcpu-set", cmd_vcpu_set, "Set the number of active VCPUs allowed for the domain", "[option] <Domain> <vCPUs>",
     "-i, --ignore-host  Don't limit the vCPU based on the host CPU count", "vtTf", false},
    {"vm-list", cmd_vm_list, "List guest domains, excluding dom0, stubdoms, etc.", "", NULL, "vtT", false},
    {"info", cmd_info, "Get information about Xen host", "-n, --numa         List host NUMA topology information", NULL,
     "vtT", false},
    {"sched-credit2", cmd_sched_credit2, "Get/set credit2 scheduler parameters",
     "[-d <Domain> [-w[=WEIGHT]]] [-p CPUPOOL]",
     "-d DOMAIN, --domain=DOMAIN     Domain to modify\n"
     "-w WEIGHT, --weight=WEIGHT     Weight (int)\n"
     "-c CAP,    --cap=CAP           Cap (int)\n"
     "-s         --schedparam        Query / modify scheduler parameters\n"
     "-r RLIMIT, --ratelimit_us=RLIMIT Set the scheduling rate limit, in microseconds\n"
     "-p CPUPOOL, --cpupool=CPUPOOL  Restrict output to CPUPOOL",
     "vtTf", false},
    {"domid", cmd_domid, "Convert a domain name to domain id", "<DomainName>", NULL, "vtT", false},
    {"domname", cmd_domname, "Convert a domain id to domain name", "<DomainId>", NULL, "vtT", false},
    {"rename", cmd_rename, "Rename a domain", "<Domain> <NewDomainName>", NULL, "vtTf", false},
    {"sysrq", cmd_sysrq, "Send a sysrq to a domain", "<Domain> <letter>", NULL, "vtTf", false},
    {"debug-keys", cmd_debug_keys, "Send debug keys to Xen", "<Keys>", NULL, "vtTf", false},
    {"dmesg", cmd_dmesg, "Read and/or clear dmesg buffer", "[-c]",
     "  -c                        Clear dmesg buffer as well as printing it", "vtT", false},
    {"uptime", cmd_uptime, "Print uptime for all/some domains", "[-s] [Domain]", NULL, "vtT", false},
    {"help", cmd_help, "Print this list, or the use of one sub-command", "[command]", NULL, "vtT", true},
    {"init-dom0", cmd_init_dom0, "Write dom0's own nodes into the store", "", NULL, "vtT", true},
    {NULL, NULL, NULL, NULL, NULL, NULL, false},
};

void command_usage(const struct cli *cli, const struct command *c, FILE *to)
{
    fprintf(to, "Usage: %s [-%s] %s %s\n\n%s.\n\n", cli->name, c->globals, c->name, c->usage, c->summary);
    if (c->options)
        fprintf(to, "Options:\n\n%s\n", c->options);
}

static void list_commands(const struct cli *cli)
{
    printf("Usage %s [-vfNtT] <subcommand> [args]\n\n%s full list of subcommands:\n\n", cli->name, cli->name);
    for (const struct command *c = commands; c->name; c++)
        if (!c->hidden)
            printf(" %-19s %s\n", c->name, c->summary);
}

static const struct command *find_command(const char *name)
{
    const struct command *c, *found = NULL;
    size_t len = strlen(name);

    for (c = commands; c->name; c++)
        if (!strcmp(c->name, name))
            return c;
    /* As with xl, a beginning that only one command has is enough. */
    for (c = commands; c->name; c++) {
        if (c->hidden || strncmp(c->name, name, len))
            continue;
        if (found)
            return NULL;
        found = c;
    }
    return found;
}

int cmd_help(struct cli *cli, int argc, char **argv)
{
    const struct command *c;

    if (argc < 2) {
        list_commands(cli);
        return EXIT_OK;
    }
    c = find_command(argv[1]);
    if (!c) {
        printf("command not implemented\n");
        return EXIT_FAIL;
    }
    command_usage(cli, c, stdout);
    return EXIT_OK;
}

int cli_getopt(struct cli *cli, int argc, char **argv, const char *opts, const struct option *longs, int need, int *rc)
{
    int o = getopt_long(argc, argv, opts, longs, NULL);

    if (o == '?') {
        if (optopt == 'h') {
            command_usage(cli, cli->command, stdout);
            *rc = EXIT_OK;
            return -2;
        }
        if (optopt)
            fprintf(stderr, "option `%c' not supported.\n", optopt);
        else
            fprintf(stderr, "option `%s' not supported.\n", argv[optind - 1]);
        *rc = EXIT_USAGE;
        return -2;
    }
    if (o == -1 && argc - optind < need) {
        fprintf(stderr, "'%s %s' requires at least %d argument%s.\n\n", cli->name, cli->command->name, need,
                need > 1 ? "s" : "");
        command_usage(cli, cli->command, stderr);
        *rc = EXIT_USAGE;
        return -2;
    }
    return o;
}

int cli_fail(struct cli *cli, struct err *err)
{
    fprintf(stderr, "%s: ", cli->name);
    err_print(stderr, err);
    err_drop(&err);
    return EXIT_FAIL;
}

bool cli_open(struct cli *cli)
{
    struct err *err = NULL;

    if (cli->ctx.hyp)
        return true;
    if (ctx_open(&cli->ctx, &err) < 0) {
        cli_fail(cli, err);
        return false;
    }
    cli->ctx.trace = cli->verbose ? stderr : NULL;
    return true;
}

bool cli_domain(struct cli *cli, const char *spec, uint32_t *domid)
{
    char *end;
    unsigned long n = strtoul(spec, &end, 10);
    long found;

    if (!cli_open(cli))
        return false;
    if (*spec && !*end && n <= UINT16_MAX) {
        *domid = n;
        return true;
    }
    found = domain_by_name(&cli->ctx, spec);
    if (found < 0) {
        fprintf(stderr, "%s is an invalid domain identifier (rc=%d)\n", spec, -ERR_INVAL);
        return false;
    }
    *domid = found;
    return true;
}

int cli_each_domain(struct cli *cli, const char *spec,
                    int (*fn)(struct cli *cli, const struct xen_domctl_getdomaininfo *info, void *arg), void *arg)
{
    struct xen_domctl_getdomaininfo info[64];
    struct err *err = NULL;
    uint32_t domid;
    int n, i, rc;

    if (spec) {
        if (!cli_domain(cli, spec, &domid))
            return EXIT_FAIL;
        rc = hyp_domain_info(cli->ctx.hyp, domid, info, &err);
        if (!rc)
            rc = err_new(&err, ERR_NODOMAIN, "Domain '%s' does not exist.", spec);
        return rc < 0 ? cli_fail(cli, err) : fn(cli, info, arg);
    }
    if (!cli_open(cli))
        return EXIT_FAIL;
    for (domid = 0;; domid = info[n - 1].domain + 1) {
        n = hyp_domain_list(cli->ctx.hyp, domid, info, 64, &err);
        if (n < 0)
            return cli_fail(cli, err);
        for (i = 0; i < n; i++)
            if ((rc = fn(cli, &info[i], arg)))
                return rc;
        if (n < 64)
            return EXIT_OK;
    }
}

char *cli_domain_name(struct cli *cli, uint32_t domid)
{
    char *name = domain_name(&cli->ctx, domid);

    return name ? name : strdup("(null)");
}

static int run_command(struct cli *cli, int argc, char **argv)
{
    int rc;

    cli->command = find_command(argv[0]);
    if (!cli->command) {
        fprintf(stderr, "command not implemented\n");
        return EXIT_FAIL;
    }
    /* Options may follow arguments; 0 makes getopt start over. */
    optind = 0;
    opterr = 0;
    rc = cli->command->run(cli, argc, argv);
    if (cli->ctx.hyp)
        ctx_close(&cli->ctx);
    return rc;
}

int main(int argc, char **argv)
{
    struct cli cli = {.name = "orlop"};
    int o;

    if (!strcmp(basename(argv[0]), "xl") || !strcmp(basename(argv[0]), "xm"))
        cli.name = basename(argv[0]);
    /* -t and -T shape the log messages of libxl, which is not here: accepted, like before. */
    while ((o = getopt(argc, argv, "+vftTN")) >= 0) {
        switch (o) {
        case 'v': cli.verbose++; break;
        case 'f': cli.force = true; break;
        case 'N': cli.dry_run = true; break;
        case 't':
        case 'T': break;
        default: fprintf(stderr, "unknown global option\n"); return EXIT_USAGE;
        }
    }
    if (optind == argc) {
        list_commands(&cli);
        return EXIT_FAIL;
    }
    return run_command(&cli, argc - optind, argv + optind);
}
