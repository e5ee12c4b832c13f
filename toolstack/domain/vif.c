/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network interfaces, served by the kernel's xen-netback. When the backend's nodes are there the
 * kernel makes an interface vifDOMID.DEVID; it is put on its bridge and brought up with the bridge
 * and socket ioctls (netdevice(7)), and hotplug-status tells the backend to go on. With script=
 * the script does that, as under xl.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "device.h"

/* What xl takes when a configuration names no bridge. */
#define DEFAULT_BRIDGE "xenbr0"

static struct device vif_device(uint32_t domid, const struct nic_config *nic)
{
    return (struct device){.domid = domid, .kind = "vif", .devid = nic->devid};
}

static const char *vif_bridge(const struct nic_config *nic) { return nic->bridge ? nic->bridge : DEFAULT_BRIDGE; }

static int vif_check(const struct nic_config *n, bool emulated, struct err **err)
{
    if (!emulated && n->type && strcmp(n->type, "vif"))
        return err_new(err, ERR_INVAL, "only HVM guests have interfaces of type %s", n->type);
    if (n->backend_domain && strcmp(n->backend_domain, "0") && strcmp(n->backend_domain, "Domain-0"))
        return err_new(err, ERR_INVAL, "backends outside of dom0 are not supported");
    if (n->ifname && strlen(n->ifname) >= IFNAMSIZ)
        return err_new(err, ERR_INVAL, "vifname %s is too long", n->ifname);
    if (!n->script && !if_nametoindex(vif_bridge(n)))
        return err_new(err, ERR_INVAL, "there is no bridge %s", vif_bridge(n));
    return 0;
}

/* Xen's range of addresses; the lower half of it is for choosing at random. */
static void vif_choose_mac(struct nic_config *n)
{
    static const uint8_t oui[3] = {0x00, 0x16, 0x3e};

    if (n->mac_given)
        return;
    memcpy(n->mac, oui, sizeof(oui));
    if (getrandom(n->mac + 3, 3, 0) != 3)
        abort();
    n->mac[3] &= 0x7f;
    n->mac_given = true;
}

static int vif_write(struct ctx *c, uint32_t domid, const struct nic_config *n, bool emulated, struct err **err)
{
    struct device dev = vif_device(domid, n);
    char *script = n->script ? hotplug_path(n->script) : store_fmt(VIF_SCRIPT);
    char *devid = store_fmt("%u", n->devid), *mtu = store_fmt("%u", n->mtu);
    char *rate = store_fmt("%llu,%u", (unsigned long long)n->rate_bytes, n->rate_usecs);
    char *mac =
        store_fmt("%02x:%02x:%02x:%02x:%02x:%02x", n->mac[0], n->mac[1], n->mac[2], n->mac[3], n->mac[4], n->mac[5]);
    const struct node front[] = {
        {"handle", devid}, {"mac", mac}, {"trusted", "1"}, {"mtu", n->mtu ? mtu : NULL}, {NULL, NULL}};
    const struct node back[] = {{"script", script},
                                {"mac", mac},
                                {"bridge", n->script && !n->bridge ? NULL : vif_bridge(n)},
                                {"ip", n->ip},
                                {"rate", n->rate_bytes ? rate : NULL},
                                {"vifname", n->ifname},
                                {"gatewaydev", n->gatewaydev},
                                {"mtu", n->mtu ? mtu : NULL},
                                {"handle", devid},
                                {"type", emulated ? "vif_ioemu" : "vif"},
                                {NULL, NULL}};
    int rc = device_write(c, &dev, front, back, err);

    free(script);
    free(devid);
    free(mtu);
    free(rate);
    free(mac);
    return rc;
}

int vif_attach(struct ctx *c, uint32_t domid, struct nic_config *n, bool emulated, struct err **err)
{
    vif_choose_mac(n);
    if (vif_check(n, emulated, err) < 0 || vif_write(c, domid, n, emulated, err) < 0)
        return err_wrap(err, "cannot attach network interface %u", n->devid);
    return 0;
}

/* The kernel says it is waiting just before it makes the interface: give it a moment. */
static int vif_await(const char *name, struct err **err)
{
    const struct timespec step = {.tv_nsec = 5 * 1000 * 1000};

    for (int i = 0; i < 1000; i++) {
        if (if_nametoindex(name))
            return 0;
        nanosleep(&step, NULL);
    }
    return err_new(err, ERR_TIMEDOUT, "the kernel made no interface %s", name);
}

static int do_ioctl(int fd, unsigned long op, struct ifreq *r, const char *what, struct err **err)
{
    if (ioctl(fd, op, r) < 0)
        return err_sys(err, errno, "cannot %s %s", what, r->ifr_name);
    return 0;
}

static void set_name(char *to, const char *name)
{
    memset(to, 0, IFNAMSIZ);
    memcpy(to, name, strnlen(name, IFNAMSIZ - 1));
}

/* Rename (if `name`), take over the bridge's (or the given) MTU, join the bridge, come up. Gives the MTU. */
static int vif_join(const char *kernel_name, const char *name, const struct nic_config *n, int *mtu, struct err **err)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = -1;
    struct ifreq dev = {0}, bridge = {0};

    if (fd < 0)
        return err_sys(err, errno, "no socket");
    set_name(dev.ifr_name, kernel_name);
    set_name(bridge.ifr_name, vif_bridge(n));
    if (name) {
        set_name(dev.ifr_newname, name);
        if (do_ioctl(fd, SIOCSIFNAME, &dev, "rename", err) < 0)
            goto out;
        set_name(dev.ifr_name, name);
    }
    if (do_ioctl(fd, SIOCGIFMTU, &bridge, "ask for the MTU of", err) < 0)
        goto out;
    *mtu = dev.ifr_mtu = n->mtu ? (int)n->mtu : bridge.ifr_mtu;
    if (do_ioctl(fd, SIOCSIFMTU, &dev, "set the MTU of", err) < 0)
        goto out;
    bridge.ifr_ifindex = if_nametoindex(dev.ifr_name);
    if (do_ioctl(fd, SIOCBRADDIF, &bridge, "add the interface to bridge", err) < 0)
        goto out;
    if (do_ioctl(fd, SIOCGIFFLAGS, &dev, "ask for the state of", err) < 0)
        goto out;
    dev.ifr_flags |= IFF_UP;
    rc = do_ioctl(fd, SIOCSIFFLAGS, &dev, "bring up", err);
out:
    close(fd);
    return rc;
}

int vif_finish(struct ctx *c, uint32_t domid, const struct nic_config *n, struct err **err)
{
    struct device dev = vif_device(domid, n);
    char *name = store_fmt("vif%u.%u", domid, n->devid), *script, *dir;
    int mtu = 0, rc = vif_await(name, err);

    if (!rc && n->script) {
        script = hotplug_path(n->script);
        rc = hotplug_run(&dev, script, "online", name, err);
        free(script);
    } else if (!rc && !(rc = vif_join(name, n->ifname, n, &mtu, err))) {
        dir = device_frontend(&dev);
        rc = store_writef(&c->store, err, dir, "mtu", "%d", mtu);
        free(dir);
        dir = device_backend(&dev);
        if (!rc)
            rc = store_write(&c->store, dir, "hotplug-status", "connected", err);
        free(dir);
    }
    free(name);
    return rc < 0 ? err_wrap(err, "cannot attach network interface %u", n->devid) : 0;
}

int vif_join_tap(const char *tap, uint32_t domid, const struct nic_config *n, struct err **err)
{
    struct device dev = vif_device(domid, n);
    int mtu, rc;
    char *script;

    if (n->script) {
        script = hotplug_path(n->script);
        rc = hotplug_run_tap(&dev, script, tap, err);
        free(script);
    } else {
        rc = vif_join(tap, NULL, n, &mtu, err);
    }
    return rc < 0 ? err_wrap(err, "cannot attach network interface %u", n->devid) : 0;
}

void vif_release(struct ctx *c, const struct device *d)
{
    char *back = device_backend(d), *script = store_read(&c->store, back, "script");
    struct err *e = NULL;

    /* The interface itself goes with the backend, and with it its place on the bridge. */
    if (script && strcmp(script, VIF_SCRIPT)) {
        char *name = store_fmt("vif%u.%u", d->domid, d->devid);

        hotplug_run(d, script, "offline", name, &e);
        free(name);
    }
    err_drop(&e);
    free(script);
    free(back);
}
