"""CoAP messages over UDP for the Python peers (RFC 7252 §3), on the standard library alone.

Written apart from the TypeScript code on purpose: a peer that shared its codec could not find its faults.
"""

from dataclasses import dataclass, field

CON, NON, ACK, RST = 0, 1, 2, 3
EMPTY = 0x00
GET, POST, PUT, DELETE = 0x01, 0x02, 0x03, 0x04

# RFC 7252 §5.10, RFC 7641 §2, RFC 7959 §2.1
OBSERVE, LOCATION_PATH, URI_PATH, CONTENT_FORMAT, MAX_AGE, URI_QUERY, ACCEPT = 6, 8, 11, 12, 14, 15, 17
URI_HOST, URI_PORT, BLOCK2, BLOCK1 = 3, 7, 23, 27

TEXT, LINK_FORMAT, TLV = 0, 40, 11542


def code_of(text: str) -> int:
    """'2.05' -> 0x45"""
    number, detail = text.split(".")
    return int(number) << 5 | int(detail)


def code_text(code: int) -> str:
    return f"{code >> 5}.{code & 0x1F:02d}"


def uint(value: int) -> bytes:
    """An option value of the uint format: no leading zeros, zero is empty (RFC 7252 §3.2)."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


@dataclass
class Message:
    type: int
    code: int
    mid: int
    token: bytes = b""
    options: list[tuple[int, bytes]] = field(default_factory=list)
    payload: bytes = b""

    def all(self, number: int) -> list[bytes]:
        return [value for option, value in self.options if option == number]

    def number(self, option: int) -> int | None:
        values = self.all(option)
        return int.from_bytes(values[0], "big") if values else None

    def path(self) -> str:
        return "/" + "/".join(part.decode("utf-8", "replace") for part in self.all(URI_PATH))

    def query(self) -> list[str]:
        return [part.decode("utf-8", "replace") for part in self.all(URI_QUERY)]

    def is_request(self) -> bool:
        return 0 < self.code < 0x20

    def is_response(self) -> bool:
        return self.code >= 0x40


def _nibble(value: int) -> tuple[int, bytes]:
    if value < 13:
        return value, b""
    if value < 269:
        return 13, bytes([value - 13])
    return 14, (value - 269).to_bytes(2, "big")


def encode(message: Message) -> bytes:
    out = bytearray([0x40 | message.type << 4 | len(message.token), message.code])
    out += message.mid.to_bytes(2, "big") + message.token
    last = 0
    for number, value in sorted(message.options, key=lambda option: option[0]):
        delta, delta_extra = _nibble(number - last)
        length, length_extra = _nibble(len(value))
        out += bytes([delta << 4 | length]) + delta_extra + length_extra + value
        last = number
    if message.payload:
        out += b"\xff" + message.payload
    return bytes(out)


def decode(datagram: bytes) -> Message:
    """ValueError when the datagram is not a CoAP message."""
    if len(datagram) < 4 or datagram[0] >> 6 != 1:
        raise ValueError("not CoAP version 1")
    token_length = datagram[0] & 0x0F
    at = 4 + token_length
    if token_length > 8 or len(datagram) < at:
        raise ValueError("bad token length")
    message = Message(
        datagram[0] >> 4 & 3, datagram[1], int.from_bytes(datagram[2:4], "big"), datagram[4:at]
    )
    number = 0
    while at < len(datagram) and datagram[at] != 0xFF:
        head = datagram[at]
        at += 1
        delta, at = _extended(datagram, head >> 4, at)
        length, at = _extended(datagram, head & 0x0F, at)
        number += delta
        if at + length > len(datagram):
            raise ValueError("option cut short")
        message.options.append((number, datagram[at : at + length]))
        at += length
    if at < len(datagram):
        message.payload = datagram[at + 1 :]
        if not message.payload:
            raise ValueError("payload marker without payload")
    return message


def _extended(datagram: bytes, nibble: int, at: int) -> tuple[int, int]:
    if nibble < 13:
        return nibble, at
    size = {13: 1, 14: 2}.get(nibble)
    if size is None or at + size > len(datagram):
        raise ValueError("bad option header")
    base = 13 if size == 1 else 269
    return base + int.from_bytes(datagram[at : at + size], "big"), at + size
