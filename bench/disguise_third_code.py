"""A third set of disguises: what further languages, files and wires make of a value or a sentence.

Made from the world and not from the decoders.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import lzma
import random
import re
import string
import tarfile
import urllib.parse
import zipfile
import zlib
from collections.abc import Callable

from disguise_third_writing import bare, fours

Rewrite = Callable[[random.Random, str], str | None]
BASE45 = string.digits + string.ascii_uppercase + " $%*+-./:"
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
BASE32 = string.ascii_uppercase + "234567"
Z85 = string.digits + string.ascii_lowercase + string.ascii_uppercase + ".-:+=^!/*?&<>()[]{}@%$#"
B85 = string.digits + string.ascii_uppercase + string.ascii_lowercase + "!#$%&()*+-;<=>?@^_`{|}~"
BACON = {c: f"{n:05b}".translate(str.maketrans("01", "ab")) for n, c in enumerate(string.ascii_lowercase)}
POLYBIUS = {c: f"{n // 5 + 1}{n % 5 + 1}" for n, c in enumerate("abcdefghiklmnopqrstuvwxyz")}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def halves(value: str) -> tuple[str, str]:
    return value[: len(value) // 2], value[len(value) // 2 :]


def joined(form: str) -> Rewrite:
    """`form` with {a} and {b}, the halves of the value."""

    def write(_rng: random.Random, value: str) -> str | None:
        if any(c in value for c in "\"'\\{}$`"):
            return None
        a, b = halves(value)
        return form.replace("{a}", a).replace("{b}", b)

    return write


def each(form: Callable[[str], str], around: str = "{}", gap: str = "") -> Rewrite:
    """`form` of each character, joined by `gap`, inside `around`."""

    def write(_rng: random.Random, value: str) -> str | None:
        return around.replace("{}", gap.join(form(c) for c in value))

    return write


def grouped(form: Callable[[list[str]], str]) -> Rewrite:
    def write(_rng: random.Random, value: str) -> str | None:
        digits = bare(value, 7)
        return None if digits is None else form(fours(digits))

    return write


def whole(form: Callable[[str], str | None]) -> Rewrite:
    return lambda _rng, value: form(value)


def base45(data: bytes) -> str:
    """RFC 9285: two bytes are three digits."""
    out = ""
    for n in range(0, len(data), 2):
        number = int.from_bytes(data[n : n + 2], "big")
        for _ in range(3 if len(data[n : n + 2]) == 2 else 2):
            number, rest = divmod(number, 45)
            out += BASE45[rest]
    return out


def zipped(text: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("note.txt"), text)
    return held.getvalue()


def tarred(text: str) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as archive:
        entry = tarfile.TarInfo("note.txt")
        entry.size = len(text.encode())
        archive.addfile(entry, io.BytesIO(text.encode()))
    return held.getvalue()


def yenc(text: str) -> str:
    """Bytes plus 42; critical ones behind a sign."""
    out = ""
    for byte in text.encode():
        coded = (byte + 42) % 256
        out += f"={chr((coded + 64) % 256)}" if coded in (0, 10, 13, 61) else chr(coded)
    return f"=ybegin line=128 size={len(text.encode())} name=n\n{out}\n=yend"


def xxencode(text: str) -> str:
    alphabet = "+-0123456789" + string.ascii_uppercase + string.ascii_lowercase
    table = str.maketrans(string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/", alphabet)
    data = text.encode()
    lines = []
    for n in range(0, len(data), 45):
        part = data[n : n + 45]
        lines.append(alphabet[len(part)] + b64(part + b"\0" * (-len(part) % 3)).translate(table))
    return "begin 644 n\n" + "\n".join(lines) + "\n+\nend"


def vigenere(text: str, key: str = "lemon") -> str:
    out, n = "", 0
    for c in text:
        if c.isascii() and c.isalpha():
            first = ord("a") if c.islower() else ord("A")
            out += chr((ord(c) - first + ord(key[n % len(key)]) - 97) % 26 + first)
            n += 1
        else:
            out += c
    return f"{out} (Vigenère, key {key})"


def in_zero_width(text: str) -> str:
    bits = "".join(f"{byte:08b}" for byte in text.encode())
    return "Nice weather." + bits.translate(str.maketrans("01", "\u200b\u200c")) + " Bye."


def in_white_space(text: str) -> str:
    lines = ["".join("\t" if bit == "1" else " " for bit in f"{byte:08b}") for byte in text.encode()]
    return "\n".join(lines)


def acrostic(text: str) -> str:
    words = {"0": "zebra", "1": "one"}
    return "\n".join(f"{c} is the next{words.get(c, '')}" for c in text if c != " ")


def ebcdic(text: str) -> bytes:
    return text.encode("cp037", "replace")


def pem(text: str) -> str:
    body = b64(text.encode())
    return "-----BEGIN MESSAGE-----\n" + "\n".join(re.findall(".{1,64}", body)) + "\n-----END MESSAGE-----"


CODE_THIRD: dict[str, Rewrite] = {
    "Rust concat!": joined('concat!("{a}", "{b}")'),
    "Go strings.Join": joined('strings.Join([]string{"{a}", "{b}"}, "")'),
    "Kotlin append": joined('buildString { append("{a}"); append("{b}") }'),
    "Swift interpolation": joined('"\\("{a}")\\("{b}")"'),
    "C# string.Concat": joined('string.Concat("{a}", "{b}")'),
    "C# String.Format": joined('String.Format("{0}{1}", "{a}", "{b}")'),
    "Python format": joined('"{}{}".format("{a}", "{b}")'),
    "Python percent": joined('"%s%s" % ("{a}", "{b}")'),
    "Haskell ++": joined('"{a}" ++ "{b}"'),
    "OCaml ^": joined('"{a}" ^ "{b}"'),
    "Fortran //": joined("'{a}' // '{b}'"),
    "Julia *": joined('"{a}" * "{b}"'),
    "MATLAB brackets": joined("['{a}' '{b}']"),
    "MATLAB strcat": joined("strcat('{a}', '{b}')"),
    "Scala mkString": joined('List("{a}", "{b}").mkString'),
    "Elixir Enum.join": joined('Enum.join(["{a}", "{b}"])'),
    "PowerShell -join": joined("('{a}','{b}') -join ''"),
    "PowerShell -f": joined("'{0}{1}' -f '{a}','{b}'"),
    "Ruby <<": joined('s = "{a}"\ns << "{b}"'),
    "Python +=": joined('s = "{a}"\ns += "{b}"'),
    "Perl join": joined("join('', '{a}', '{b}')"),
    "PHP implode": joined("implode('', ['{a}', '{b}'])"),
    "Tcl append": joined("set s {a}\nappend s {b}"),
    "COBOL STRING": joined("STRING '{a}' DELIMITED BY SIZE '{b}' DELIMITED BY SIZE INTO WS-X"),
    "JavaScript concat": joined("'{a}'.concat('{b}')"),
    "Sheets JOIN": joined('=JOIN("", {"{a}", "{b}"})'),
    "jq string": joined('jq -n \'"{a}" + "{b}"\''),
    "Nix": joined('let a = "{a}"; b = "{b}"; in a + b'),
    "Makefile": joined("A := {a}\nB := {b}\nC := $(A)$(B)"),
    "Dockerfile": joined("ENV A={a}\nENV B={b}\nENV C=${A}${B}"),
    "GitHub format": joined("${{ format('{0}{1}', '{a}', '{b}') }}"),
    "assembler db": joined("db '{a}'\n db '{b}', 0"),
    "C macro": joined('#define A "{a}"\n#define B "{b}"\nputs(A B);'),
    "Oracle UNISTR": each(lambda c: f"\\{ord(c):04X}", "UNISTR('{}')"),
    "NCHAR +": each(lambda c: f"NCHAR({ord(c)})", gap=" + "),
    "Excel UNICHAR": each(lambda c: f"UNICHAR({ord(c)})", "={}", "&"),
    "LaTeX char": each(lambda c: f"\\char{ord(c)} "),
    "TeX ^^": each(lambda c: f"^^{ord(c):02x}"),
    "troff": each(lambda c: f"\\[u{ord(c):04X}]"),
    "C hex array": each(lambda c: f"0x{ord(c):02X}", "char s[] = {{}};", ", "),
    "Python map chr": each(lambda c: str(ord(c)), "''.join(map(chr, [{}]))", ", "),
    "Python bytes": each(lambda c: str(ord(c)), "bytes([{}]).decode()", ","),
    "Swift \\u": each(lambda c: f"\\u{ord(c):X}".replace("\\u", "\\u{") + "}"),
    "Prolog codes": each(lambda c: str(ord(c)), "atom_codes(X, [{}])", ","),
    "Erlang binary": each(lambda c: str(ord(c)), "<<{}>>", ","),
    "SVG tspans": each(lambda c: f'<tspan dx="2">{c}</tspan>'),
    "HTML wbr": each(lambda c: c, gap="<wbr>"),
    "HTML fake span": whole(lambda v: v[:4] + '<span style="display:none">xx</span>' + v[4:]),
    "HTML ruby": whole(lambda v: f"<ruby>{v[:4]}<rt></rt></ruby>{v[4:]}"),
    "CSS content": joined('.a::before{content:"{a}"} .a::after{content:"{b}"}'),
    "data attributes": joined('<i data-a="{a}" data-b="{b}"></i>'),
    "nowiki": whole(lambda v: f"{v[:4]}<nowiki/>{v[4:]}"),
    "spoilers": grouped(lambda g: "".join(f"||{x}||" for x in g)),
    "Markdown links": grouped(lambda g: "".join(f"[{x}](#)" for x in g)),
    "Markdown maths": grouped(lambda g: "".join(f"${x}$" for x in g)),
    "Markdown escapes": each(lambda c: c if c.isalnum() else "\\" + c),
    "reStructuredText": grouped(lambda g: "\\ ".join(f"``{x}``" for x in g)),
    "AsciiDoc": whole(lambda v: f"{v[:4]}pass:[]{v[4:]}"),
    "vCard folded": whole(lambda v: f"NOTE:{v[:6]}\r\n {v[6:]}"),
    "word diff": whole(lambda v: f"{v[:4]}[-x-]" + "{+" + v[4:] + "+}"),
    "path": grouped(lambda g: "/" + "/".join(g) + "/"),
    "nested keys": grouped(lambda g: '{"' + '": {"'.join(g) + '": {}' + "}" * len(g)),
    "keys of places": grouped(lambda g: json.dumps({str(n): c for n, c in enumerate("".join(g))})),
    "query of parts": grouped(lambda g: "?" + "&".join(f"p{n}={x}" for n, x in enumerate(g))),
    "labels of a host": grouped(lambda g: ".".join(g) + ".example"),
    "log lines": grouped(lambda g: "\n" + "\n".join(f"12:00:0{n} part={x}" for n, x in enumerate(g))),
    "transposed CSV": grouped(lambda g: "\n" + "\n".join(f"part {n},{x}" for n, x in enumerate(g, 1))),
    "questions and answers": grouped(
        lambda g: f"Q: first part? A: {g[0]}" + "".join(f" Q: and then? A: {x}" for x in g[1:])
    ),
    "array index": grouped(lambda g: "\n".join(f"a[{n}] = {x};" for n, x in enumerate(g))),
    "base45": whole(lambda v: base45(v.encode())),
    "Crockford base32": whole(
        lambda v: base64.b32encode(v.encode()).decode().rstrip("=").translate(str.maketrans(BASE32, CROCKFORD))
    ),
    "Z85": whole(lambda v: base64.b85encode(v.encode()).decode().translate(str.maketrans(B85, Z85))),
    "base16 of letters": whole(lambda v: "".join(chr(97 + b // 16) + chr(97 + b % 16) for b in v.encode())),
    "base100": whole(lambda v: "".join(chr(0x1F3F7 + b) for b in v.encode())),
    "hex of EBCDIC": whole(lambda v: ebcdic(v).hex()),
    "Z1A26": each(lambda c: str(26 - (ord(c) - 97)) if "a" <= c <= "z" else c, gap=" "),
    "rot18": whole(
        lambda v: v.translate(
            str.maketrans(
                string.ascii_lowercase + string.ascii_uppercase + string.digits,
                "nopqrstuvwxyzabcdefghijklmNOPQRSTUVWXYZABCDEFGHIJKLM5678901234",
            )
        )
    ),
    "digits in zero-width": whole(
        lambda v: "\u200b" + "".join(f"{ord(c):08b}" for c in v).translate(str.maketrans("01", "\u200c\u200d"))
    ),
}


def sentence(form: Callable[[str], str | None]) -> Rewrite:
    return lambda _rng, text: form(text)


WHOLE_THIRD: dict[str, Rewrite] = {
    "zip base64": sentence(lambda t: b64(zipped(t))),
    "tar.gz base64": sentence(lambda t: b64(tarred(t))),
    "lzma base64": sentence(lambda t: b64(lzma.compress(t.encode(), lzma.FORMAT_ALONE))),
    "gzip base85": sentence(lambda t: base64.b85encode(gzip.compress(t.encode())).decode()),
    "zlib base32": sentence(lambda t: base64.b32encode(zlib.compress(t.encode())).decode()),
    "gzip hex pairs": sentence(lambda t: gzip.compress(t.encode()).hex(" ")),
    "gzip twice base64": sentence(lambda t: b64(gzip.compress(gzip.compress(t.encode())))),
    "gzip of base64": sentence(lambda t: b64(gzip.compress(b64(t.encode()).encode()))),
    "PEM": sentence(pem),
    "LDIF": sentence(lambda t: f"dn: cn=a\nnote:: {b64(t.encode())}"),
    "yEnc": sentence(yenc),
    "xxencode": sentence(xxencode),
    "base45 whole": sentence(lambda t: base45(t.encode())),
    "Z85 whole": sentence(lambda t: base64.b85encode(t.encode()).decode().translate(str.maketrans(B85, Z85))),
    "letters of half bytes": sentence(lambda t: "".join(chr(97 + b // 16) + chr(97 + b % 16) for b in t.encode())),
    "base100 whole": sentence(lambda t: "".join(chr(0x1F3F7 + b) for b in t.encode())),
    "EBCDIC hex": sentence(lambda t: ebcdic(t).hex()),
    "UTF-32 hex": sentence(lambda t: t.encode("utf-32-be").hex()),
    "UTF-16 octets": sentence(lambda t: t.encode("utf-16-le").hex(" ")),
    "punycode": sentence(lambda t: "xn--" + ("ü" + t).encode("punycode").decode()),
    "bits of zero-width": sentence(in_zero_width),
    "bits of white space": sentence(in_white_space),
    "bits of emoji": sentence(
        lambda t: " ".join(f"{b:08b}" for b in t.encode()).translate(str.maketrans("01", "⚪⚫"))
    ),
    "bits of letters": sentence(
        lambda t: " ".join(f"{b:08b}" for b in t.encode()).translate(str.maketrans("01", "ab"))
    ),
    "bits by commas": sentence(lambda t: ",".join(f"0b{b:08b}" for b in t.encode())),
    "octal list": sentence(lambda t: " ".join(f"{b:o}" for b in t.encode())),
    "trits": sentence(lambda t: " ".join(f"{b // 81}{b // 27 % 3}{b // 9 % 3}{b // 3 % 3}{b % 3}" for b in t.encode())),
    "Vigenère with its key": sentence(vigenere),
    "Bacon": sentence(lambda t: " ".join(BACON.get(c, c) for c in t.lower())),
    "Polybius": sentence(lambda t: " ".join(POLYBIUS.get(c, c) for c in t.lower().replace("j", "i"))),
    "tap code": sentence(
        lambda t: "  ".join(
            " ".join("." * int(d) for d in POLYBIUS[c]) if c in POLYBIUS else c for c in t.lower().replace("j", "i")
        )
    ),
    "acrostic": sentence(acrostic),
    "first letters of lines": sentence(lambda t: "\n".join(f"{c}_ line" for c in t)),
    "JSON list of characters": sentence(lambda t: json.dumps(list(t), ensure_ascii=False)),
    "JSON list of words": sentence(lambda t: json.dumps(t.split(), ensure_ascii=False)),
    "JSON in a query": sentence(lambda t: "GET /x?d=" + urllib.parse.quote(json.dumps({"t": t})) + " HTTP/1.1"),
    "form in base64": sentence(lambda t: b64(urllib.parse.urlencode({"note": t, "x": "1"}).encode())),
    "Basic header": sentence(lambda t: f"Authorization: Basic {b64(t.encode())}"),
    "PowerShell hex": sentence(lambda t: "-join ('" + t.encode().hex(",") + "' -split ',' | % {[char][int]\"0x$_\"})"),
    "perl pack": sentence(lambda t: f'perl -e \'print pack("H*","{t.encode().hex()}")\''),
    "python fromhex": sentence(lambda t: f'bytes.fromhex("{t.encode().hex(" ")}")'),
    "HTML comment": sentence(lambda t: f"<p>Hello</p><!-- {t} -->"),
    "HTML title attribute": sentence(lambda t: f'<b title="{t.replace(chr(34), "&quot;")}">x</b>'),
    "CSV in quotes": sentence(lambda t: 'id,note\n1,"' + t.replace('"', '""') + '"'),
    "word on each line": sentence(lambda t: "\n".join(t.split())),
    "words numbered": sentence(lambda t: "\n".join(f"{n}. {w}" for n, w in enumerate(t.split(), 1))),
    "words in brackets": sentence(lambda t: " ".join(f"[{w}]" for w in t.split())),
    "words by plus": sentence(lambda t: t.replace(" ", "+")),
    "camel case": sentence(lambda t: "".join(w[:1].upper() + w[1:] for w in t.split())),
    "no vowels in words": sentence(
        lambda t: " ".join(w if not w.isalpha() else w[0] + re.sub("[aeiou]", "", w[1:]) for w in t.split())
    ),
    "two columns": sentence(
        lambda t: "\n".join(
            f"{a}    |    {b}" for a, b in zip(fours(t), ["lorem", "ipsum", "dolor", "sit"] * 40, strict=False)
        )
    ),
}
