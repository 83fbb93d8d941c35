"""Templates of texts, written by hand, and how they become texts with spans.

A file of templates holds headers "@@ lang form" or "@@ lang form lines". After the first kind comes one template, up to
the next header; after the second each line is a template, in which \\n is a line end. `{{slot}}` or `{{slot2}}` is
filled from `span_slots.SLOTS`; a number tells people apart; the same slot again is the same value.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import resources

from nemora.errors import UsageError
from nemora.train.authored import is_held_out
from nemora.train.span_noise import disturbed
from nemora.train.span_records import FIELDS, LAYOUTS, draw_record, record_group
from nemora.train.span_slots import SLOTS, Scene
from nemora.train.span_text import Piece, SpanText, joined

_SLOT = re.compile(r"\{\{([a-z]+)([2-9]?)\}\}")
RECORDS = 0.25
"""Share of generated texts that are records."""
_HEADER = re.compile(r"@@ ([a-z]{2}) ([a-z_]+)( lines)?")


@dataclass(frozen=True, slots=True)
class Template:
    """A text with slots. `group` is the same wherever the same words come again."""

    text: str
    lang: str
    form: str
    group: str


def parse_templates(data: str, where: str = "a file") -> list[Template]:
    """The templates of a file.

    Raises:
        UsageError: text before the first header, a header that is not as described, or a slot that does not exist.
    """
    found: list[Template] = []
    header: re.Match[str] | None = None
    block: list[str] = []
    for line in [*data.split("\n"), "@@"]:
        if not line.startswith("@@"):
            block.append(line)
            continue
        texts = _texts(block, lines=header is not None and header[3] is not None)
        if header is None and texts:
            raise UsageError(f"{where} has text before its first header; a line like '@@ en email' was expected.")
        found += [_template(text, header, where) for text in texts if header is not None]
        header, block = _HEADER.fullmatch(line), []
        if header is None and line != "@@":
            raise UsageError(f"{where} has a header that is not like '@@ en email' or '@@ en chat lines'.")
    return found


def _texts(block: list[str], *, lines: bool) -> list[str]:
    whole = [line.replace("\\n", "\n") for line in block] if lines else ["\n".join(block).strip("\n")]
    return [text for text in whole if text.strip()]


def _template(text: str, header: re.Match[str], where: str) -> Template:
    for slot, _ in _SLOT.findall(text):
        if slot not in SLOTS:
            raise UsageError(f"{where} names a slot that does not exist: {slot}.")
    words = _SLOT.sub("", text).lower()
    group = hashlib.sha256(" ".join(re.findall(r"\w+", words)).encode()).hexdigest()[:12]
    return Template(text, header[1], header[2], f"template:{group}")


def shipped_templates() -> list[Template]:
    """All templates of the package."""
    folder = resources.files("nemora.train") / "templates"
    files = sorted(file.name for file in folder.iterdir() if file.name.endswith(".txt"))
    return [
        template for name in files for template in parse_templates((folder / name).read_text(encoding="utf-8"), name)
    ]


def pieces_of(template: Template, scene: Scene) -> list[Piece]:
    """The template with its slots filled."""
    pieces: list[Piece] = []
    at = 0
    for match in _SLOT.finditer(template.text):
        pieces.append((template.text[at : match.start()], None))
        value = scene.value(match[1], match[2])
        if template.form in ("json", "code", "sql") and template.text[match.start() - 1 : match.start()] == '"':
            value = [
                (part.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"), kind) for part, kind in value
            ]
        pieces += value
        at = match.end()
    return [*pieces, (template.text[at:], None)]


def draw_text(template: Template, draw: random.Random, *, held_out: bool, noise: float = 0.35) -> SpanText:
    """One text from a template, with fresh values, in `noise` of all cases disturbed."""
    pieces = pieces_of(template, Scene(template.lang, draw, held_out))
    text, spans = joined(pieces)
    source = f"template:{template.form}"
    return _maybe_disturbed(SpanText(text, spans, template.lang, source, template.group), pieces, draw, noise)


def _maybe_disturbed(text: SpanText, pieces: list[Piece], draw: random.Random, noise: float) -> SpanText:
    if draw.random() >= noise:
        return text
    changed, spans = joined(disturbed(pieces, draw))
    return replace(text, text=changed, spans=spans)


def generate(count: int, seed: int, *, held_out: bool, noise: float = 0.35) -> Iterator[SpanText]:
    """`count` texts, the same for the same seed: from the templates that are learned from, or from the others.

    A quarter are records of fields (`span_records`).

    Templates held out are filled with names of locales that are never learned from, beside the others.
    """
    templates = [template for template in shipped_templates() if is_held_out(template.group) == held_out]
    draw = random.Random(seed)
    by_lang: dict[str, list[Template]] = {}
    for template in templates:
        by_lang.setdefault(template.lang, []).append(template)
    languages = sorted(by_lang)
    weights = [len(by_lang[lang]) ** 0.8 for lang in languages]  # between "as many as there are" and "all alike"
    records = [
        (lang, layout) for lang in FIELDS for layout in LAYOUTS if is_held_out(record_group(lang, layout)) == held_out
    ]
    english = [record for record in records if record[0] == "en"]
    for _ in range(count):
        if draw.random() < RECORDS:
            lang, layout = draw.choice(english if draw.random() < 0.5 else records)
            yield _maybe_disturbed(*draw_record(lang, layout, draw, held_out=held_out), draw, noise)
        else:
            lang = draw.choices(languages, weights)[0]
            yield draw_text(draw.choice(by_lang[lang]), draw, held_out=held_out, noise=noise)
