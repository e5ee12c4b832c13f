/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PC's serial ports (ns16550 and its kin) as console devices com1 and com2. Output polls; input
 * comes by interrupt. Options com1= and com2= say the line's parameters as Xen's do.
 */
#include <arch/x86/platform/console_devices.h>
#include <asm/irq.h>
#include <asm/system.h>
#include <boot/param.h>
#include <core/console.h>

/* Registers (PC16550D data sheet, table II). */
enum { REG_DATA, REG_IER, REG_FCR, REG_LCR, REG_MCR, REG_LSR, REG_MSR, REG_SCRATCH };
#define IER_RX       0x01
#define FCR_ENABLE   0x07 /* on, both queues emptied */
#define LCR_DLAB     0x80
#define MCR_DTR_RTS  0x0b /* and OUT2, which lets the interrupt through */
#define LSR_DATA     0x01
#define LSR_TX_EMPTY 0x20
#define TX_QUEUE     16
#define BASE_BAUD    115200

struct serial_port {
    struct console_device console;
    u16 base;
    u8 irq;
    u32 baud; /* 0: as the firmware left it */
    u8 lcr;   /* word length, parity, stop bits */
    bool ready;
};

static bool port_init(struct console_device *dev);
static void port_transmit(struct console_device *dev, const char *text, size_t n);

static struct serial_port ports[2] = {
    {{"com1", .init = port_init, .write = port_transmit}, .base = 0x3f8, .irq = 4, .baud = BASE_BAUD, .lcr = 3},
    {{"com2", .init = port_init, .write = port_transmit}, .base = 0x2f8, .irq = 3, .baud = BASE_BAUD, .lcr = 3},
};

/* "8n1": data bits, parity, stop bits. */
static bool __init line_parse(struct serial_port *p, const char *s)
{
    static const char parities[] = "noems";
    static const u8 bits[] = {0x00, 0x08, 0x18, 0x28, 0x38};
    const char *parity;

    if (s[0] < '5' || s[0] > '8' || s[1] == '\0' || !(parity = strchr(parities, s[1])) || (s[2] != '1' && s[2] != '2'))
        return false;
    p->lcr = (s[0] - '5') | bits[parity - parities] | (s[2] == '2' ? 4 : 0);
    return true;
}

/* One field of a port's option, *end behind it. */
static bool __init field_parse(struct serial_port *p, unsigned int field, const char *s, const char **end)
{
    switch (field) {
    case 0:
        if (strncmp(s, "auto", 4) == 0) {
            p->baud = 0;
            *end = s + 4;
            return true;
        }
        p->baud = str_to_u64(s, end, 10);
        return p->baud && p->baud <= BASE_BAUD;
    case 1: *end = s + 3; return line_parse(p, s);
    case 2: p->base = str_to_u64(s, end, 0); return true;
    case 3: p->irq = str_to_u64(s, end, 0); return true;
    default: return false;
    }
}

/*
 * <baud>|auto[,<8n1>[,<io base>[,<irq>]]]; an empty field leaves what is usual. A port that is configured is used
 * unless console= says otherwise.
 */
static int __init port_parse(struct serial_port *p, const char *s)
{
    const char *end;

    p->console.by_default = true;
    for (unsigned int field = 0;; field++, s = end + 1) {
        end = s;
        if (*s && *s != ',' && !field_parse(p, field, s, &end))
            return -EINVAL;
        if (*end != ',')
            return *end ? -EINVAL : 0;
    }
}

static bool port_init(struct console_device *dev)
{
    struct serial_port *p = container_of(dev, struct serial_port, console);
    u16 base = p->base;

    /* Nobody there? The scratch register keeps what is written. */
    outb(base + REG_SCRATCH, 0x5a);
    if (inb(base + REG_SCRATCH) != 0x5a)
        return false;
    outb(base + REG_IER, 0);
    if (p->baud) {
        u16 divisor = BASE_BAUD / p->baud;

        outb(base + REG_LCR, LCR_DLAB | p->lcr);
        outb(base + REG_DATA, divisor);
        outb(base + REG_IER, divisor >> 8);
    }
    outb(base + REG_LCR, p->lcr);
    outb(base + REG_FCR, FCR_ENABLE);
    outb(base + REG_MCR, MCR_DTR_RTS);
    p->ready = true;
    return true;
}

/* Waits for room in the transmitter's queue, but not for ever: a line that is stuck must not stop
 * the host. */
static void wait_tx(const struct serial_port *p)
{
    for (unsigned int i = 0; i < 1000000 && !(inb(p->base + REG_LSR) & LSR_TX_EMPTY); i++)
        cpu_relax();
}

static void port_transmit(struct console_device *dev, const char *text, size_t n)
{
    const struct serial_port *p = container_of(dev, struct serial_port, console);
    unsigned int room = 0;

    while (n) {
        if (room < 2) {
            wait_tx(p);
            room = TX_QUEUE;
        }
        if (*text == '\n') {
            outb(p->base + REG_DATA, '\r');
            room--;
        }
        outb(p->base + REG_DATA, *text++);
        room--;
        n--;
    }
}

static void port_receive(void *data)
{
    const struct serial_port *p = data;

    /* A queue's worth: a line that never ends must not hold the CPU. */
    for (unsigned int i = 0; i < TX_QUEUE && inb(p->base + REG_LSR) & LSR_DATA; i++)
        console_input(inb(p->base + REG_DATA));
    /* The line is an edge, and it stays up while anything waits: what is left would never be told of again. */
    if (inb(p->base + REG_LSR) & LSR_DATA) {
        outb(p->base + REG_IER, 0);
        outb(p->base + REG_IER, IER_RX);
    }
}

void __init serial_input_init(void)
{
    for (struct serial_port *p = ports; p < ports + ARRAY_SIZE(ports); p++)
        if (p->ready && p->irq && irq_request(p->irq, port_receive, p) == 0)
            outb(p->base + REG_IER, IER_RX);
}

void __init serial_register(void)
{
    console_register(&ports[0].console);
    console_register(&ports[1].console);
}

static int __init com1_parse(const char *s) { return port_parse(&ports[0], s); }
static int __init com2_parse(const char *s) { return port_parse(&ports[1], s); }
BOOT_PARAM_CUSTOM("com1", com1, com1_parse);
BOOT_PARAM_CUSTOM("com2", com2, com2_parse);

unsigned int serial_io_base(unsigned int n)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(ports); i++)
        if (ports[i].ready && n-- == 0)
            return ports[i].base;
    return 0;
}
