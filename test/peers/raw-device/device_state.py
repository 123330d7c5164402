"""One device of the fleet: its registration, its observation, its one outstanding confirmable message."""

import argparse
import os
import random
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from wire import coap
from wire.lines import Lines
from resources import answer

COUNTERS = (
    "sent",  # numbers put on the wire, each counted once
    "acknowledged",  # numbers whose ACK came, late ones included
    "acknowledgedLate",  # of these: after the number had been given up
    "retransmissions",  # of notifications
    "resets",
    "gaveUp",
    "duplicateAcks",
)

# How many finished message ids a device remembers, to tell late and repeated ACKs from strangers.
REMEMBERED_MIDS = 256
# Requests answered lately: a retransmission gets the same answer (RFC 7252 §4.5). Compared as a whole, because a
# server that was killed and started again may use a message id anew at once.
REMEMBERED_ANSWERS = 64
RETRY_SECONDS = 2.0
# The separate response to an acknowledged request (RFC 7252 §5.2.2) is awaited this long.
RESPONSE_SECONDS = 60.0
# The part of the lifetime after which the registration is updated.
UPDATE_AFTER = 0.7


class Timer:
    """A timer of the fleet's clock; cancelling it forgets what it would have done."""

    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        self.action = None


@dataclass
class Outstanding:
    """The one confirmable message under way. `number` is set for notifications only."""

    kind: str
    mid: int
    token: bytes
    datagram: bytes
    timeout_seconds: float
    number: int | None = None
    attempt: int = 0
    timer: Timer | None = None

    def stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Device:
    def __init__(
        self, name: str, sock: socket.socket, clock: Any, lines: Lines, counters: dict[str, int], options: argparse.Namespace
    ) -> None:
        self.name, self.sock, self.clock, self.lines = name, sock, clock, lines
        self.counters, self.options = counters, options
        self.location: list[bytes] | None = None
        self.observation: tuple[bytes, int | None, str] | None = None  # token, accept, path
        self.next_number = options.first
        self.value = options.first - 1  # what a read answers: the newest number sent
        self.observe_sequence = 1
        self.outstanding: Outstanding | None = None
        self.mid = random.randrange(0x10000)
        self.done = False
        self.notifying = True
        self._wanted = "register"
        self._next_due = 0.0
        self._update_due: float | None = None
        self._wake: Timer | None = None
        self._finished: dict[int, tuple[int, str]] = {}  # mid -> (number, outcome)
        self._answers: dict[bytes, bytes] = {}  # request as it came -> answer

    # --- what to do next -------------------------------------------------------------------------------------

    def register(self) -> None:
        self._wanted = "register"
        self._proceed()

    def deregister(self) -> None:
        o = self.outstanding
        self._drop_outstanding()
        if o is not None and o.number is not None:
            self._finished[o.mid] = (o.number, "pending")  # its ACK may still come, and then counts
        if self.location is not None:
            self._wanted = "deregister"
            self._proceed()

    def stop_notifying(self) -> None:
        self.notifying = False

    def awaits_acknowledgement(self) -> bool:
        return self.outstanding is not None and self.outstanding.number is not None

    def _proceed(self) -> None:
        """Sends what is due, or sleeps until something is. Called whenever the one slot becomes free."""
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        if self.outstanding is not None:
            return
        now = self.clock.now()
        if self._wanted:
            wanted, self._wanted = self._wanted, ""
            self._send_registration(wanted)
        elif self._update_due is not None and self._update_due <= now:
            self._send_registration("update")
        elif self._may_notify() and self._next_due <= now:
            self._notify()
        else:
            due = [t for t in (self._update_due, self._next_due if self._may_notify() else None) if t is not None]
            if due:
                self._wake = self.clock.after(max(0.0, min(due) - now), self._proceed)

    def _may_notify(self) -> bool:
        return self.notifying and not self.done and self.observation is not None and self.location is not None

    def _later(self, wanted: str, seconds: float) -> None:
        self._update_due = None
        self.clock.after(seconds, lambda: self._want(wanted))

    def _want(self, wanted: str) -> None:
        self._wanted = wanted
        self._proceed()

    # --- sending ---------------------------------------------------------------------------------------------

    def _next_mid(self) -> int:
        self.mid = (self.mid + 1) & 0xFFFF
        return self.mid

    def _send_registration(self, kind: str) -> None:
        options: list[tuple[int, bytes]]
        payload = b""
        if kind == "register":
            # A new registration knows no observation. Dropped here, not at the answer: when that one is lost, the
            # server's Observe may come before it.
            self.observation = None
            self._answers.clear()
            query = [f"ep={self.name}", f"lt={self.options.lifetime}", "lwm2m=1.0", "b=U"]
            options = [(coap.URI_PATH, b"rd"), (coap.CONTENT_FORMAT, coap.uint(coap.LINK_FORMAT))]
            options += [(coap.URI_QUERY, part.encode()) for part in query]
            payload = b'</>;rt="oma.lwm2m",</1/0>,</3/0>,</3303/0>'
        else:
            options = [(coap.URI_PATH, part) for part in self.location or []]
        code = coap.DELETE if kind == "deregister" else coap.POST
        self._send_confirmable(kind, coap.Message(coap.CON, code, self._next_mid(), os.urandom(4), options, payload))

    def _notify(self) -> None:
        assert self.observation is not None
        token, accept, path = self.observation
        number = self.next_number
        self.value, self.next_number = number, number + 1
        self.observe_sequence = (self.observe_sequence + 1) & 0xFFFFFF
        content = answer(self, path, accept)
        options = [(coap.OBSERVE, coap.uint(self.observe_sequence)), (coap.CONTENT_FORMAT, coap.uint(content.content_format))]
        message = coap.Message(coap.CON, coap.code_of("2.05"), self._next_mid(), token, options, content.payload)
        self.counters["sent"] += 1
        self._next_due = self.clock.now() + 1 / self.options.rate
        self._send_confirmable("notify", message, number)

    def _send_confirmable(self, kind: str, message: coap.Message, number: int | None = None) -> None:
        # RFC 7252 §4.2: the first timeout lies between ACK_TIMEOUT and ACK_TIMEOUT * ACK_RANDOM_FACTOR (1.5).
        timeout = self.options.ack_timeout_ms / 1000 * random.uniform(1.0, 1.5)
        self._finished.pop(message.mid, None)  # the id is used anew: its old outcome no longer counts
        self.outstanding = Outstanding(kind, message.mid, message.token, coap.encode(message), timeout, number)
        self._transmit(self.outstanding)

    def _transmit(self, o: Outstanding) -> None:
        self._send(o.datagram)
        o.timer = self.clock.after(o.timeout_seconds, lambda: self._timed_out(o))

    def _send(self, datagram: bytes) -> None:
        try:
            self.sock.send(datagram)
        except OSError:
            pass  # server away (ICMP) or buffer full: as lost as any datagram, the retransmission sees to it

    def _timed_out(self, o: Outstanding) -> None:
        if o.attempt < self.options.max_retransmit:
            o.attempt += 1
            o.timeout_seconds *= 2
            if o.number is not None:
                self.counters["retransmissions"] += 1
            self._transmit(o)
            return
        self.outstanding = None
        if o.number is not None:
            self.counters["gaveUp"] += 1
            self.lines.add("gaveUp", ep=self.name, value=o.number)
            self._finish(o, "gaveUp")
        else:
            self._registration_failed(o.kind, "timeout", RETRY_SECONDS)
        self._proceed()

    def _drop_outstanding(self) -> None:
        if self.outstanding is not None:
            self.outstanding.stop_timer()
            self.outstanding = None

    # --- receiving -------------------------------------------------------------------------------------------

    def receive(self) -> None:
        while True:
            try:
                datagram = self.sock.recv(65536)
            except BlockingIOError:
                return
            except OSError:
                continue  # ICMP port unreachable: the server is away
            try:
                message = coap.decode(datagram)
            except ValueError:
                self.lines.add("malformed", ep=self.name, hex=datagram.hex())
                continue
            self._dispatch(message, datagram)

    def _dispatch(self, message: coap.Message, datagram: bytes) -> None:
        if message.type == coap.ACK:
            self._acknowledged(message)
        elif message.type == coap.RST:
            self._was_reset(message)
        elif message.is_request():
            self._request(message, datagram)
        elif message.is_response():
            self._separate_response(message)
        elif message.type == coap.CON and message.code == coap.EMPTY:
            self._send(coap.encode(coap.Message(coap.RST, coap.EMPTY, message.mid)))  # ping (RFC 7252 §4.3)

    def _acknowledged(self, message: coap.Message) -> None:
        o = self.outstanding
        if o is None or o.mid != message.mid:
            self._late_acknowledgement(message.mid)
            return
        o.stop_timer()
        if o.number is not None:
            self.outstanding = None
            self.counters["acknowledged"] += 1
            self.lines.add("acknowledged", ep=self.name, value=o.number)
            self._finish(o, "acknowledged")
        elif message.code == coap.EMPTY:
            o.timer = self.clock.after(RESPONSE_SECONDS, lambda: self._no_response(o))
        else:
            self.outstanding = None
            self._response(o.kind, message)
        self._proceed()

    def _late_acknowledgement(self, mid: int) -> None:
        number, outcome = self._finished.get(mid, (0, ""))
        if outcome in ("gaveUp", "pending"):
            # The server did promise, only late: the number must be in its topic, so it counts.
            self.counters["acknowledged"] += 1
            self.counters["acknowledgedLate"] += outcome == "gaveUp"
            self.lines.add("acknowledged", ep=self.name, value=number, late=True)
            self._finished[mid] = (number, "acknowledged")
        elif outcome == "acknowledged":
            self.counters["duplicateAcks"] += 1

    def _was_reset(self, message: coap.Message) -> None:
        o = self.outstanding
        if o is None or o.mid != message.mid:
            return
        self._drop_outstanding()
        if o.number is None:
            self._registration_failed(o.kind, "reset", RETRY_SECONDS)
        else:
            self.counters["resets"] += 1
            self.lines.add("reset", ep=self.name, value=o.number)
            self._finish(o, "reset")
            self.observation = None  # RFC 7641 §3.6: the server no longer wants this observation
        self._proceed()

    def _finish(self, o: Outstanding, outcome: str) -> None:
        assert o.number is not None
        self._finished[o.mid] = (o.number, outcome)
        if len(self._finished) > REMEMBERED_MIDS:
            self._finished.pop(next(iter(self._finished)))
        last = self.options.first + self.options.count - 1
        if self.options.count and o.number >= last and not self.done:
            self.done = True
            self.lines.add("done", ep=self.name, value=o.number)

    def _no_response(self, o: Outstanding) -> None:
        if self.outstanding is o:
            self.outstanding = None
            self._registration_failed(o.kind, "noResponse", RETRY_SECONDS)
            self._proceed()

    def _separate_response(self, message: coap.Message) -> None:
        o = self.outstanding
        known = o is not None and o.number is None and o.token == message.token
        if message.type == coap.CON:
            self._send(coap.encode(coap.Message(coap.ACK if known else coap.RST, coap.EMPTY, message.mid)))
        if known and o is not None:
            self._drop_outstanding()
            self._response(o.kind, message)
            self._proceed()

    # --- registration ----------------------------------------------------------------------------------------

    def _response(self, kind: str, message: coap.Message) -> None:
        code = coap.code_text(message.code)
        if kind == "register" and code == "2.01":
            self._registered([part for number, part in message.options if number == coap.LOCATION_PATH])
        elif kind == "update" and code == "2.04":
            self._update_due = self.clock.now() + self.options.lifetime * UPDATE_AFTER
            self.lines.add("updated", ep=self.name)
        elif kind == "update" and code == "4.04":
            self.location = None  # forgotten by the server: start anew
            self._registration_failed("register", code, 0)
        elif kind == "deregister":
            self.location = self._update_due = None
            self.lines.add("deregistered", ep=self.name, code=code)
        else:
            self._registration_failed(kind, code, message.number(coap.MAX_AGE) or RETRY_SECONDS)

    def _registered(self, location: list[bytes]) -> None:
        self.location = location
        self._update_due = self.clock.now() + self.options.lifetime * UPDATE_AFTER
        text = "/" + "/".join(part.decode() for part in location)
        self.lines.add("registered", ep=self.name, location=text, port=self.sock.getsockname()[1])
        if self.options.observe_wait > 0:
            self.clock.after(self.options.observe_wait, self._check_observed)

    def _check_observed(self) -> None:
        if self.observation is None:
            self.lines.add("notObserved", ep=self.name)

    def _registration_failed(self, kind: str, reason: str, retry_seconds: float) -> None:
        self.lines.add("registrationFailed", ep=self.name, kind=kind, reason=reason)
        if kind == "deregister":
            self.location = None
        else:
            self._later(kind, retry_seconds)

    # --- requests of the server ------------------------------------------------------------------------------

    def _request(self, message: coap.Message, datagram: bytes) -> None:
        repeated = self._answers.get(datagram)
        if repeated is not None:
            self._send(repeated)
            return
        content = answer(self, message.path(), message.number(coap.ACCEPT), message)
        options = [] if content.content_format is None else [(coap.CONTENT_FORMAT, coap.uint(content.content_format))]
        observe = message.number(coap.OBSERVE)
        if message.code == coap.GET and content.code == "2.05" and observe is not None:
            self._observe(message, observe, options)
        kind = coap.ACK if message.type == coap.CON else coap.NON
        mid = message.mid if kind == coap.ACK else self._next_mid()
        reply = coap.encode(coap.Message(kind, coap.code_of(content.code), mid, message.token, options, content.payload))
        self._answers[datagram] = reply
        if len(self._answers) > REMEMBERED_ANSWERS:
            self._answers.pop(next(iter(self._answers)))
        self._send(reply)
        self._proceed()

    def _observe(self, message: coap.Message, observe: int, options: list[tuple[int, bytes]]) -> None:
        """RFC 7641 §2: 0 registers, 1 cancels. A second observation replaces the first: each number has one account."""
        if observe == 0:
            self.observation = (message.token, message.number(coap.ACCEPT), message.path())
            options.append((coap.OBSERVE, coap.uint(self.observe_sequence)))
            self._next_due = self.clock.now() + random.random() / self.options.rate  # not all devices at once
            self.lines.add("observed", ep=self.name, path=message.path(), token=message.token.hex())
        elif self.observation is not None and self.observation[0] == message.token:
            self.observation = None
            self.lines.add("observeCancelled", ep=self.name, token=message.token.hex())
