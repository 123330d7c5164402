"""What the aiocoap device serves: objects 1, 3 and 3303, each resource as text/plain or TLV by Accept."""

from typing import Any

from aiocoap import Code, Message
from aiocoap.resource import ObservableResource, Resource, Site

from wire import tlv
from wire.coap import LINK_FORMAT, TEXT, TLV
from wire.lines import Lines

Value = bool | int | float | str


def as_tlv(value: Value) -> bytes:
    if isinstance(value, bool):
        return tlv.boolean_value(value)
    if isinstance(value, int):
        return tlv.integer_value(value)
    return tlv.float_value(value) if isinstance(value, float) else tlv.text_value(value)


def as_text(value: Value) -> bytes:
    if isinstance(value, bool):
        return b"1" if value else b"0"
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value).encode()


class Node(Resource):
    """Shared by single resources and object instances: path, links, Write-Attributes."""

    def __init__(self, tree: "Tree", path: str) -> None:
        super().__init__()
        self.tree, self.path = tree, path

    async def needs_blockwise_assembly(self, request: Message) -> bool:
        return True

    def answer(self, code: Code, content_format: int | None = None, payload: bytes = b"") -> Message:
        # Confirmable although the Observe request may have come as non-confirmable.
        return Message(code=code, content_format=content_format, payload=payload, transport_tuning=self.tree.tuning)

    async def render_get(self, request: Message) -> Message:
        accept = None if request.opt.accept is None else int(request.opt.accept)
        if accept == LINK_FORMAT:
            return self.answer(Code.CONTENT, LINK_FORMAT, ",".join(f"<{p}>" for p in self.tree.below(self.path)).encode())
        return self.read(accept)

    def read(self, accept: int | None) -> Message:
        raise NotImplementedError

    async def render_put(self, request: Message) -> Message:
        if request.opt.uri_query and not request.payload:
            self.tree.lines.say("attributes", path=self.path, attributes="&".join(request.opt.uri_query))
            return self.answer(Code.CHANGED)
        return self.write(request)

    def write(self, request: Message) -> Message:
        return self.answer(Code.METHOD_NOT_ALLOWED)


class Single(Node):
    def __init__(self, tree: "Tree", path: str, value: Value, writable: bool = False) -> None:
        super().__init__(tree, path)
        self.value, self.writable = value, writable
        self.number = int(path.rsplit("/", 1)[1])

    def entry(self) -> bytes:
        return tlv.entry(tlv.RESOURCE, self.number, as_tlv(self.value))

    def read(self, accept: int | None) -> Message:
        if accept in (None, TEXT):
            return self.answer(Code.CONTENT, TEXT, as_text(self.value))
        return self.answer(Code.CONTENT, TLV, self.entry()) if accept == TLV else self.answer(Code.NOT_ACCEPTABLE)

    def write(self, request: Message) -> Message:
        if not self.writable:
            return self.answer(Code.METHOD_NOT_ALLOWED)
        content_format = None if request.opt.content_format is None else int(request.opt.content_format)
        try:
            self.value = self._parse(content_format, request.payload)
        except NotImplementedError:
            return self.answer(Code.UNSUPPORTED_CONTENT_FORMAT)
        except ValueError:
            return self.answer(Code.BAD_REQUEST)
        self.tree.lines.say("written", path=self.path, value=self.value, contentFormat=content_format)
        return self.answer(Code.CHANGED)

    def _parse(self, content_format: int | None, payload: bytes) -> Value:
        """Booleans and strings are all that is writable here."""
        if content_format == TLV:
            found = [value for kind, number, value in tlv.entries(payload) if (kind, number) == (tlv.RESOURCE, self.number)]
            if len(found) != 1:
                raise ValueError("not one entry of this resource")
            raw = {b"\x00": b"0", b"\x01": b"1"}.get(found[0], b"") if isinstance(self.value, bool) else found[0]
        elif content_format in (None, TEXT):
            raw = payload
        else:
            raise NotImplementedError
        if not isinstance(self.value, bool):
            return raw.decode()
        if raw not in (b"0", b"1"):
            raise ValueError("not a boolean")
        return raw == b"1"


class Sensor(Single, ObservableResource):
    """3303/0/5700: the number of the last notification."""

    def observed(self) -> bool:
        return bool(self._observations)

    def change(self, value: int) -> None:
        self.value = float(value)
        self.updated_state()

    def update_observation_count(self, newcount: int) -> None:
        self.tree.lines.say("observed" if newcount else "observeEnded", path=self.path, observations=newcount)


class Command(Node):
    def read(self, accept: int | None) -> Message:
        return self.answer(Code.METHOD_NOT_ALLOWED)

    async def render_post(self, request: Message) -> Message:
        self.tree.lines.say("executed", path=self.path, arguments=request.payload.decode("utf-8", "replace"))
        return self.answer(Code.CHANGED)


class Instance(Node):
    def read(self, accept: int | None) -> Message:
        if accept not in (None, TLV):
            return self.answer(Code.NOT_ACCEPTABLE)
        inner = [node for path, node in self.tree.nodes.items() if path.startswith(self.path + "/")]
        return self.answer(Code.CONTENT, TLV, b"".join(node.entry() for node in inner if isinstance(node, Single)))


class Tree:
    def __init__(self, lines: Lines, tuning: Any, first: int) -> None:
        self.lines, self.tuning = lines, tuning
        self.site = Site()
        self.sensor = Sensor(self, "/3303/0/5700", float(first - 1))
        self.nodes: dict[str, Node] = {}
        for node in (
            Instance(self, "/1/0"),
            Single(self, "/1/0/0", 123),
            Single(self, "/1/0/6", False, writable=True),
            Single(self, "/1/0/7", "U"),
            Instance(self, "/3/0"),
            Single(self, "/3/0/0", "zeelos aiocoap device"),
            Single(self, "/3/0/1", "aiocoap"),
            Command(self, "/3/0/4"),
            Single(self, "/3/0/14", "+00:00", writable=True),
            Instance(self, "/3303/0"),
            self.sensor,
            Single(self, "/3303/0/5701", "Cel"),
        ):
            self.nodes[node.path] = node
            self.site.add_resource(node.path.strip("/").split("/"), node)

    def below(self, path: str) -> list[str]:
        return [p for p in self.nodes if p == path or p.startswith(path + "/")]

    def links(self) -> str:
        instances = ",".join(f"<{path}>" for path, node in self.nodes.items() if isinstance(node, Instance))
        return f'</>;rt="oma.lwm2m",{instances}'
