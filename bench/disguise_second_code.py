"""Disguises of how a program, a file or a wire writes a value, made without a look at the decoders."""

from __future__ import annotations

import base64
import binascii
import bz2
import gzip
import html
import json
import lzma
import quopri
import random
import string
import textwrap
import urllib.parse
import zlib
from collections.abc import Callable

Rewrite = Callable[[random.Random, str], str | None]
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BASE91 = string.ascii_uppercase + string.ascii_lowercase + string.digits + '!#$%&()*+,./:;<=>?@[]^_`{|}~"'


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def in_base(alphabet: str) -> Rewrite:
    def rewrite(_rng: random.Random, value: str) -> str | None:
        number, out = int.from_bytes(value.encode(), "big"), ""
        while number:
            number, rest = divmod(number, len(alphabet))
            out = alphabet[rest] + out
        return out

    return rewrite


def base91(_rng: random.Random, value: str) -> str | None:
    """As the basE91 of J. Henke: 13 or 14 bits to two characters."""
    held, bits, out = 0, 0, ""
    for byte in value.encode():
        held |= byte << bits
        bits += 8
        if bits > 13:
            taken = held & 8191
            size = 13
            if taken <= 88:
                taken, size = held & 16383, 14
            held, bits = held >> size, bits - size
            out += BASE91[taken % 91] + BASE91[taken // 91]
    return out + (BASE91[held % 91] + (BASE91[held // 91] if bits > 7 or held > 90 else "") if bits else "")


def as_number(make: Callable[[int], str]) -> Rewrite:
    def rewrite(_rng: random.Random, value: str) -> str | None:
        bare = value.replace(" ", "").replace("-", "")
        return make(int(bare)) if bare.isdigit() and len(bare) > 8 else None

    return rewrite


def each(form: str, joint: str = "", head: str = "", tail: str = "") -> Rewrite:
    """Every byte by a format; `{0}` is the code, `{1}` the character."""
    return lambda _rng, value: head + joint.join(form.format(ord(c), c) for c in value) + tail


def pieces(value: str, size: int) -> list[str]:
    return [value[n : n + size] for n in range(0, len(value), size)]


def glued(form: str, joint: str, head: str = "", tail: str = "", size: int = 4) -> Rewrite:
    """Pieces of the value, each by a format and glued by an operator."""
    return lambda _rng, value: head + joint.join(form.format(p) for p in pieces(value, size)) + tail


def variables(form: str, joint: str, last: str) -> Rewrite:
    """Pieces in variables of their own and a last line that joins them."""

    def rewrite(_rng: random.Random, value: str) -> str | None:
        parts = pieces(value, -(-len(value) // 3))
        if len(parts) < 3:
            return None
        names = "abc"
        return joint.join(form.format(n, p) for n, p in zip(names, parts, strict=True)) + joint + last.format(*names)

    return rewrite


def dump(data: bytes, *, canonical: bool) -> str:
    """As `xxd` and `hexdump -C` print it."""
    lines = []
    for at in range(0, len(data), 16):
        row = data[at : at + 16]
        shown = "".join(chr(b) if 32 <= b < 127 else "." for b in row)
        if canonical:
            lines.append(f"{at:08x}  {row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}  |{shown}|")
        else:
            lines.append(f"{at:08x}: {row.hex(' ', -2):<39}  {shown}")
    return "\n".join(lines)


def od(data: bytes, form: str) -> str:
    rows = [data[at : at + 16] for at in range(0, len(data), 16)]
    return "\n".join(f"{16 * n:07o} " + " ".join(form.format(b, chr(b)) for b in row) for n, row in enumerate(rows))


def token(text: str) -> str:
    """A signed web token whose claim is the text; the signature is noise."""
    claims = json.dumps({"iss": "api", "note": text}, ensure_ascii=False).encode()
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').decode().rstrip("=")
    body = base64.urlsafe_b64encode(claims).decode().rstrip("=")
    return f"{head}.{body}." + base64.urlsafe_b64encode(zlib.crc32(claims).to_bytes(4, "big") * 8).decode().rstrip("=")


def sentence(make: Callable[[str], str]) -> Rewrite:
    return lambda _rng, text: make(text)


# The value alone is written so; the words around it stand in the clear.
CODE: dict[str, Rewrite] = {
    "chr() plus": each("chr({0})", "+"),
    "String.fromCharCode": each("{0}", ",", "String.fromCharCode(", ")"),
    "PowerShell [char]": each("[char]{0}", "+"),
    "VBA Chr &": each("Chr({0})", " & "),
    "SQL CHAR()": each("{0}", ",", "CHAR(", ")"),
    "Oracle CHR ||": each("CHR({0})", "||"),
    "bytes of decimals": each("{0}", ", ", "bytes([", "]).decode()"),
    "Go bytes of hex": each("0x{0:02x}", ", ", "[]byte{", "}"),
    "C initialiser": each("'{1}'", ", ", "char v[] = {", ", 0};"),
    "Java char array": each("'{1}'", ",", "new char[]{", "}"),
    "list of characters": each('"{1}"', ", ", "[", "]"),
    "join of characters": each("'{1}'", ", ", "''.join([", "])"),
    "Ruby %w": each("{1}", " ", "%w[", "].join"),
    "binary": each("{0:08b}", " "),
    "octal": each("{0:03o}", " "),
    "C octal escapes": each("\\{0:03o}", "", '"', '"'),
    "shell $''": each("\\x{0:02x}", "", "$'", "'"),
    "CSS escapes": each("\\{0:x} "),
    "Perl x{}": each("\\x{{{0:x}}}", "", '"', '"'),
    "Ruby u{}": each("\\u{{{0:x}}}", "", '"', '"'),
    "Python long escapes": each("\\U{0:08x}", "", "'", "'"),
    "percent-u": each("%u{0:04x}"),
    "hex entities": each("&#x{0:x};"),
    "padded entities": each("&#{0:07d};"),
    "entities without semicolon": each("&#{0}"),
    "U+ list": each("U+{0:04X}", " "),
    "hex with colons": each("{0:02x}", ":"),
    "hex 0x each": each("0x{0:02x}", " "),
    "concatenated plus": glued('"{}"', " + "),
    "concatenated dot": glued('"{}"', " . "),
    "concatenated ||": glued("'{}'", " || "),
    "concatenated &": glued('"{}"', " & ", "="),
    "concatenated ..": glued('"{}"', " .. "),
    "concatenated ~": glued('"{}"', " ~ ", "{{ ", " }}"),
    "concatenated <>": glued('"{}"', " <> "),
    "adjacent strings": glued('"{}"', " "),
    "adjacent on lines": glued('"{}"', "\n    "),
    "CONCAT()": glued('"{}"', ", ", "=CONCAT(", ")"),
    "CONCATENATE ;": glued('"{}"', ";", "=CONCATENATE(", ")"),
    "TEXTJOIN": glued('"{}"', ",", '=TEXTJOIN("",TRUE,', ")"),
    "paste0": glued('"{}"', ", ", "paste0(", ")"),
    "array join": glued('"{}"', ", ", "[", '].join("")'),
    "Terraform join": glued('"{}"', ", ", 'join("", [', "])"),
    "Lisp concat": glued('"{}"', " ", "(concat ", ")"),
    "template literals": glued("${{'{}'}}", "", "`", "`"),
    "printf": glued("'{}'", " ", "$(printf '%s' ", ")"),
    "string builder": glued('.append("{}")', "", "new StringBuilder()", ".toString()"),
    "backslash at line ends": glued("{}", "\\\n", '"', '"'),
    "shell variables": variables("{0}='{1}'", "; ", 'v="${0}${1}${2}"'),
    "Python variables": variables("{0} = '{1}'", "\n", "v = a + b + c"),
    "batch variables": variables("set {0}={1}", "\n", "echo %a%%b%%c%"),
    "f-string": variables("{0} = '{1}'", "\n", "v = f'{{a}}{{b}}{{c}}'"),
    "sliced backwards": lambda _rng, v: f"'{v[::-1]}'[::-1]",
    "echo | rev": lambda _rng, v: f"$(echo '{v[::-1]}' | rev)",
    "replaced letter": lambda _rng, v: "'" + "#".join(v) + "'.replace('#', '')",
    "tr from letters": lambda _rng, v: (
        None
        if any(c.isalpha() for c in v)
        else f"$(echo {v.translate(str.maketrans('0123456789', 'abcdefghij')).replace(' ', '')} | tr a-j 0-9)"
    ),
    "sed script": lambda _rng, v: f"sed -e 's/@@V@@/{v}/g' form.txt",
    "regular expression": lambda _rng, v: "^" + v.replace(" ", "[ -]?").replace(".", r"\.").replace("+", r"\+") + "$",
    "classes of one": lambda _rng, v: "".join(f"[{c}]" for c in v),
    "snake case name": lambda _rng, v: "test_" + v.replace(" ", "").replace("-", "_") + "_is_accepted",
    "file name": lambda _rng, v: "scan_" + v.replace(" ", "-").replace("/", "-") + ".pdf",
    "parts as keys": lambda _rng, v: json.dumps({f"part_{n}": p for n, p in enumerate(pieces(v, 4), 1)}),
    "parts as items": lambda _rng, v: json.dumps(pieces(v, 4), indent=1),
    "parts as elements": lambda _rng, v: "".join(f"<p>{p}</p>" for p in pieces(v, 4)),
    "parts as attributes": lambda _rng, v: "<n " + " ".join(f'p{n}="{p}"' for n, p in enumerate(pieces(v, 4))) + "/>",
    "parts as settings": lambda _rng, v: "\n" + "\n".join(f"PART_{n}={p}" for n, p in enumerate(pieces(v, 4), 1)),
    "parts as text proto": lambda _rng, v: " ".join(f'part: "{p}"' for p in pieces(v, 4)),
    "YAML list": lambda _rng, v: "\n" + "\n".join(f"  - '{p}'" for p in pieces(v, 4)),
    "YAML folded": lambda _rng, v: ">-\n" + "\n".join(f"    {p}" for p in pieces(v, 4)),
    "base64 alone": lambda _rng, v: b64(v.encode()),
    "base64url bare": lambda _rng, v: base64.urlsafe_b64encode(v.encode()).decode().rstrip("="),
    "base64 of lines": lambda _rng, v: "\n".join(textwrap.wrap(b64(v.encode()), 8)),
    "base64 glued": lambda _rng, v: '"' + '" + "'.join(pieces(b64(v.encode()), 6)) + '"',
    "base64 spaced": lambda _rng, v: " ".join(pieces(b64(v.encode()), 4)),
    "atob": lambda _rng, v: f"atob('{b64(v.encode())}')",
    "Buffer.from hex": lambda _rng, v: f"Buffer.from('{v.encode().hex()}', 'hex').toString()",
    "UNHEX": lambda _rng, v: f"UNHEX('{v.encode().hex().upper()}')",
    "SQL 0x": lambda _rng, v: f"0x{v.encode().hex().upper()}",
    "unescape": lambda _rng, v: "unescape('" + "".join(f"%{ord(c):02x}" for c in v) + "')",
    "twice URL": lambda _rng, v: "".join(f"%25{ord(c):02X}" for c in v),
    "thrice URL": lambda _rng, v: "".join(f"%2525{ord(c):02X}" for c in v),
    "entities twice": lambda _rng, v: "".join(f"&amp;#{ord(c)};" for c in v),
    "named entities": lambda _rng, v: (
        v.replace("@", "&commat;").replace(".", "&period;")
        if "@" in v
        else v.replace("-", "&hyphen;")
        if "-" in v
        else None
    ),
    "UTF-7": lambda _rng, v: "".join(
        "+" + base64.b64encode(c.encode("utf-16-be")).decode().rstrip("=") + "-" for c in v
    ),
    "MIME B": lambda _rng, v: f"=?UTF-8?B?{b64(v.encode())}?=",
    "MIME Q": lambda _rng, v: "=?utf-8?Q?" + "".join(f"={ord(c):02X}" for c in v) + "?=",
    "base58": in_base(BASE58),
    "base62": in_base(BASE62),
    "base36 integer": in_base(string.digits + string.ascii_lowercase),
    "base91": base91,
    "decimal integer of bytes": in_base(string.digits),
    "multiplied": as_number(lambda n: f"{n // 10**6} * 10**6 + {n % 10**6}"),
    "hex integer": as_number(hex),
}

# The whole sentence is written so.
WHOLE: dict[str, Rewrite] = {
    "xxd": sentence(lambda t: dump(t.encode(), canonical=False)),
    "hexdump -C": sentence(lambda t: dump(t.encode(), canonical=True)),
    "od -c": sentence(lambda t: od(t.encode(), "  {1}")),
    "od -tx1": sentence(lambda t: od(t.encode(), "{0:02x}")),
    "od octal bytes": sentence(lambda t: od(t.encode(), "{0:03o}")),
    "quoted-printable": sentence(lambda t: quopri.encodestring("".join(t).encode(), quotetabs=True).decode()),
    "quoted-printable all": sentence(lambda t: "=\n".join(pieces("".join(f"={b:02X}" for b in t.encode()), 72))),
    "uuencode": sentence(
        lambda t: (
            "begin 644 n\n"
            + "".join(binascii.b2a_uu(t.encode()[n : n + 45]).decode() for n in range(0, len(t.encode()), 45))
            + "`\nend"
        )
    ),
    "base32": sentence(lambda t: base64.b32encode(t.encode()).decode()),
    "base32hex": sentence(lambda t: base64.b32hexencode(t.encode()).decode()),
    "base85": sentence(lambda t: base64.b85encode(t.encode()).decode()),
    "ascii85": sentence(lambda t: base64.a85encode(t.encode(), adobe=True).decode()),
    "base58 whole": in_base(BASE58),
    "base91 whole": base91,
    "UTF-16 base64": sentence(lambda t: f"powershell -EncodedCommand {b64(t.encode('utf-16-le'))}"),
    "UTF-16 hex": sentence(lambda t: t.encode("utf-16-be").hex()),
    "UTF-7 whole": sentence(lambda t: t.encode("utf-7").decode()),
    "gzip base64": sentence(lambda t: b64(gzip.compress(t.encode()))),
    "zlib hex": sentence(lambda t: zlib.compress(t.encode()).hex()),
    "raw deflate base64url": sentence(lambda t: base64.urlsafe_b64encode(zlib.compress(t.encode())[2:-4]).decode()),
    "bz2 base64": sentence(lambda t: b64(bz2.compress(t.encode()))),
    "xz base64": sentence(lambda t: b64(lzma.compress(t.encode()))),
    "base64 three times": sentence(lambda t: b64(b64(b64(t.encode()).encode()).encode())),
    "base64 reversed": sentence(lambda t: b64(t.encode())[::-1]),
    "reversed then base64": sentence(lambda t: b64(t[::-1].encode())),
    "rot13 of base64": sentence(
        lambda t: b64(t.encode()).translate(
            str.maketrans(
                string.ascii_letters,
                string.ascii_lowercase[13:]
                + string.ascii_lowercase[:13]
                + string.ascii_uppercase[13:]
                + string.ascii_uppercase[:13],
            )
        )
    ),
    "hex of base64": sentence(lambda t: b64(t.encode()).encode().hex()),
    "base64 of URL": sentence(lambda t: b64(urllib.parse.quote(t).encode())),
    "base64 of JSON": sentence(lambda t: b64(json.dumps({"text": t}).encode())),
    "data address": sentence(lambda t: f"data:text/plain;base64,{b64(t.encode())}"),
    "data address in URL form": sentence(lambda t: "data:text/plain," + urllib.parse.quote(t)),
    "web token": sentence(token),
    "JSON in JSON in JSON": sentence(lambda t: json.dumps({"a": json.dumps({"b": json.dumps({"c": t})})})),
    "kubernetes secret": sentence(lambda t: f"apiVersion: v1\nkind: Secret\ndata:\n  note: {b64(t.encode())}"),
    "XOR 0x20 hex": sentence(lambda t: bytes(b ^ 0x20 for b in t.encode()).hex()),
    "XOR 0x42 base64": sentence(lambda t: b64(bytes(b ^ 0x42 for b in t.encode()))),
    "here document": sentence(lambda t: f"base64 -d <<EOF\n{b64(t.encode())}\nEOF"),
    "echo | base64 -d": sentence(lambda t: f"echo {b64(t.encode())} | base64 -d"),
    "cron line": sentence(lambda t: f"*/5 * * * * root /usr/bin/notify --text={urllib.parse.quote(t)}"),
    "log value": sentence(lambda t: f'ts=1712 level=info msg="{t.replace(chr(34), "")}"'),
    "XML attribute": sentence(lambda t: f"<note text={json.dumps(html.escape(t, quote=True))}/>"),
    "XML CDATA": sentence(lambda t: f"<note><![CDATA[{t}]]></note>"),
    "PDF string": sentence(lambda t: "BT (" + t.replace("(", r"\(").replace(")", r"\)") + ") Tj ET"),
    "PDF hex string": sentence(lambda t: f"BT <{t.encode('latin-1', 'replace').hex()}> Tj ET"),
    "RTF": sentence(lambda t: r"{\rtf1\ansi " + "".join(f"\\'{b:02x}" for b in t.encode("latin-1", "replace")) + "}"),
    "netstring": sentence(lambda t: f"{len(t)}:{t},"),
    "percent all": sentence(lambda t: "".join(f"%{b:02X}" for b in t.encode())),
    "char codes": sentence(lambda t: " ".join(str(ord(c)) for c in t)),
    "char codes by commas": sentence(lambda t: json.dumps(list(t.encode()))),
    "words reversed": sentence(lambda t: " ".join(w[::-1] for w in t.split())),
    "order of words reversed": sentence(lambda t: " ".join(reversed(t.split()))),
    "sentence reversed": sentence(lambda t: t[::-1]),
    "column of four": sentence(lambda t: "\n".join(t.ljust(-(-len(t) // 4) * 4)[n::4] for n in range(4))),
    "vertical": sentence(lambda t: "\n".join(t)),
    "every second letter": lambda rng, t: "".join(c + rng.choice(string.ascii_lowercase) for c in t),
    "a space after each": sentence(lambda t: " ".join(t)),
    "in capitals, no spaces": sentence(lambda t: t.upper().replace(" ", "")),
    "A1Z26": sentence(
        lambda t: " ".join("-".join(str(ord(c) - 96) if "a" <= c <= "z" else c for c in w) for w in t.lower().split())
    ),
}
