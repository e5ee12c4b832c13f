#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills the store daemon at random moments, and just before and after it writes its journal, while guests work with
it, and starts it again: no guest may see a lost write, a wrong value, a torn message or a request without an answer.

    restarts.py --fakexen FILE --daemon FILE [--seconds N] [--seed N]"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from xsclient import (ERROR, INTRODUCE, MKDIR, READ, SET_PERMS, TX_END, TX_START, WATCH, WATCH_EVENT, WRITE,
                      Guest, Socket, set_domains)

GUESTS = range(1, 5)


class Worker(threading.Thread):
    """One guest. Sizes of values vary from nothing to more than the ring holds."""

    def __init__(self, directory, domid, seed):
        super().__init__(daemon=True)
        self.guest = Guest(directory, domid)
        self.random = random.Random(seed * 100 + domid)
        self.stop = False
        self.fault = None
        self.requests = self.retries = 0
        self.model = {}
        self.watched = 0

    def call(self, kind, payload, tx=0):
        """A request and its answer. An answer that came twice is dropped, as Linux does."""
        guest = self.guest
        req = guest.send(kind, payload, tx)
        self.requests += 1
        while True:
            msg = guest.receive(20)
            if msg is None:
                raise AssertionError(f"no answer to request {req} of type {kind}")
            if msg[0] > 22 or len(msg[3]) > 4096:
                raise AssertionError(f"torn message: {msg[:3]}")
            if msg[0] == WATCH_EVENT:
                self.watched += 1
            elif msg[1] == req:
                return msg[3].rstrip(b"\0").decode() if msg[0] == ERROR else msg[3]
            elif msg[1] > req:
                raise AssertionError(f"an answer to {msg[1]}, asked was {req}")

    def expect(self, answer, wanted, what):
        if answer != wanted:
            raise AssertionError(f"{what}: {answer[:60]!r} instead of {wanted[:60]!r}")

    def value(self):
        return bytes(self.random.choice(b"abcdef") for _ in range(self.random.choice((0, 5, 100, 900, 1900))))

    def write(self):
        key, value = b"data/k%d" % self.random.randrange(8), self.value()
        self.expect(self.call(WRITE, key + b"\0" + value), b"OK\0", "write")
        self.model[key] = value

    def read(self):
        key = b"data/k%d" % self.random.randrange(8)
        self.expect(self.call(READ, key + b"\0"), self.model.get(key, "ENOENT"), f"read of {key}")

    def transaction(self):
        """Adds one to a counter, again until it is done."""
        while True:
            tx = int(self.call(TX_START, b"\0").rstrip(b"\0"))
            old = self.call(READ, b"data/count\0", tx)
            number = 0 if old == "ENOENT" else int(old)
            self.expect(self.call(WRITE, b"data/count\0%d" % (number + 1), tx), b"OK\0", "write in transaction")
            end = self.call(TX_END, b"T\0", tx)
            if end == b"OK\0":
                break
            self.expect(end, "EAGAIN", "commit")
            self.retries += 1
        self.model[b"count"] = self.model.get(b"count", 0) + 1
        self.expect(self.call(READ, b"data/count\0"), b"%d" % self.model[b"count"], "count")

    def run(self):
        try:
            self.expect(self.call(WATCH, b"data\0token\0"), b"OK\0", "watch")
            while not self.stop:
                self.random.choice((self.write, self.read, self.transaction))()
            self.watched = 0
            self.call(WRITE, b"data/last\0v")
            self.call(READ, b"data/last\0")
            if not self.watched:
                raise AssertionError("the watch is gone")
        except Exception as e:  # pylint: disable=broad-except
            self.fault = f"guest {self.guest.domid}: {type(e).__name__} {e}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fakexen", required=True)
    parser.add_argument("--daemon", required=True)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    directory = tempfile.mkdtemp(prefix="restarts-")
    os.mkdir(directory + "/run")
    with open(directory + "/ring-0", "wb") as f:
        f.write(bytes(4096))
    with open(directory + "/xsd_port", "w", encoding="ascii") as f:
        f.write("3")
    set_domains(directory, {0: "-", **{domid: "-" for domid in GUESTS}})
    env = dict(os.environ, FAKEXEN_DIR=directory, XENSTORED_RUNDIR=directory + "/run", LD_PRELOAD=options.fakexen)

    def start():
        return subprocess.Popen([options.daemon, "-N"], env=env, stderr=subprocess.DEVNULL)

    def died(seconds):
        try:
            daemon.wait(seconds)
            return True
        except subprocess.TimeoutExpired:
            return False

    daemon = start()
    workers = [Worker(directory, domid, options.seed) for domid in GUESTS]
    while not os.path.exists(directory + "/run/socket"):
        time.sleep(0.01)
    admin = Socket(directory + "/run/socket")
    for domid in GUESTS:
        home = b"/local/domain/%d/data\0" % domid
        for kind, payload in ((INTRODUCE, b"%d\x001\x001\0" % domid), (MKDIR, home), (SET_PERMS, home + b"n%d\0" % domid)):
            admin.call(kind, payload)
    for worker in workers:
        worker.start()
    kills = deaths = 0
    env["FAKEXEN_DIE"] = "400"
    end = time.time() + options.seconds
    while time.time() < end and not any(worker.fault for worker in workers):
        if died(chance.uniform(0.005, 0.15)):
            deaths += 1
        else:
            daemon.kill()
            daemon.wait()
            kills += 1
        daemon = start()
    daemon.kill()
    daemon.wait()
    del env["FAKEXEN_DIE"]
    daemon = start()
    for worker in workers:
        worker.stop = True
    for worker in workers:
        worker.join(60)
    faults = [worker.fault or f"guest {worker.guest.domid} hangs" for worker in workers if worker.fault or worker.is_alive()]
    daemon.kill()
    daemon.wait()
    shutil.rmtree(directory)
    print(f"restarts: {kills} kills, {deaths} at the journal, {sum(w.requests for w in workers)} requests, "
          f"{sum(w.retries for w in workers)} transactions done again, {len(faults)} faults")
    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
