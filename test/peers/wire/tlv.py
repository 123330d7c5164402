"""LwM2M TLV entries (OMA LwM2M 1.0.2 §6.4.3): just what the Python peers send and are sent."""

import struct

INSTANCE, RESOURCE_INSTANCE, MULTIPLE_RESOURCE, RESOURCE = 0, 1, 2, 3


def entry(kind: int, identifier: int, value: bytes) -> bytes:
    """One entry: type byte, id of 1 or 2 bytes, length of 0 to 3 bytes, value."""
    head = kind << 6
    ident = identifier.to_bytes(1 if identifier < 256 else 2, "big")
    if len(ident) == 2:
        head |= 0x20
    if len(value) < 8:
        return bytes([head | len(value)]) + ident + value
    length = len(value).to_bytes((len(value).bit_length() + 7) // 8, "big")
    return bytes([head | len(length) << 3]) + ident + length + value


def float_value(value: float) -> bytes:
    return struct.pack(">d", value)


def integer_value(value: int) -> bytes:
    size = next(s for s in (1, 2, 4, 8) if -(1 << 8 * s - 1) <= value < 1 << 8 * s - 1)
    return value.to_bytes(size, "big", signed=True)


def boolean_value(value: bool) -> bytes:
    return b"\x01" if value else b"\x00"


def text_value(value: str) -> bytes:
    return value.encode()


def entries(payload: bytes) -> list[tuple[int, int, bytes]]:
    """(kind, id, value) of each entry at the top level. ValueError when cut short."""
    found, at = [], 0
    while at < len(payload):
        head = payload[at]
        id_size = 2 if head & 0x20 else 1
        length_size = head >> 3 & 3
        start = at + 1 + id_size + length_size
        if start > len(payload):
            raise ValueError("TLV header cut short")
        identifier = int.from_bytes(payload[at + 1 : at + 1 + id_size], "big")
        length = int.from_bytes(payload[at + 1 + id_size : start], "big") if length_size else head & 7
        if start + length > len(payload):
            raise ValueError("TLV value cut short")
        found.append((head >> 6, identifier, payload[start : start + length]))
        at = start + length
    return found
