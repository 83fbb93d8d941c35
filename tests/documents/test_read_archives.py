"""Archives: members of any depth are read, bombs are not, and bytes beside the members are noticed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
from collections.abc import Callable

import pytest
from document_files import TINY_PNG, pack, text_of, word

from nemora.documents.limits import Limits
from nemora.documents.read import read_document

SECRET = "Zyx-4716-Q"


def tar(members: dict[str, bytes], **fields: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for field, value in fields.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def named_gzip(name: str) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(name, "wb", fileobj=buffer) as packed:
        packed.write(b"x")
    return buffer.getvalue()


TEXT = SECRET.encode()
PLACES = {
    "zip": pack({"a.txt": SECRET}),
    "name in a zip": pack({f"{SECRET}.txt": "x"}),
    "folder in a zip": pack({f"{SECRET}/": ""}),
    "behind a zero in a name in a zip": pack({f"a_{SECRET}": "x"}).replace(b"a_", b"a\0"),
    "comment of a zip": pack({"a": "x"}, comment=TEXT),
    "zip in a zip": pack({"a": pack({"b": SECRET})}),
    "document in a zip": pack({"a": word(f"<w:p><w:r><w:t>{SECRET}</w:t></w:r></w:p>")}),
    "tar": tar({"a": TEXT}),
    "name in a tar": tar({SECRET: b"x"}),
    "long name in a tar": tar({"d/" * 120 + SECRET: b"x"}),
    "owner in a tar": tar({"a": b"x"}, uname=SECRET),
    "gzip": gzip.compress(TEXT),
    "name in a gzip": named_gzip(SECRET),
    "name of the second stream of a gzip": gzip.compress(b"x") + named_gzip(SECRET),
    "second stream of a gzip": gzip.compress(b"x") + gzip.compress(TEXT),
    "tar.gz": gzip.compress(tar({"a": TEXT})),
    "bzip2": bz2.compress(TEXT),
    "xz": lzma.compress(TEXT),
    "zip in a tar.xz": lzma.compress(tar({"a": pack({"b": SECRET})})),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_value_in_any_place_is_read(place: str) -> None:
    document = read_document(PLACES[place])
    assert document.kind == "archive"
    assert SECRET in text_of(document)
    assert document.complete, document.unread


def test_no_name_of_a_file_is_a_place() -> None:
    for data in PLACES.values():
        assert not any(SECRET in passage.where for passage in read_document(data).passages)


def locked() -> bytes:
    data = bytearray(pack({"a": "x" * 50}))
    data[6] |= 1  # the flags of the member, in its own header and in the directory
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def hidden_member() -> bytes:
    """A member that the directory does not name."""
    first, second = pack({"a": "x"}), pack({"b": SECRET})
    at = second.index(b"PK\x01\x02")
    end = second[-22:]
    member = first[: first.index(b"PK\x01\x02")]
    moved = struct.pack("<L", len(member))
    directory = second[at:-22]
    directory = directory[:42] + moved + directory[46:]
    return member + second[:at] + directory + end[:16] + struct.pack("<L", len(member) + at) + end[20:]


def with_extra() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("a")
        info.extra = struct.pack("<HH", 0x4E4E, len(TEXT)) + TEXT
        archive.writestr(info, "x")
    return buffer.getvalue()


def with_extra_in_the_member_only() -> bytes:
    """Where the directory says nothing of it."""
    data = bytearray(pack({"a": "x"}))
    at = data.index(b"PK\x01\x02")
    field = struct.pack("<HH", 0x4E4E, len(TEXT)) + TEXT
    data[28:30] = struct.pack("<H", len(field))
    data[-6:-2] = struct.pack("<L", at + len(field))
    data[31:31] = field
    return bytes(data)


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("image", pack({"a": TINY_PNG})),
        ("unknown_kind", pack({"a": bytes(range(256))})),
        ("encrypted", locked()),
        ("unknown_kind", b"x" * 9 + pack({"a": "x"})),
        ("polyglot", TINY_PNG + pack({"a": "x"})),
        ("polyglot", hidden_member()),
        ("polyglot", with_extra()),
        ("polyglot", with_extra_in_the_member_only()),
        ("polyglot", pack({"a": "x"}) + b"more"),
        ("polyglot", gzip.compress(b"x") + b"more"),
        ("polyglot", tar({"a": b"x"}) + b"more"),
        ("damaged", pack({"a": "x"})[:-22] + b"hidden!" + pack({"a": "x"})[-22:]),
        ("damaged", gzip.compress(bytes(99))[:-9]),
        ("damaged", lzma.compress(bytes(99))[:-9]),
        ("damaged", pack({"a": "x"})[:-5]),
        ("damaged", tar({"a": b"x" * 900})[:1000]),
        ("unknown_kind", b"7z\xbc\xaf\x27\x1c" + bytes(30)),
        ("unknown_kind", b"Rar!\x1a\x07\x01\x00" + bytes(30)),
    ],
    ids=lambda value: value if isinstance(value, str) else "data",  # the bytes hold the time of day
)
def test_what_is_not_read_is_noted(code: str, data: bytes) -> None:
    document = read_document(data)
    assert not document.complete
    assert code in document.unread


BOMB = bytes(3_000_000)
SMALL = Limits(unpacked_bytes=1_000_000)


@pytest.mark.parametrize(
    "packer",
    [gzip.compress, bz2.compress, lzma.compress, lambda data: pack({"a": data}), lambda data: tar({"a": data})],
)
@pytest.mark.parametrize("layers", [1, 2])
def test_a_bomb_is_too_large(packer: Callable[[bytes], bytes], layers: int) -> None:
    data = BOMB
    for _ in range(layers):
        data = packer(data)
    assert "too_large" in read_document(data, SMALL).unread


def test_members_that_lie_about_their_size_are_still_bombs() -> None:
    data = bytearray(pack({"a": BOMB}))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(signature)
        data[at + offset : at + offset + 4] = struct.pack("<L", 10)
    assert not read_document(bytes(data), SMALL).complete


def test_a_negative_size_in_a_tar_is_damaged() -> None:
    data = bytearray(tar({"a": b"x"}))
    data[124:136] = b"\xff" * 12
    data[148:156] = b"        "
    data[148:156] = b"%06o\0 " % sum(data[:512])
    assert read_document(bytes(data)).unread == ("damaged",)


def test_overlapping_members_are_noticed() -> None:
    """The trick of bombs whose members share their bytes."""
    data = pack({"a": "x" * 99})
    at = data.index(b"PK\x01\x02")
    entry, end = data[at:-22], data[-22:]
    twice = data[:at] + entry * 2 + end[:8] + struct.pack("<HHL", 2, 2, 2 * len(entry)) + end[16:]
    assert not read_document(twice).complete
