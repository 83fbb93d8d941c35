"""RTF: every text in it, also what a reader would not show. Pictures are files; objects are not read."""

from __future__ import annotations

import re

from nemora.documents.reading import Reading

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|[\r\n]+|([^\\{}\r\n]+)"
)
_NEW_LINE = {b"par", b"line", b"sect", b"page", b"row", b"cell", b"nestcell", b"nestrow", b"title", b"author"}
_STARTS = {b"fonttbl", b"colortbl", b"stylesheet", b"listtable", b"rsidtbl", b"latentstyles", b"subject"}
_FILES = {b"pict", b"themedata"}  # in hexadecimal digits
_OBJECTS = {b"objdata", b"datastore", b"bin"}
_CODE_PAGES = {b"ansi": "cp1252", b"mac": "mac_roman", b"pc": "cp437", b"pca": "cp850"}


def read_rtf(data: bytes, reading: Reading) -> None:
    reading.kind = "rtf"
    state = _Rtf()
    end = 0
    for token in _TOKEN.finditer(data):
        if token.start() != end:
            reading.lack("damaged")
        end = token.end()
        state.take(token)
        if state.depth <= 0:
            break
    if state.depth != 0:
        reading.lack("damaged")
    if data[end:].strip(b"\0\r\n\t "):
        reading.lack("polyglot")
    if state.has_object:
        reading.lack("embedded")
    reading.add("text", state.text())
    if state.doubtful:
        reading.lack("charset")
    for picture in state.pictures:
        reading.spend_bytes(len(picture))
        reading.file(picture)


class _Rtf:
    """The text so far, and for each open group what its text is: "text", "picture" or "object"."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.bytes = bytearray()
        self.groups: list[str] = []
        self.pictures: list[bytes] = []
        self.hex = bytearray()
        self.has_object = self.doubtful = self.foreign = False
        self.code_page = "cp1252"
        self.skip = 0
        self.fallback = [1]

    @property
    def depth(self) -> int:
        return len(self.groups)

    def take(self, token: re.Match[bytes]) -> None:
        word, number, code, symbol, brace, text = token.groups()
        if brace:
            self._brace(brace)
        elif word:
            self._word(word, int(number) if number else None)
        elif code:
            self._bytes(bytes([int(code, 16)]))
        elif symbol:
            self._symbol(symbol)
        elif text:
            self._bytes(text)

    def _brace(self, brace: bytes) -> None:
        self.skip = 0
        if brace == b"{":
            self.groups.append(self.groups[-1] if self.groups else "text")
            self.fallback.append(self.fallback[-1])
            return
        if not self.groups:
            return
        kind = self.groups.pop()
        self.fallback.pop()
        if kind == "picture" and self.hex and (not self.groups or self.groups[-1] != "picture"):
            digits = bytes(self.hex)
            self.pictures.append(bytes.fromhex(digits[: len(digits) // 2 * 2].decode("ascii")))
            self.hex.clear()

    def _word(self, word: bytes, number: int | None) -> None:
        if word == b"u" and number is not None:
            self._flush()
            self.parts.append(chr(number % 0x10000))
            self.skip = self.fallback[-1]
        elif word == b"uc":
            self.fallback[-1] = max(0, number or 0)
        elif word == b"ansicpg":
            self.code_page = f"cp{number}"
        elif word in _CODE_PAGES and number is None:
            self.code_page = _CODE_PAGES[word]
        elif word == b"fcharset" and number not in (None, 0, 1, 2):
            self.foreign = True  # bytes of this font are in another code page
        elif word in _FILES:
            self._kind("picture")
        elif word in _OBJECTS:
            self._kind("object")
            self.has_object = True
        elif word in _NEW_LINE or word in _STARTS:
            self._flush()
            self.parts.append("\n")
        elif word == b"tab":
            self._flush()
            self.parts.append("\t")

    def _kind(self, kind: str) -> None:
        if self.groups:
            self.groups[-1] = kind

    def _symbol(self, symbol: bytes) -> None:
        if symbol == b"~":
            self._bytes(b" ")
        elif symbol == b"_":
            self._bytes(b"-")
        elif symbol in (b"\\", b"{", b"}"):
            self._bytes(symbol)
        elif symbol in (b"\r", b"\n"):
            self._bytes(b"\n")

    def _bytes(self, text: bytes) -> None:
        kind = self.groups[-1] if self.groups else "text"
        dropped = min(self.skip, len(text))
        self.skip -= dropped
        if kind == "picture":
            self.hex += re.sub(rb"[^0-9a-fA-F]", b"", text)
        elif kind == "text":
            self.bytes += text[dropped:]

    def _flush(self) -> None:
        if self.bytes:
            raw = bytes(self.bytes)
            self.bytes.clear()
            self.doubtful |= self.foreign and not raw.isascii()
            try:
                self.parts.append(raw.decode(self.code_page))
            except (LookupError, UnicodeDecodeError):
                self.doubtful = True
                self.parts.append(raw.decode("cp1252", errors="replace"))

    def text(self) -> str:
        self._flush()
        joined = "".join(self.parts)
        # \u gives UTF-16 units: pairs of surrogates are one character.
        return joined.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
