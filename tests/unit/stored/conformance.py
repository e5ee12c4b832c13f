#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Asks two store daemons the same and compares every byte of their answers: Debian's xenstored 4.17 is the oracle,
orlop-stored the one on trial. Both run on this machine over a Xen made of files (fakexen.c), with dom0's clients on the
socket and guests on rings.

    conformance.py --fakexen FILE --daemon FILE [--oracle FILE] [--show]

Ends with 0 if all differences are known ones (KNOWN below, with reasons)."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from xsclient import (CONTROL, DIRECTORY, DIRECTORY_PART, ERROR, GET_DOMAIN_PATH, GET_PERMS, INTRODUCE, IS_INTRODUCED,
                      MKDIR, READ, RELEASE, RESET_WATCHES, RESUME, RM, SET_PERMS, SET_TARGET, TX_END, TX_START, UNWATCH,
                      WATCH, WATCH_EVENT, WRITE, Guest, Socket, set_domains, virq)

NAMES = {value: name for name, value in list(globals().items()) if name.isupper() and isinstance(value, int)}

# (pattern on the request's line, why the answers may differ)
KNOWN = [
    (r"READ ''$", "an empty payload is no path: EINVAL; xenstored looks at memory behind it"),
    (r"features", "orlop-stored offers reconnection and error indication on guests' rings"),
    (r"CONTROL 'help", "other commands"),
    (r"CONTROL 'quota'", "other quotas"),
    (r"READ '/c/x' in t.* snapshot", "a transaction sees the store of its first use, not of each first look"),
    (r"GET_PERMS '/ro'.*after death", "permissions of a dead domain are taken back at once, not at its number's next use"),
]


class Daemon:
    """One daemon on a fake Xen of its own."""

    def __init__(self, program, fakexen):
        self.dir = tempfile.mkdtemp(prefix="conformance-")
        os.mkdir(self.dir + "/run")
        with open(self.dir + "/ring-0", "wb") as f:
            f.write(bytes(4096))
        with open(self.dir + "/xsd_port", "w", encoding="ascii") as f:
            f.write("3")
        self.domains({})
        env = dict(os.environ, FAKEXEN_DIR=self.dir, XENSTORED_RUNDIR=self.dir + "/run", LD_PRELOAD=fakexen)
        self.process = subprocess.Popen([program, "-N"], env=env, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.socket = self.dir + "/run/socket"
        for _ in range(100):
            if os.path.exists(self.socket):
                break
            time.sleep(0.05)

    def domains(self, domains):
        set_domains(self.dir, {0: "-", **domains})

    def end(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir)


class Session:
    """The clients of one daemon and the transcript of what they were told."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.clients = {"a": Socket(daemon.socket), "b": Socket(daemon.socket)}
        self.transcript = []

    def guest(self, name, domid):
        self.clients[name] = Guest(self.daemon.dir, domid)
        return self.clients[name]

    def note(self, what, answer):
        self.transcript.append((what, answer))

    def events(self):
        """What each client has been told by now: an answer to a harmless request comes after all of it."""
        told = {}
        for name, client in self.clients.items():
            if client.served:
                client.call(GET_DOMAIN_PATH, b"1\0")
                if client.events:
                    told[name] = client.events
                    client.events = []
        return told

    def ask(self, who, kind, payload, tx=0, say=""):
        answer = self.clients[who].call(kind, payload, tx)
        if kind == DIRECTORY and isinstance(answer, bytes):
            answer = sorted(answer.split(b"\0"))  # the order of children is not promised
        if kind == DIRECTORY_PART and isinstance(answer, bytes):
            answer = answer.split(b"\0", 1)[1:]  # generations are any numbers
        text = payload.decode("latin1").rstrip("\0").replace("\0", "|")
        line = f"{who} {NAMES.get(kind, kind)} {text[:60]!r}{' in t' if tx else ''}{' ' + say if say else ''}"
        self.note(line, (answer, self.events()))
        return answer

    def start(self, who):
        answer = self.clients[who].call(TX_START, b"\0")
        return int(answer.rstrip(b"\0")) if isinstance(answer, bytes) else 0


def prepare(s):
    """Guest 5 with the directories that a toolstack makes."""
    s.daemon.domains({5: "-", 6: "-"})
    g = s.guest("g", 5)
    g.served = False
    s.ask("a", INTRODUCE, b"5\x00123\x007\0")
    g.served = True
    s.note("features of the ring", g.word(2064))
    for kind, payload in ((MKDIR, b"/local/domain/5\0"), (SET_PERMS, b"/local/domain/5\0n0\0r5\0"),
                          (MKDIR, b"/local/domain/5/data\0"), (SET_PERMS, b"/local/domain/5/data\0n5\0")):
        s.ask("a", kind, payload)


def nodes(s, who):
    """Paths, values, permissions, removal: the same requests from dom0 and from a guest."""
    home = b"/local/domain/5"
    for path in (b"/", b"/nope", b"", b"\0", b"rel", b"data", b"/local//domain", b"/local/", b"/lo$al", home + b"/nope",
                 home + b"/data/nope", b"/" + b"a" * 2047, b"/" + b"a" * 2048, b"/" + b"a" * 3070, b"a" * 2048,
                 b"a" * 2049, b"@releaseDomain", b"@foo"):
        s.ask(who, READ, path + (b"\0" if path not in (b"", b"/nope") else b""))
    for payload in (home + b"/data/x\0val", home + b"/y\0val", b"/foo/y\0val", b"/noval\0", b"/nosep",
                    b"data/a/b/c\0\0\1\2"):
        s.ask(who, WRITE, payload)
        s.ask(who, READ, payload.split(b"\0")[0] + b"\0")
        s.ask(who, GET_PERMS, payload.split(b"\0")[0] + b"\0")
    s.ask(who, DIRECTORY, home + b"/data\0")
    for path in (home + b"/data/x", b"/", b"/new", b"data/new"):
        s.ask(who, MKDIR, path + b"\0")
    s.ask(who, READ, home + b"/data/x\0")
    for path in (b"/", b"/nope", b"/nope/nope", home + b"/data/nope", home + b"/data/nope/nope", home + b"/data/x"):
        s.ask(who, RM, path + b"\0")
    if who == "g":
        s.ask(who, RM, home + b"\0")
    for path in (home + b"/data", home, b"@releaseDomain", b"@foo"):
        s.ask(who, GET_PERMS, path + b"\0")
    for perms in (b"", b"x5\0", b"n5", b"n5\0r6\0w0\0b6\0", b"n5\0r6\0junk\0", b"n5\0r6zz\0", b"n6\0", b"n5\0r99\0",
                  b"n5\0" + b"r6\0" * 4, b"n5\0" + b"r6\0" * 5, b"n5\0r65536\0", b"n5\0r-1\0", b"n5\0r\0", b"n5\0"):
        s.ask(who, SET_PERMS, home + b"/data\0" + perms)
        s.ask("a", GET_PERMS, home + b"/data\0")
    s.ask("a", SET_PERMS, home + b"/data\0n5\0")
    s.ask(who, SET_PERMS, b"/nope/data\0n5\0")
    for part in (b"/local\x000\0", b"/local\x002\0", b"/local\x009999\0", b"/local\0", b"/nope\x000\0"):
        s.ask(who, DIRECTORY_PART, part)


def administration(s, who):
    """Requests about domains and about the daemon."""
    for domid in (b"5\0", b"005\0", b"abc\0", b"7", b"", b"70000\0"):
        s.ask(who, GET_DOMAIN_PATH, domid)
    for domid in (b"5\0", b"6\0", b"0\0", b"99\0", b"\0", b""):
        s.ask(who, IS_INTRODUCED, domid)
    s.ask(who, RESUME, b"5\0")
    s.ask(who, RESUME, b"6\0")
    s.ask(who, RELEASE, b"6\0")
    s.ask(who, RELEASE, b"x\0")
    for pair in (b"6\x005\0", b"5\x006\0", b"5\0"):
        s.ask(who, SET_TARGET, pair)
    for payload in (b"99\x001\x001\0", b"6\x001\0", b"7\x001\x001\0"):
        s.ask(who, INTRODUCE, payload)
    for payload in (b"help\0", b"foo\0", b"check\0", b"log\0on\0", b"log\0off\0", b"log\0foo\0", b"log\0", b"quota\0",
                    b"quota\0set\0nodes\x001000\0", b"quota\0set\0no\x001\0", b"print\0hi\0", b""):
        s.ask(who, CONTROL, payload)
    for kind in (WATCH_EVENT, ERROR, 20, 23, 99, 0xffff):
        s.ask(who, kind, b"5\0")


def watches(s):
    """Making and removing watches, who is told what, and in which order."""
    for payload in (b"/w\0t1\0", b"/w\0t1\0", b"/w\0t2\0", b"/w/x/y\0t3\0", b"/w\0", b"/w\0t", b"bad//\0t\0",
                    b"/w\0t4\0extra\0", b"rel\0trel\0", b"/\0troot\0", b"@introduceDomain\0ti\0", b"@foo\0tf\0"):
        s.ask("b", WATCH, payload)
    for payload in (b"/\0troot\0", b"/\0troot\0", b"/w\0t4\0", b"/w\0"):
        s.ask("b", UNWATCH, payload)
    for kind, payload in ((WRITE, b"/w/x/y/z\0v"), (WRITE, b"/w/x/y/z\0v"), (MKDIR, b"/w/x/y/z\0"), (MKDIR, b"/w/x/q\0"),
                          (SET_PERMS, b"/w/x\0n0\0"), (RM, b"/w/x/y/nope\0"), (RM, b"/w\0"), (WRITE, b"rel/z\0v")):
        s.ask("a", kind, payload)
    s.ask("b", WRITE, b"/w/x\0v")
    home = b"/local/domain/5"
    s.ask("g", WATCH, b"/w\0gt\0")
    s.ask("a", WRITE, b"/w/x\0v")
    s.ask("g", WATCH, b"data\0gd\0")
    for kind, payload in ((WRITE, home + b"/data/q\0v"), (SET_PERMS, home + b"/data/q\0n0\0"),
                          (WRITE, home + b"/data/q\0v"), (WRITE, home + b"/data/q/r\0v"), (RM, home + b"/data/q\0")):
        s.ask("a", kind, payload)
    s.ask("g", WATCH, home + b"/data\0ga\0")
    s.ask("g", WRITE, b"data/k\0v")
    s.ask("g", RM, b"data\0")
    s.ask("g", WATCH, b"@releaseDomain\0gr\0")
    s.guest("h", 6).served = False
    s.ask("a", INTRODUCE, b"6\x00123\x007\0")
    s.ask("a", RELEASE, b"6\0")
    for who in ("b", "g"):
        s.ask(who, RESET_WATCHES, b"\0")
    s.ask("a", WRITE, b"/w/x\0v")


def conflict(s, inside, outside):
    """One request in a transaction, another meanwhile: does the transaction fail?"""
    a, b = s.clients["a"], s.clients["b"]
    a.call(RM, b"/c\0")
    a.call(WRITE, b"/c/x\x001")
    a.call(WRITE, b"/c/y\x001")
    tx = s.start("a")
    answers = [a.call(*inside, tx), b.call(*outside), a.call(TX_END, b"T\0", tx)]
    s.note(f"conflict of {NAMES[inside[0]]} {inside[1]!r} with {NAMES[outside[0]]} {outside[1]!r}", answers)


def transactions(s):
    """What transactions see, what conflicts with them, what watchers hear of them."""
    for kind, payload in ((TX_END, b"T\0"), (TX_END, b"F\0")):
        s.ask("a", kind, payload)
        s.ask("a", kind, payload, tx=77)
    for kind, payload in ((READ, b"/tool\0"), (WATCH, b"/n\0n\0"), (TX_START, b"\0"), (INTRODUCE, b""),
                          (GET_DOMAIN_PATH, b"5\0"), (CONTROL, b"check\0")):
        s.ask("a", kind, payload, tx=77)
    tx = s.start("a")
    for who, kind, payload in (("a", TX_START, b"\0"), ("a", WRITE, b"/t/1\0v"), ("a", READ, b"/t/1\0"),
                               ("b", READ, b"/tool\0"), ("a", TX_END, b"X\0"), ("a", TX_END, b"T")):
        s.ask(who, kind, payload, tx=tx)
    s.ask("b", READ, b"/t/1\0")
    s.ask("a", TX_END, b"T\0", tx=tx)
    s.ask("b", READ, b"/t/1\0")

    def write(path):
        return (WRITE, path + b"\0v")

    for inside, outside in (
            ((READ, b"/c/x\0"), write(b"/c/x")), (write(b"/c/x"), write(b"/c/x")), ((READ, b"/c/x\0"), write(b"/c/y")),
            (write(b"/c/x"), write(b"/c/y")), (write(b"/c/a"), write(b"/c/b")), ((READ, b"/c\0"), write(b"/c/b")),
            ((DIRECTORY, b"/c\0"), write(b"/c/x")), ((READ, b"/c/z\0"), write(b"/c/z")),
            ((READ, b"/c/z\0"), write(b"/c/b")), ((RM, b"/c/x\0"), write(b"/c/x")), ((RM, b"/c/x\0"), write(b"/c/y")),
            ((RM, b"/c/x\0"), (RM, b"/c/y\0")), ((RM, b"/c\0"), write(b"/c/x")), ((READ, b"/c/x\0"), (RM, b"/c\0")),
            ((GET_PERMS, b"/c/x\0"), (SET_PERMS, b"/c/x\0n0\0")), ((MKDIR, b"/c/x\0"), write(b"/c/x")),
            ((READ, b"/c/x\0"), (WRITE, b"/c/x\x001")), ((RM, b"/c/z\0"), write(b"/c/z")),
            (write(b"/c/d/e/f"), write(b"/c/x")), (write(b"/c/d/e/f"), write(b"/c/d/g")),
            ((READ, b"/c/x\0"), (READ, b"/c/x\0"))):
        conflict(s, inside, outside)

    s.ask("b", WATCH, b"/tw\0tw\0")
    tx = s.start("a")
    for kind, payload in ((WRITE, b"/tw/b\0v"), (WRITE, b"/tw/a\0v"), (WRITE, b"/tw/b\0v2"), (WRITE, b"/tw/c\0v"),
                          (RM, b"/tw/c\0"), (TX_END, b"T\0")):
        s.ask("a", kind, payload, tx=tx)
    tx = s.start("a")
    s.ask("a", RM, b"/tw\0", tx=tx)
    s.ask("a", TX_END, b"F\0", tx=tx)
    s.ask("a", DIRECTORY, b"/tw\0")
    s.note("transactions a guest may open", sum(1 for _ in range(20) if s.start("g")))
    s.ask("g", RESET_WATCHES, b"\0")
    s.note("after a reset", s.start("g") > 0)


def limits(s):
    """Sizes at which a guest is refused."""
    s.ask("a", MKDIR, b"/local/domain/5/data\0")
    s.ask("a", SET_PERMS, b"/local/domain/5/data\0n5\0")
    for size in (1900, 2000, 2014, 2015, 2016, 2017, 2018, 2019, 2020, 2021, 2022, 2023, 2024, 2025, 2030, 2048, 4000):
        s.ask("g", WRITE, b"data/s\0" + b"v" * size, say=str(size))
    s.ask("a", WRITE, b"/s\0" + b"v" * 4090)
    for i in range(9):
        s.clients["a"].call(MKDIR, b"/big/%d" % i + b"b" * 500 + b"\0")
    s.ask("a", DIRECTORY, b"/big\0")
    s.ask("a", DIRECTORY_PART, b"/big\x004512\0")


def targets_and_death(s):
    """A domain that acts for another; shutdown and death, and what is left of the dead."""
    s.ask("a", INTRODUCE, b"6\x00123\x007\0")
    for kind, payload in ((WRITE, b"/local/domain/6/data\0x"), (SET_PERMS, b"/local/domain/6/data\0n6\0"),
                          (WRITE, b"/local/domain/6/r\0x"), (SET_PERMS, b"/local/domain/6/r\0n0\0r6\0")):
        s.ask("a", kind, payload)
    s.ask("g", READ, b"/local/domain/6/data\0")
    s.ask("a", SET_TARGET, b"5\x006\0")
    for kind, payload in ((READ, b"/local/domain/6/data\0"), (WRITE, b"/local/domain/6/data/n\0x"),
                          (READ, b"/local/domain/6/r\0"), (WRITE, b"/local/domain/6/r\0x"),
                          (SET_PERMS, b"/local/domain/6/data\0n5\0"), (SET_PERMS, b"/local/domain/6/data\0n6\0r0\0"),
                          (WATCH, b"/local/domain/6\0w6\0")):
        s.ask("g", kind, payload)
    s.ask("a", GET_PERMS, b"/local/domain/6/data/n\0")
    s.ask("a", WRITE, b"/local/domain/6/data\0y")

    for payload in (b"/other\0v", b"/other/kid\0v", b"/ro\0v"):
        s.ask("a", WRITE, payload)
    s.ask("a", SET_PERMS, b"/other\0n5\0")
    s.ask("a", SET_PERMS, b"/ro\0n0\0r5\0r6\0")
    s.ask("a", WATCH, b"@releaseDomain\0rel\0")
    for flags in ("s", "s", "d", None):
        s.daemon.domains({6: "-"} if flags is None else {5: flags, 6: "-"})
        if flags == "d":
            s.clients["g"].served = False
        virq(s.daemon.dir)
        time.sleep(0.2)
        s.ask("a", IS_INTRODUCED, b"5\0", say=f"state {flags}")
    for kind, path in ((READ, b"/local/domain/5/data\0"), (DIRECTORY, b"/local/domain/5\0"), (GET_PERMS, b"/other\0"),
                       (READ, b"/other/kid\0"), (GET_PERMS, b"/ro\0"), (DIRECTORY, b"/local/domain\0")):
        s.ask("a", kind, path, say="after death")


def run(program, fakexen):
    """The transcript of one daemon."""
    daemon = Daemon(program, fakexen)
    try:
        s = Session(daemon)
        prepare(s)
        for who in ("a", "g"):
            nodes(s, who)
            administration(s, who)
        watches(s)
        transactions(s)
        limits(s)
        targets_and_death(s)
        return s.transcript
    finally:
        daemon.end()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fakexen", required=True)
    parser.add_argument("--daemon", required=True)
    parser.add_argument("--oracle", default="/usr/lib/xen-4.17/bin/xenstored")
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    if not os.path.exists(options.oracle):
        sys.exit(f"conformance: no {options.oracle}: run scripts/deps.sh xen-oracle")
    ours = run(options.daemon, options.fakexen)
    theirs = run(options.oracle, options.fakexen)
    differ = known = 0
    if [what for what, _ in ours] != [what for what, _ in theirs]:
        sys.exit("conformance: the two runs did not ask the same")
    for (what, our), (_, their) in zip(ours, theirs):
        if options.show:
            print(what, our)
        if our == their:
            continue
        reason = next((reason for pattern, reason in KNOWN if re.search(pattern, what)), None)
        if reason:
            known += 1
            continue
        differ += 1
        print(f"{what}\n    xenstored:    {their}\n    orlop-stored: {our}")
    print(f"conformance: {len(ours)} answers, {differ} differ, {known} known differences")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
