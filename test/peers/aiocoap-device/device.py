#!/usr/bin/env python3
"""An LwM2M device on aiocoap: it registers and serves from one socket, and numbers its notifications.

aiocoap has no public way to learn that a confirmable notification was acknowledged. Its message layer keeps one
exchange per confirmable message and removes it on ACK or RST, so this script wraps those two methods of that one
instance (`AckWatch`) and goes in lock-step: the next number is sent only when no exchange is left.

Events (JSON lines): listening, registered, updated, registrationFailed, deregistered, observed, observeEnded,
acknowledged {value}, reset {value}, gaveUp {value}, transportError, written, executed, attributes, summary.
"""

import argparse
import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

import aiocoap
from aiocoap import Code, Message
from aiocoap.numbers.constants import Reliable
from aiocoap.numbers.types import ACK, CON, RST

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from wire.lines import Lines, when_stdin_ends  # noqa: E402
from objects import Tree  # noqa: E402

UPDATE_AFTER = 0.7
RETRY_SECONDS = 2.0


class AckWatch:
    """Follows the notifications of one aiocoap message manager from first transmission to ACK, RST or give-up."""

    def __init__(self, manager: Any, lines: Lines, counters: dict[str, int]) -> None:
        self._under_way: dict[Any, Any] = {}  # (remote, message id) -> value
        self._manager, self._lines, self._counters = manager, lines, counters
        self.value: object = None
        self.changed = asyncio.Event()
        self._wrap("_add_exchange", self._added)
        self._wrap("_remove_exchange", self._removed)
        self._wrap("_retransmit", self._retransmitted)
        self._wrap("dispatch_error", self._failed)

    def _wrap(self, name: str, watch: Any) -> None:
        original = getattr(self._manager, name)

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            watch(*args)
            self.changed.set()
            return result

        setattr(self._manager, name, wrapped)

    def idle(self) -> bool:
        return not self._under_way and not self._manager._backlogs

    def _added(self, message: Any, *_: Any) -> None:
        # aiocoap numbers the answer to the Observe request 0 and the notifications from 1 on.
        if message.mtype is CON and message.code.is_response() and message.opt.observe:
            self._under_way[(message.remote, message.mid)] = self.value
            self._counters["sent"] += 1

    def _removed(self, message: Any) -> None:
        value = self._under_way.pop((message.remote, message.mid), None)
        if value is None:
            return
        outcome = "acknowledged" if message.mtype is ACK else "reset"
        assert message.mtype in (ACK, RST)
        self._counters["acknowledged" if outcome == "acknowledged" else "resets"] += 1
        self._lines.say(outcome, value=value)

    def _retransmitted(self, message: Any, *_: Any) -> None:
        key = (message.remote, message.mid)
        if key not in self._under_way:
            return
        if key in self._manager._active_exchanges:
            self._counters["retransmissions"] += 1
        else:
            self._give_up(key)

    def _failed(self, error: Any, remote: Any) -> None:
        """aiocoap ends every exchange and every observation of a peer when its port is reported closed (ICMP)."""
        for key in [key for key in self._under_way if key[0] == remote]:
            self._give_up(key)
        self._lines.say("transportError", reason=type(error).__name__)

    def _give_up(self, key: Any) -> None:
        self._counters["gaveUp"] += 1
        self._lines.say("gaveUp", value=self._under_way.pop(key))


class Device:
    def __init__(self, options: argparse.Namespace, lines: Lines) -> None:
        self.options, self.lines = options, lines
        self.counters = dict.fromkeys(("sent", "acknowledged", "retransmissions", "resets", "gaveUp"), 0)
        self.tree = Tree(lines, tuning=Reliable, first=options.first)
        self.location: list[str] | None = None
        self.context: Any = None

    async def run(self, stop: asyncio.Event) -> None:
        self.context = await aiocoap.Context.create_server_context(
            self.tree.site, bind=(self.options.address, self.options.port), transports=["udp6"]
        )
        watch = AckWatch(self.context.request_interfaces[0].token_interface, self.lines, self.counters)
        self.lines.say("listening", port=self.options.port)
        work = [asyncio.create_task(self._stay_registered()), asyncio.create_task(self._notify(watch))]
        await stop.wait()
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await self._deregister()
        await self.context.shutdown()
        settled = sum(self.counters[name] for name in ("acknowledged", "resets", "gaveUp"))
        self.lines.say("summary", pending=self.counters["sent"] - settled, **self.counters)

    async def _stay_registered(self) -> None:
        while True:
            try:
                if self.location is None:
                    await self._register()
                else:
                    await self._update()
                await asyncio.sleep(self.options.lifetime * UPDATE_AFTER)
            except aiocoap.error.Error as error:
                self.lines.say("registrationFailed", reason=type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)

    async def _request(self, code: Code, path: str, payload: bytes = b"", content_format: int | None = None) -> Message:
        uri = f"coap://{self.options.server}/{path}"
        message = Message(code=code, uri=uri, payload=payload, content_format=content_format)
        return await self.context.request(message).response

    async def _register(self) -> None:
        query = f"ep={self.options.endpoint}&lt={self.options.lifetime}&lwm2m=1.0&b=U"
        answer = await self._request(Code.POST, f"rd?{query}", self.tree.links().encode(), 40)
        if answer.code != Code.CREATED:
            raise Refused(answer)
        self.location = list(answer.opt.location_path)
        self.lines.say("registered", location="/" + "/".join(self.location), port=self.options.port)

    async def _update(self) -> None:
        answer = await self._request(Code.POST, "/".join(self.location or []))
        if answer.code != Code.CHANGED:
            self.location = None
            raise Refused(answer)
        self.lines.say("updated")

    async def _deregister(self) -> None:
        if self.location is None or not self.options.deregister:
            return
        try:
            answer = await asyncio.wait_for(self._request(Code.DELETE, "/".join(self.location)), 2)
            self.lines.say("deregistered", code=str(answer.code)[:4])
        except (aiocoap.error.Error, TimeoutError) as error:
            self.lines.say("registrationFailed", reason=type(error).__name__, kind="deregister")

    async def _notify(self, watch: AckWatch) -> None:
        """Lock-step: a number is sent when the one before was acknowledged, reset or given up."""
        value = self.options.first
        while not self.options.count or value < self.options.first + self.options.count:
            await asyncio.sleep(self.options.interval_ms / 1000)
            if not self.tree.sensor.observed():
                continue
            watch.value = value
            before = self.counters["sent"]
            self.tree.sensor.change(value)
            while self.counters["sent"] == before and self.tree.sensor.observed() or not watch.idle():
                watch.changed.clear()
                try:
                    await asyncio.wait_for(watch.changed.wait(), 0.1)
                except TimeoutError:
                    pass
            value += 1
        self.lines.say("done", value=value - 1)


class Refused(aiocoap.error.Error):
    def __init__(self, answer: Message) -> None:
        super().__init__(f"{answer.code}")


def parse() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--server", required=True, help="host:port")
    p.add_argument("--endpoint", required=True)
    p.add_argument("--address", default="127.0.0.1", help="own address")
    p.add_argument("--port", type=int, required=True, help="own port, for both roles")
    p.add_argument("--lifetime", type=int, default=60, help="registration lifetime in seconds")
    p.add_argument("--interval-ms", type=int, default=1000)
    p.add_argument("--count", type=int, default=0, help="numbers to send; 0 = no end")
    p.add_argument("--first", type=int, default=1)
    p.add_argument("--no-deregister", dest="deregister", action="store_false")
    p.add_argument("--exit-with-stdin", action="store_true", help="stop when stdin ends")
    return p.parse_args()


async def main() -> None:
    options = parse()
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if options.exit_with_stdin:
        when_stdin_ends(lambda: loop.call_soon_threadsafe(stop.set))
    await Device(options, Lines()).run(stop)


if __name__ == "__main__":
    asyncio.run(main())
