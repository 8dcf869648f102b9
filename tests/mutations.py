"""Damaged files: what bits that rot, editors, other versions and other people make of them."""

import json
import random
import struct
from collections.abc import Callable
from typing import Any

VALUES = (None, True, False, 0, -1, 1.5, 10**30, float("nan"), "", "é\n", [], {}, [[1]], "0" * 64)  #: of foreign JSON
EXTREMES = (b"", b"\0", b"{}", b"[]", b"null", b"[" * 100_000, b'{"step": ' + b"9" * 5000 + b"}", b"\xff\xfe\x00")


def damaged(data: bytes, rng: random.Random) -> bytes:
    """``data`` with one damage; text is damaged as JSON or as bytes, safetensors also in their header."""
    kinds: list[Callable[[bytes, random.Random], bytes]] = [_bytes, _run]
    if _header(data) is not None:
        kinds += [_in_header, _in_header]
    elif data[:1] in (b"{", b"["):
        kinds += [_in_json, _in_json, _in_json, _unsigned]
    return rng.choice(kinds)(data, rng)


def _bytes(data: bytes, rng: random.Random) -> bytes:
    """One bit flipped, one byte written over, or all replaced by something short."""
    if not data or rng.random() < 0.05:
        return rng.choice(EXTREMES)
    at = rng.randrange(len(data))
    new = data[at] ^ (1 << rng.randrange(8)) if rng.random() < 0.7 else rng.randrange(256)
    return data[:at] + bytes([new]) + data[at + 1 :]


def _run(data: bytes, rng: random.Random) -> bytes:
    """A run of bytes cut out, zeroed, doubled, or exchanged with another; or the end cut off."""
    first, last = sorted(rng.randrange(len(data) + 1) for _ in range(2))
    last = min(last, first + rng.choice([1, 4, 8, 64, 4096]))
    before, run, after = data[:first], data[first:last], data[last:]
    return rng.choice(
        [before + after, before + bytes(len(run)) + after, before + run + run + after, before, after[::-1]]
    )


def _header(data: bytes) -> dict[str, Any] | None:
    """The header of a safetensors file, None for any other."""
    try:
        (size,) = struct.unpack("<Q", data[:8])
        return json.loads(data[8 : 8 + size]) if size < len(data) else None
    except (struct.error, ValueError):
        return None


def _in_header(data: bytes, rng: random.Random) -> bytes:
    """Other types, shapes or names of tensors, or the numbers of two exchanged; a part of the file that stays valid."""
    header = _header(data)
    assert header is not None
    body = data[8 + struct.unpack("<Q", data[:8])[0] :]
    names = [name for name in header if name != "__metadata__"]
    first, second = rng.choice(names), rng.choice(names)
    match rng.randrange(5):
        case 0:
            header[first]["dtype"] = {"F32": "I32", "F64": "I64", "I64": "F64", "U8": "I8"}.get(
                header[first]["dtype"], "U8"
            )
        case 1:
            header[first]["shape"] = (
                [*header[first]["shape"], 1] if rng.random() < 0.5 else header[first]["shape"][::-1]
            )
        case 2:  # the names of two tensors exchanged
            header = {{first: second, second: first}.get(name, name): entry for name, entry in header.items()}
        case 3:
            header["__metadata__"] = {"format": "else"}
        case _:
            return data[: len(data) - len(body)] + _numbers(body, header[first]["data_offsets"], rng)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def _numbers(body: bytes, offsets: list[int], rng: random.Random) -> bytes:
    """Other numbers in one tensor."""
    first, last = offsets
    new = rng.choice([bytes(last - first), b"\x00\x00\xc0\x7f" * ((last - first) // 4), body[first:last][::-1]])
    return body[:first] + new.ljust(last - first, b"\0") + body[last:]


def _unsigned(data: bytes, rng: random.Random) -> bytes:
    """Without its own hash, and with one damage besides."""
    try:
        content = json.loads(data)
    except ValueError:
        return _bytes(data, rng)
    if isinstance(content, dict):
        content.pop("sha256", None)
    return _in_json(json.dumps(content).encode(), rng)


def _in_json(data: bytes, rng: random.Random) -> bytes:
    """One value replaced, nudged, renamed, deleted, or exchanged with another."""
    try:
        root = json.loads(data)
    except ValueError:
        return _bytes(data, rng)
    places = list(_places(root))
    if not places:
        return rng.choice(EXTREMES)
    parent, key = rng.choice(places)
    match rng.randrange(5):
        case 0:
            parent[key] = rng.choice(VALUES)
        case 1:
            parent[key] = _nudged(parent[key], rng)
        case 2 if isinstance(parent, dict):
            parent[f"{key}_"] = parent.pop(key)
        case 3:
            del parent[key]
        case _:
            other, where = rng.choice(places)
            parent[key], other[where] = other[where], parent[key]
            if parent is not other and (parent[key] is parent or other[where] is other):
                return _bytes(data, rng)
    try:
        return json.dumps(root).encode()
    except (ValueError, RecursionError):  # something became a part of itself
        return _bytes(data, rng)


def _places(value: Any) -> Any:
    """All (parent, key) in the JSON ``value``."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in pairs:
        yield value, key
        yield from _places(child)


def _nudged(value: Any, rng: random.Random) -> Any:
    """A value of the same type, near by."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int | float):
        return value * rng.choice([2, -1, 10**5]) + rng.choice([0, 1])
    return value + "_" if isinstance(value, str) else [value]
