#!/usr/bin/env python3
"""The loss accountant: M small LwM2M devices, each on its own socket, that number their notifications.

Each device registers, waits to be observed on /3303/0/5700, then sends the numbers 1, 2, 3, … as confirmable
notifications, one outstanding at a time (NSTART = 1, RFC 7252 §4.7), each retransmitted as RFC 7252 §4.2 says.
The next number is due one interval after the previous one was sent, and never before that one was acknowledged,
reset or given up. A number is reported as acknowledged only when an ACK with its message id came from the server.

Events (JSON lines): registered, updated, registrationFailed, observed, observeCancelled, notObserved, acknowledged,
reset, gaveUp, done (one device sent --count numbers), allDone, executed, written, and at the end `summary`.
"""

import argparse
import heapq
import itertools
import os
import random
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from wire.lines import Lines, when_stdin_ends  # noqa: E402
from device_state import COUNTERS, Device, Timer  # noqa: E402


class Clock:
    """Timers of all devices in one heap; a cancelled timer is skipped when its time comes."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()

    def now(self) -> float:
        return time.monotonic()

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        timer = Timer(action)
        heapq.heappush(self._heap, (self.now() + seconds, next(self._order), timer))
        return timer

    def run_due(self) -> float:
        """Runs what is due; returns seconds until the next timer, at most 1."""
        while self._heap and self._heap[0][0] <= self.now():
            action = heapq.heappop(self._heap)[2].action
            if action is not None:
                action()
        return min(1.0, max(0.0, self._heap[0][0] - self.now())) if self._heap else 1.0


class Fleet:
    def __init__(self, options: argparse.Namespace, lines: Lines) -> None:
        self.lines = lines
        self.options = options
        self.clock = Clock()
        self.counters = dict.fromkeys(COUNTERS, 0)
        self.selector = selectors.DefaultSelector()
        self.stopping = False
        self.wake_read, self.wake_write = os.pipe()
        os.set_blocking(self.wake_read, False)
        os.set_blocking(self.wake_write, False)
        self.selector.register(self.wake_read, selectors.EVENT_READ, None)
        self.devices = [self._device(index) for index in range(options.devices)]

    def _device(self, index: int) -> Device:
        sock = self._socket(self.options.server)
        name = self.options.prefix if self.options.exact_name else f"{self.options.prefix}{index}"
        device = Device(name, sock, self.clock, self.lines, self.counters, self.options)
        self.selector.register(sock, selectors.EVENT_READ, device)
        # Spread over time: a fleet switched on at once would measure the socket buffer, not the server.
        self.clock.after(index / self.options.register_per_second, device.register)
        return device

    def _socket(self, server: tuple[str, int]) -> socket.socket:
        family, kind, protocol, _, address = socket.getaddrinfo(*server, type=socket.SOCK_DGRAM)[0]
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        sock.connect(address)  # datagrams of strangers never arrive
        return sock

    def request_stop(self) -> None:
        """Safe from a signal handler and from another thread."""
        self.stopping = True
        os.write(self.wake_write, b"x")

    def run(self) -> None:
        announced = False
        while not self.stopping:
            self._round(self.clock.run_due())
            if not announced and all(device.done for device in self.devices):
                announced = True
                self.lines.add("allDone", **self.counters)
        self._wind_down()
        self.lines.say("summary", devices=len(self.devices), pending=self._without_outcome(), **self.counters)

    def _without_outcome(self) -> int:
        """Numbers sent that were neither acknowledged in time nor reset nor given up."""
        c = self.counters
        return c["sent"] - (c["acknowledged"] - c["acknowledgedLate"]) - c["gaveUp"] - c["resets"]

    def _wind_down(self) -> None:
        """Waits a little for the ACKs still under way, then de-registers, then stops for good."""
        for device in self.devices:
            device.stop_notifying()
        self._until(lambda: self._pending() == 0, self.options.drain_ms / 1000)
        if self.options.deregister:
            for device in self.devices:
                device.deregister()
            self._until(lambda: all(device.location is None for device in self.devices), 2.0)

    def _until(self, condition: Callable[[], bool], seconds: float) -> None:
        deadline = self.clock.now() + seconds
        while not condition() and self.clock.now() < deadline:
            self._round(min(self.clock.run_due(), 0.05))

    def _pending(self) -> int:
        return sum(device.awaits_acknowledgement() for device in self.devices)

    def _round(self, timeout: float) -> None:
        self.lines.flush()
        for key, _ in self.selector.select(timeout):
            if key.data is None:
                os.read(self.wake_read, 4096)
            else:
                key.data.receive()
        self.lines.flush()


def address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def parse() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--server", type=address, required=True, help="host:port")
    p.add_argument("--devices", type=int, default=1)
    p.add_argument("--rate", type=float, default=1.0, help="notifications per second and device")
    p.add_argument("--count", type=int, default=0, help="numbers per device; 0 = no end")
    p.add_argument("--first", type=int, default=1, help="first number")
    p.add_argument("--prefix", default="raw-", help="endpoint names are <prefix>0, <prefix>1, …")
    p.add_argument("--exact-name", action="store_true", help="--prefix is the whole name of the only device")
    p.add_argument("--lifetime", type=int, default=60, help="registration lifetime in seconds")
    p.add_argument("--observe-wait", type=float, default=0, help="seconds after which notObserved is reported; 0 = never")
    p.add_argument("--register-per-second", type=float, default=200)
    p.add_argument("--ack-timeout-ms", type=int, default=2000, help="ACK_TIMEOUT of RFC 7252 §4.8")
    p.add_argument("--max-retransmit", type=int, default=4, help="MAX_RETRANSMIT of RFC 7252 §4.8")
    p.add_argument("--drain-ms", type=int, default=2000, help="at the end: longest wait for the last ACKs")
    p.add_argument("--no-deregister", dest="deregister", action="store_false")
    p.add_argument("--exit-with-stdin", action="store_true", help="stop when stdin ends")
    p.add_argument("--seed", type=int, default=None, help="of the random numbers, for a repeatable run")
    options = p.parse_args()
    if options.devices < 1 or options.rate <= 0 or (options.exact_name and options.devices != 1):
        p.error("--devices >= 1, --rate > 0; --exact-name goes with one device")
    return options


def main() -> None:
    options = parse()
    random.seed(options.seed)
    fleet = Fleet(options, Lines())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: fleet.request_stop())
    if options.exit_with_stdin:
        when_stdin_ends(fleet.request_stop)
    fleet.run()


if __name__ == "__main__":
    main()
