"""Damages checkpoints: bytes of any file, values and keys of JSON, the header of safetensors. All by one seed."""

from __future__ import annotations

import copy
import json
import math
import struct
from pathlib import Path
from random import Random
from typing import Any

DEEP = "@deep@"  # json cannot write what is nested so deeply
SCALARS: list[Any] = [
    None,
    True,
    False,
    -1,
    0,
    1,
    2,
    3,
    16,
    2**24,
    2**31,
    2**63,
    2**64,
    10**400,
    -(10**400),
    0.5,
    1.0,
    -0.0,
    1e-320,
    1e308,
    float("nan"),
    float("inf"),
    float("-inf"),
    "",
    "x",
    "M",
    "FP8",
    "NVFP4",
    "W4A16_NVFP4",
    "MXFP8",
    "Infinity",
    "\ud800",
    "\0\x1b[31m\n",
    "*" * 50 + "b",
    "[" * 300,
    "a" * 10_000,
]
CONTAINERS: list[Any] = [[], {}, [[]], [None], {"a": {}}, ["*"], [0, 1], [1, 0], {"__float__": "Infinity"}, DEEP]
WORDS = [0, 1, 2, 0x7F, 0x80, 0xFF, 2**24, 2**31 - 1, 2**32 - 1, 2**62, 2**63, 2**64 - 1]


def strange(random: Random) -> Any:
    return copy.deepcopy(random.choice(SCALARS if random.random() < 0.7 else CONTAINERS))


def mutated_json(random: Random, value: Any) -> bytes:
    """JSON text of `value` with one to three changes of its structure, and now and then of its bytes."""
    value = copy.deepcopy(value)
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        change(random, value)
    depth = random.choice([400, 5000])
    text = json.dumps(value).replace(f'"{DEEP}"', "[" * depth + "]" * depth)
    if random.random() < 0.02:  # a key twice
        text = text.replace("{", '{"vocab_size": 1, "vocab_size": 2, ', 1)
    content = text.encode()
    return mutated_bytes(random, content, len(content)) if random.random() < 0.1 else content


def change(random: Random, value: Any) -> None:
    """One change somewhere in an object or list."""
    places = [(place, key) for place in _containers(value) for key in _keys(place)]
    if not places:
        return
    place, key = random.choice(places)
    match random.choice(["replace", "replace", "replace", "delete", "rename", "swap", "nest"]):
        case "replace":
            place[key] = strange(random)
        case "delete":
            del place[key]
        case "rename" if isinstance(place, dict):
            place[random.choice(["x", "", "\ud800", str(key) + "\0", str(key)[:-1]])] = place.pop(key)
        case "swap":
            other = random.choice(_keys(place))
            place[key], place[other] = place[other], place[key]
        case _:
            place[key] = [place[key]]


def _keys(place: Any) -> list[Any]:
    return list(place) if isinstance(place, dict) else list(range(len(place)))


def _containers(value: Any) -> list[Any]:
    inner = value.values() if isinstance(value, dict) else value
    found = [value]
    for item in inner:
        if isinstance(item, dict | list):
            found += _containers(item)
    return found


def mutated_bytes(random: Random, content: bytes, header: int) -> bytes:
    """`content` with one to three changes among its first `header` bytes."""
    changed = bytearray(content)
    for _ in range(random.randint(1, 3)):
        at = random.randrange(max(1, min(header, len(changed))))
        match random.choice(["flip", "byte", "u32", "u64", "digit", "cut", "repeat", "splice", "remove"]):
            case "flip":
                changed[at : at + 1] = bytes(byte ^ 1 << random.randrange(8) for byte in changed[at : at + 1])
            case "byte":
                changed[at : at + 1] = bytes([random.randrange(256)])
            case "u32":
                changed[at : at + 4] = struct.pack("<I", random.choice(WORDS) & 0xFFFFFFFF)
            case "u64":
                changed[at : at + 8] = struct.pack("<Q", random.choice(WORDS))
            case "digit":
                changed[at : at + 1] = str(random.choice(WORDS)).encode()
            case "cut":
                del changed[at:]
            case "repeat":
                changed[at:at] = changed[at : at + random.randint(1, 64)]
            case "splice":
                start = random.randrange(max(1, header))
                changed[at : at + 32] = content[start : start + random.randint(1, 64)]
            case "remove":
                del changed[at : at + random.randint(1, 64)]
    return bytes(changed)


def mutated_safetensors(random: Random, content: bytes) -> bytes:
    """A safetensors file that is damaged, or that is sound and holds something else."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    chance = random.random()
    if chance < 0.15:
        return mutated_bytes(random, content, 8 + size)
    if chance < 0.3:
        text = mutated_json(random, header)
        return struct.pack("<Q", len(text)) + text + content[8 + size :]
    data = content[8 + size :]
    tensors = {
        name: (entry["dtype"], entry["shape"], data[slice(*entry["data_offsets"])])
        for name, entry in header.items()
        if name != "__metadata__"
    }
    for _ in range(random.choice([1, 1, 2])):
        _change_tensor(random, tensors)
    return safetensors_bytes(tensors)


TYPES = {"F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "U8": 1, "I8": 1, "F64": 8, "I64": 8, "F8_E5M2": 1}


def _change_tensor(random: Random, tensors: dict[str, tuple[str, list[int], bytes]]) -> None:
    """Change one tensor so that the file stays sound."""
    name = random.choice(sorted(tensors))
    dtype, shape, data = tensors[name]
    match random.choice(["drop", "rename", "copy", "type", "shape", "reshape", "values"]):
        case "drop":
            del tensors[name]
        case "rename":
            tensors[random.choice([name + "x", name.replace("0", "1"), "x", name[:-1] or "y"])] = tensors.pop(name)
        case "copy":
            tensors[random.choice(sorted(tensors))] = tensors[name]
        case "type":
            dtype = random.choice(sorted(TYPES))
            tensors[name] = dtype, shape, bytes(math.prod(shape) * TYPES[dtype])
        case "shape":
            shape = random.choice([[], [1], [2], [1, 1], [3, 5], [0], shape * 2, shape[::-1], [*shape, 1], [1] * 70])
            tensors[name] = dtype, shape, bytes(math.prod(shape) * TYPES[dtype])
        case "reshape":
            tensors[name] = dtype, random.choice([shape[::-1], [math.prod(shape)], [1, *shape], [1] * 70 + shape]), data
        case _:
            fill = random.choice([b"\0", b"\xff", b"\x7f", b"\x80"])
            tensors[name] = dtype, shape, fill * len(data)


def safetensors_bytes(tensors: dict[str, tuple[str, list[int], bytes]]) -> bytes:
    """A sound file of these tensors."""
    header, at = {}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values())


def damaged_bytes(seed: int, content: bytes, header: int) -> bytes:
    """`content` with changes among its first `header` bytes."""
    return mutated_bytes(Random(seed), content, header)


def damaged_folder(seed: int, files: dict[str, bytes], to: Path) -> Path:
    """Write a folder's files to `to`, one or two of them damaged."""
    random = Random(seed)
    damaged = random.sample(sorted(files), random.randint(1, min(2, len(files))))
    for name, content in files.items():
        if name in damaged:
            if name.endswith(".safetensors"):
                content = mutated_safetensors(random, content)
            else:
                content = mutated_json(random, json.loads(content))
        (to / name).write_bytes(content)
    return to


Entry = tuple[str, list[int], int, bytes]  # a tensor's name, dimensions (the inmost first), type and data


def damaged_gguf(seed: int, fields: dict[str, Any], tensors: list[Entry]) -> bytes:
    """A GGUF file that is sound in itself, with changed metadata or tensors."""
    random = Random(seed)
    fields, tensors = copy.deepcopy(fields), list(tensors)
    for _ in range(random.choice([1, 1, 2, 3])):
        if random.random() < 0.7:
            change(random, fields)
        else:
            _change_entry(random, tensors)
    return gguf_bytes(fields, tensors)


def _change_entry(random: Random, tensors: list[Entry]) -> None:
    at = random.randrange(len(tensors))
    name, shape, kind, data = tensors[at]
    match random.choice(["drop", "rename", "type", "shape", "values"]):
        case "drop":
            del tensors[at]
        case "rename":
            new = random.choice(
                [name + "x", name.replace("0", "1"), "rope_freqs.weight", name.replace("weight", "scale")]
            )
            tensors[at] = new, shape, kind, data
        case "type":
            tensors[at] = name, shape, random.choice([0, 1, 8, 30, 40]), data * 4
        case "shape":
            tensors[at] = name, random.choice([shape[::-1], [math.prod(shape)], [*shape, 1], [1], [3]]), kind, data
        case _:
            tensors[at] = name, shape, kind, random.choice([b"\0", b"\xff"]) * len(data)


def gguf_bytes(fields: dict[str, Any], tensors: list[Entry]) -> bytes:
    """A GGUF file of these; numbers get the type in which they fit."""
    keys = [_string(key) + _field(value) for key, value in fields.items()]
    infos, body = b"", b""
    for name, shape, kind, data in tensors:
        dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        infos += _string(name) + dimensions + struct.pack("<IQ", kind, len(body))
        body += data + bytes(-len(data) % 32)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)) + b"".join(keys) + infos
    return head + bytes(-len(head) % 32) + body


def _field(value: Any) -> bytes:
    if not isinstance(value, list):
        kind, content = _item(value)
        return struct.pack("<I", kind) + content
    items = [_item(item) for item in value] or [(4, b"")]
    same = [content for kind, content in items if kind == items[0][0]]
    return struct.pack("<IIQ", 9, items[0][0], len(same) if value else 0) + b"".join(same)


def _item(value: Any) -> tuple[int, bytes]:
    if isinstance(value, bool):
        return 7, bytes([value])
    if isinstance(value, float):
        return 12, struct.pack("<d", value)
    if isinstance(value, int):
        value = max(-(2**63), min(value, 2**64 - 1))
        if 0 <= value < 2**32:
            return 4, struct.pack("<I", value)
        return (10, struct.pack("<Q", value)) if value > 0 else (11, struct.pack("<q", value))
    return 8, _string(value if isinstance(value, str) else "?")


def _string(text: str) -> bytes:
    content = text.encode("utf-8", "surrogatepass")
    return struct.pack("<Q", len(content)) + content
