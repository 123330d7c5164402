#!/usr/bin/env python3
"""An LwM2M 1.1 device on aiocoap and cbor2 under remote control: text, opaque, CBOR, SenML JSON, SenML CBOR and LwM2M CBOR, composite
operations, observations of both kinds, Send, bodies in blocks.

Each line of stdin is a JSON object {id, do, …}; it is answered by `done` or `failed` with that id. The end of stdin ends it.
  register, update, deregister        set {path, value}        send {format, records} (records as SenML JSON has them)
  sendTree {values} (by path, in LwM2M CBOR)
Events besides: listening {port}, written {path, value}, executed {path, value}, observed, observeEnded.
"""

import asyncio
import base64
import json
import sys
from pathlib import Path
from typing import Any

import aiocoap
import cbor2
from aiocoap import Code, Message, interfaces, resource
from aiocoap.numbers.constants import Reliable

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from wire.lines import Lines  # noqa: E402

TEXT, LINK, OPAQUE, CBOR, SENML_JSON, SENML_CBOR, LWM2M_CBOR = 0, 40, 42, 60, 110, 112, 11544
LABELS = {"bn": -2, "bt": -3, "n": 0, "v": 2, "vs": 3, "vb": 4, "t": 6, "vd": 8}
NAMES = {number: name for name, number in LABELS.items()}

LARGE = bytes((i * 13 + (i >> 8)) % 256 for i in range(60_000))
VALUES: dict[str, Any] = {
    "/3/0/0": "zeelos aiocoap device",
    "/3/0/9": 87,
    "/3/0/14": "+00:00",
    "/3303/0/5700": 21.5,
    "/3303/0/5701": "Cel",
    "/26300/0/1": 9007199254740993,
    "/26300/0/3": True,
    "/26300/0/4": b"\x00\x01\xfe\xff",
    "/26300/0/11/0": -(2**63),
    "/26300/0/11/1": 2**63 - 1,
    "/5/0/0": LARGE,
}
COMMANDS = {"/3/0/4"}


class Unspoken(Exception):
    """A content format that this device does not have."""


def record(name: str, value: Any, for_json: bool) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"n": name, "vb": value}
    if isinstance(value, (int, float)):
        return {"n": name, "v": value}
    if isinstance(value, bytes):
        return {"n": name, "vd": base64.urlsafe_b64encode(value).decode().rstrip("=") if for_json else value}
    return {"n": name, "vs": value}


def pack(content_format: int, records: list[dict[str, Any]]) -> bytes:
    if content_format == SENML_JSON:
        return json.dumps(records, ensure_ascii=False).encode()
    if content_format == SENML_CBOR:
        return cbor2.dumps([{LABELS[name]: value for name, value in each.items()} for each in records])
    raise Unspoken


def unpack(content_format: int | None, payload: bytes) -> list[dict[str, Any]]:
    if content_format == SENML_JSON:
        return json.loads(payload)
    if content_format == SENML_CBOR:
        return [{NAMES.get(label, label): value for label, value in each.items()} for each in cbor2.loads(payload)]
    raise Unspoken


def tree_of(values: dict[str, Any]) -> dict[int, Any]:
    """LwM2M CBOR: maps of ids in maps of ids."""
    tree: dict[int, Any] = {}
    for path, value in values.items():
        *above, last = [int(part) for part in path.strip("/").split("/")]
        inner = tree
        for part in above:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return tree


def values_in(tree: Any, above: str = "") -> list[tuple[str, Any]]:
    if not isinstance(tree, dict):
        return [(above, tree)]
    found = []
    for key, value in tree.items():
        ids = key if isinstance(key, (tuple, list)) else [key]
        found += values_in(value, above + "".join(f"/{each}" for each in ids))
    return found


def named(content_format: int | None, payload: bytes) -> list[tuple[str, Any]]:
    """Paths with their values, or without one where a payload only names them."""
    if content_format == LWM2M_CBOR:
        return values_in(cbor2.loads(payload))
    return values_of(unpack(content_format, payload))


def values_of(records: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    base, found = "", []
    for each in records:
        base = each.get("bn", base)
        value = next((each[name] for name in ("v", "vs", "vb", "vd") if name in each), None)
        if "vd" in each and isinstance(value, str):
            value = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
        found.append((base + each.get("n", ""), value))
    return found


def shown(value: Any) -> str:
    if isinstance(value, bytes):
        return value.hex() if len(value) <= 64 else f"{len(value)} bytes {sum(value)}"
    return str(value).lower() if isinstance(value, bool) else str(value)


class Root(resource.Resource, interfaces.ObservableResource):
    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self.lines = lines
        self.values = dict(VALUES)
        self.observations: dict[Any, list[str]] = {}

    async def needs_blockwise_assembly(self, request: Message) -> bool:
        return True

    def below(self, path: str) -> dict[str, Any]:
        return {each: value for each, value in self.values.items() if each == path or each.startswith(path + "/")}

    def answer(self, code: Code, content_format: int | None = None, payload: bytes = b"") -> Message:
        return Message(code=code, content_format=content_format, payload=payload, transport_tuning=Reliable)

    def read(self, accept: int | None, paths: list[str]) -> Message:
        found = {each: value for path in paths for each, value in self.below(path).items()}
        if not found:
            return self.answer(Code.NOT_FOUND)
        whole = next(iter(found.values())) if list(found) == paths else None
        chosen = accept if accept is not None else SENML_CBOR
        if whole is not None and chosen in (TEXT, OPAQUE, CBOR):
            return self.answer(Code.CONTENT, chosen, self.single(chosen, whole))
        if chosen == LWM2M_CBOR:
            return self.answer(Code.CONTENT, chosen, cbor2.dumps(tree_of(found)))
        # The base name is the longest path that all have in common up to a slash.
        common = paths[0].rstrip("/") + "/" if len(paths) == 1 and list(found) != paths else ""
        records = [record(each[len(common):], value, chosen == SENML_JSON) for each, value in found.items()]
        if common:
            records[0] = {"bn": common, **records[0]}
        return self.answer(Code.CONTENT, chosen, pack(chosen, records))

    def single(self, content_format: int, value: Any) -> bytes:
        if content_format == CBOR:
            return cbor2.dumps(value)
        if content_format == OPAQUE:
            if not isinstance(value, bytes):
                raise Unspoken
            return value
        if isinstance(value, bytes):
            return base64.b64encode(value)
        return (str(int(value)) if isinstance(value, bool) else str(value)).encode()

    def parsed(self, content_format: int | None, payload: bytes, path: str) -> list[tuple[str, Any]]:
        if content_format == CBOR:
            return [(path, cbor2.loads(payload))]
        if content_format == OPAQUE:
            return [(path, payload)]
        if content_format in (None, TEXT):
            kind = type(self.values.get(path, ""))
            text = payload.decode()
            if kind is bytes:
                return [(path, base64.b64decode(text))]
            return [(path, text == "1" if kind is bool else kind(text))]
        return named(content_format, payload)

    def store(self, values: list[tuple[str, Any]]) -> None:
        for path, value in values:
            self.values[path] = value
            self.lines.say("written", path=path, value=shown(value))
        self.changed([path for path, _ in values])

    def changed(self, paths: list[str]) -> None:
        for observation, observed in list(self.observations.items()):
            if any(path == each or path.startswith(each + "/") for path in paths for each in observed):
                observation.trigger()

    async def render(self, request: Message) -> Message:
        try:
            return await super().render(request)
        except Unspoken:
            refused = Code.NOT_ACCEPTABLE if request.code in (Code.GET, Code.FETCH) else Code.UNSUPPORTED_CONTENT_FORMAT
            return self.answer(refused)
        except (ValueError, KeyError, cbor2.CBORDecodeError) as error:
            return Message(code=Code.BAD_REQUEST, payload=str(error).encode())

    @staticmethod
    def path(request: Message) -> str:
        return "/" + "/".join(request.opt.uri_path)

    @staticmethod
    def number(option: Any) -> int | None:
        return None if option is None else int(option)

    async def render_get(self, request: Message) -> Message:
        accept, path = self.number(request.opt.accept), self.path(request)
        if accept == LINK:
            return self.answer(Code.CONTENT, LINK, ",".join(f"<{each}>" for each in self.below(path)).encode())
        return self.read(accept, [path])

    async def render_fetch(self, request: Message) -> Message:
        asked = [path for path, _ in named(self.number(request.opt.content_format), request.payload)]
        return self.read(self.number(request.opt.accept), asked)

    async def render_ipatch(self, request: Message) -> Message:
        self.store(named(self.number(request.opt.content_format), request.payload))
        return self.answer(Code.CHANGED)

    async def render_put(self, request: Message) -> Message:
        self.store(self.parsed(self.number(request.opt.content_format), request.payload, self.path(request)))
        return self.answer(Code.CHANGED)

    async def render_post(self, request: Message) -> Message:
        path = self.path(request)
        if path not in COMMANDS:
            return await self.render_put(request)
        self.lines.say("executed", path=path, value=request.payload.decode())
        return self.answer(Code.CHANGED)

    async def render_delete(self, request: Message) -> Message:
        gone = self.below(self.path(request))
        for each in gone:
            del self.values[each]
        return self.answer(Code.DELETED if gone else Code.NOT_FOUND)

    async def add_observation(self, request: Message, observation: Any) -> None:
        fetch = request.code == Code.FETCH
        try:
            asked = named(self.number(request.opt.content_format), request.payload) if fetch else []
        except Unspoken:
            return  # not accepted; the answer says why
        paths = [path for path, _ in asked] if fetch else [self.path(request)]
        self.observations[observation] = paths
        self.lines.say("observed", path=",".join(paths))

        def ended() -> None:
            self.observations.pop(observation, None)
            self.lines.say("observeEnded", path=",".join(paths))

        observation.accept(ended)

    async def render_to_pipe(self, pipe: Any) -> None:
        return await interfaces.ObservableResource._render_to_pipe(self, pipe)


class Device:
    def __init__(self, server: str, endpoint: str, lines: Lines) -> None:
        self.server, self.endpoint, self.lines = server, endpoint, lines
        self.root = Root(lines)
        self.location = ""
        self.context: Any = None

    async def request(self, code: Code, path: str, payload: bytes = b"", content_format: int | None = None) -> Message:
        message = Message(code=code, uri=f"coap://{self.server}/{path}", payload=payload, content_format=content_format)
        return await self.context.request(message).response

    def links(self) -> str:
        instances = sorted({"/".join(path.split("/")[:3]) for path in self.root.values})
        return '</>;rt="oma.lwm2m";ct="112 110",' + ",".join(f"<{each}>" for each in instances)

    async def do(self, command: dict[str, Any]) -> str:
        match command["do"]:
            case "register":
                query = f"ep={self.endpoint}&lt=300&lwm2m=1.1&b=U"
                answer = await self.request(Code.POST, f"rd?{query}", self.links().encode(), LINK)
                self.location = "/".join(answer.opt.location_path)
            case "update":
                answer = await self.request(Code.POST, self.location)
            case "deregister":
                answer = await self.request(Code.DELETE, self.location)
            case "send":
                answer = await self.request(Code.POST, "dp", pack(command["format"], command["records"]), command["format"])
            case "sendTree":
                payload = cbor2.dumps(tree_of(command["values"]))
                answer = await self.request(Code.POST, "dp", payload, LWM2M_CBOR)
            case "set":
                self.root.values[command["path"]] = command["value"]
                self.root.changed([command["path"]])
                return ""
            case other:
                raise ValueError(other)
        return str(answer.code)[:4]

    async def answer(self, command: dict[str, Any]) -> None:
        try:
            self.lines.say("done", id=command["id"], result=await self.do(command))
        except Exception as error:  # the test learns of it by its number
            self.lines.say("failed", id=command["id"], reason=repr(error))

    async def run(self, port: int) -> None:
        self.context = await aiocoap.Context.create_server_context(
            self.root, bind=("127.0.0.1", port), transports=["udp6"]
        )
        self.lines.say("listening")
        reader = asyncio.StreamReader(limit=1 << 20)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            await self.answer(json.loads(line))
        await self.context.shutdown()


if __name__ == "__main__":
    asyncio.run(Device(sys.argv[1], sys.argv[2], Lines()).run(int(sys.argv[3])))
