/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network interfaces: `name=value` settings joined by commas (xl-network-configuration(5)). The
 * rate is parsed by libxlutil, whose units and rounding are not worth doing twice.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libxlutil.h>

#include "devices.h"

static int take_mac(const char *v, struct nic_config *n, struct err **err)
{
    unsigned int b[6], i;
    char more;

    if (sscanf(v, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &more) != 6)
        return err_new(err, ERR_INVAL, "invalid MAC address `%s'", v);
    for (i = 0; i < 6; i++)
        n->mac[i] = b[i];
    n->mac_given = true;
    return 0;
}

static int take_rate(const char *v, struct nic_config *n, struct err **err)
{
    libxl_device_nic x = {0};
    char *text = NULL;
    size_t len;
    FILE *report = open_memstream(&text, &len);
    XLU_Config *cfg;
    int rc;

    if (!report || !(cfg = xlu_cfg_init(report, "vif")))
        abort();
    rc = xlu_vif_parse_rate(cfg, v, &x);
    xlu_cfg_destroy(cfg);
    fclose(report);
    free(text);
    if (rc)
        return err_new(err, ERR_INVAL, "invalid rate `%s'", v);
    n->rate_bytes = x.rate_bytes_per_interval;
    n->rate_usecs = x.rate_interval_usecs;
    return 0;
}

static int take_type(const char *v, struct nic_config *n, struct err **err)
{
    if (strcmp(v, "vif") && strcmp(v, "ioemu"))
        return err_new(err, ERR_INVAL, "type must be vif or ioemu, not `%s'", v);
    n->type = strdup(strcmp(v, "vif") ? "vif_ioemu" : "vif");
    return 0;
}

static int take_number(const char *v, unsigned int *out, struct err **err)
{
    char *end;
    unsigned long x = strtoul(v, &end, 10);

    if (end == v || *end || x > 65535)
        return err_new(err, ERR_INVAL, "invalid number `%s'", v);
    *out = x;
    return 0;
}

static int take(const char *key, const char *v, struct nic_config *n, struct err **err)
{
    const struct {
        const char *key;
        char **to;
    } strings[] = {{"bridge", &n->bridge},        {"ip", &n->ip},       {"script", &n->script},
                   {"vifname", &n->ifname},       {"model", &n->model}, {"backend", &n->backend_domain},
                   {"gatewaydev", &n->gatewaydev}};
    size_t i;

    for (i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        if (!strcmp(key, strings[i].key)) {
            free(*strings[i].to);
            *strings[i].to = strdup(v);
            return 0;
        }
    }
    if (!strcmp(key, "mac"))
        return take_mac(v, n, err);
    if (!strcmp(key, "rate"))
        return take_rate(v, n, err);
    if (!strcmp(key, "type"))
        return take_type(v, n, err);
    if (!strcmp(key, "mtu"))
        return take_number(v, &n->mtu, err);
    if (!strcmp(key, "devid"))
        return take_number(v, &n->devid, err);
    return 1;
}

int nic_parse(const char *spec, FILE *warn, const char *where, struct nic_config *n, struct err **err)
{
    char *copy = strdup(spec), *save = NULL, *part, *eq;
    int rc = 0;

    for (part = strtok_r(copy, ",", &save); part && rc >= 0; part = strtok_r(NULL, ",", &save)) {
        part += strspn(part, " \t\n");
        eq = strchr(part, '=');
        rc = 1;
        if (eq) {
            *eq = '\0';
            rc = take(part, eq + 1, n, err);
        }
        if (rc > 0 && *part)
            fprintf(warn, "%s: warning: vif: unrecognized argument `%s'\n", where, part);
    }
    free(copy);
    if (rc < 0) {
        nic_free(n);
        return err_wrap(err, "in `%s'", spec);
    }
    return 0;
}

void nic_free(struct nic_config *n)
{
    free(n->backend_domain);
    free(n->model);
    free(n->ip);
    free(n->bridge);
    free(n->ifname);
    free(n->script);
    free(n->type);
    free(n->gatewaydev);
    memset(n, 0, sizeof(*n));
}
