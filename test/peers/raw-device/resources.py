"""What a raw device answers: /3303/0/5700 and the little around it that servers ask for."""

from dataclasses import dataclass
from typing import Any

from wire import coap, tlv

# Options of a request that this device understands; any other critical one gets 4.02 (RFC 7252 §5.4.1).
KNOWN = {coap.URI_HOST, coap.URI_PORT, coap.URI_PATH, coap.URI_QUERY, coap.ACCEPT, coap.BLOCK1, coap.BLOCK2}

TEXTS = {"/3/0/0": "zeelos raw device", "/3/0/1": "raw", "/3303/0/5701": "Cel"}
LINKS = {
    "/3303": "</3303>,</3303/0>,</3303/0/5700>,</3303/0/5701>",
    "/3303/0": "</3303/0>,</3303/0/5700>,</3303/0/5701>",
    "/3303/0/5700": "</3303/0/5700>",
    "/3/0": "</3/0>,</3/0/0>,</3/0/1>,</3/0/4>",
}


@dataclass
class Answer:
    code: str
    content_format: Any = None
    payload: bytes = b""


def answer(device: Any, path: str, accept: int | None, message: coap.Message | None = None) -> Answer:
    """`message` is absent for a notification, which repeats a read that succeeded."""
    if message is None or message.code == coap.GET:
        if message is not None and any(n & 1 and n not in KNOWN for n, _ in message.options):
            return Answer("4.02")
        return _read(device, path, accept)
    if path == "/3/0/4" and message.code == coap.POST:
        device.lines.add("executed", ep=device.name, path=path, arguments=message.payload.decode("utf-8", "replace"))
        return Answer("2.04")
    if message.code == coap.PUT and message.query() and not message.payload:
        device.lines.add("attributes", ep=device.name, path=path, attributes="&".join(message.query()))
        return Answer("2.04" if path in LINKS else "4.04")
    known = path in LINKS or path in TEXTS
    return Answer("4.05" if known else "4.04")


def _read(device: Any, path: str, accept: int | None) -> Answer:
    if accept == coap.LINK_FORMAT:
        return Answer("2.05", accept, LINKS[path].encode()) if path in LINKS else Answer("4.04")
    if path == "/3303/0/5700":
        return _single(accept, str(device.value).encode(), tlv.entry(tlv.RESOURCE, 5700, tlv.float_value(device.value)))
    if path in TEXTS:
        text = TEXTS[path].encode()
        return _single(accept, text, tlv.entry(tlv.RESOURCE, int(path.rsplit("/", 1)[1]), text))
    if path in ("/3303", "/3303/0", "/3/0"):
        return Answer("2.05", coap.TLV, _group(path, device)) if accept in (None, coap.TLV) else Answer("4.06")
    return Answer("4.04")


def _single(accept: int | None, text: bytes, as_tlv: bytes) -> Answer:
    if accept in (None, coap.TEXT):
        return Answer("2.05", coap.TEXT, text)
    return Answer("2.05", coap.TLV, as_tlv) if accept == coap.TLV else Answer("4.06")


def _group(path: str, device: Any) -> bytes:
    if path == "/3/0":
        return b"".join(tlv.entry(tlv.RESOURCE, i, TEXTS[f"/3/0/{i}"].encode()) for i in (0, 1))
    inner = tlv.entry(tlv.RESOURCE, 5700, tlv.float_value(device.value)) + tlv.entry(tlv.RESOURCE, 5701, b"Cel")
    return tlv.entry(tlv.INSTANCE, 0, inner) if path == "/3303" else inner
