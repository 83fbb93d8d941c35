"""Which attributes of office formats hold text of people, and which only layout.

Attributes of foreign namespaces always count as text. Of the formats' own, those that people fill count always, and the
others unless they look like layout: one word, a short number, a colour, an identifier, a font.
"""

from __future__ import annotations

import re

_OWN = (
    *("http://schemas.openxmlformats.org/", "http://schemas.microsoft.com/", "http://purl.oclc.org/ooxml/"),
    *("urn:oasis:names:tc:opendocument:", "urn:schemas-microsoft-com:", "http://www.w3.org/"),
    *("http://openoffice.org/", "urn:org:documentfoundation:", "http://purl.org/"),
)
_PEOPLE = {
    *("author", "initials", "userId", "userName", "displayName", "display-name", "creator", "lastModifiedBy", "descr"),
    *("desc", "description", "title", "alt", "caption", "tooltip", "display", "location", "label", "note", "subject"),
    *("keywords", "prompt", "promptTitle", "error", "errorTitle", "text", "string", "displayText", "href", "formula"),
    *("formatCode", "string-value", "date-value", "time-value", "uniqueName"),
}
_VALUES_OF = {"alias", "tag", "docVar", "default", "statusText", "helpText", "s", "x", "filter", "cell", "table-cell"}
_FONTS = {"typeface", "ascii", "hAnsi", "cs", "eastAsia", "panose", "font-name", "font-family", "altName"}
_LAYOUT_ELEMENTS = {"panose1", "sig", "font", "lsdException"}  # fonts, and the names of styles that the format defines
_NUMBER = re.compile(
    r"[-+]?[\d.,]{1,10}[a-z%]{0,3}|#?[0-9A-Fa-f]{1,8}|\{?[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}?"
)
_WORD = re.compile(r"[A-Za-z./_#][\w./:+#*-]{0,79}")
_LONG_NUMBER = re.compile(r"\d{5}")


def is_own(namespace: str) -> bool:
    """A namespace of the office formats, or none."""
    return not namespace or namespace.startswith(_OWN)


def is_for_people(element: str, attribute: str) -> bool:
    """Attributes that get a passage with a label of their own."""
    return attribute in _PEOPLE or (attribute in ("val", "value", "v") and element in _VALUES_OF)


def is_layout(namespace: str, element: str, attribute: str, value: str) -> bool:
    """`namespace` is that of the attribute, or of its element."""
    if not value.strip() or value.startswith(_OWN):
        return True
    if not namespace or not is_own(namespace):
        return False
    if element in _LAYOUT_ELEMENTS or attribute in _FONTS or attribute.rpartition("-")[0] in _FONTS:
        return True
    if attribute == "name":
        return False
    if _NUMBER.fullmatch(value) or value.startswith("application/"):
        return True
    return bool(_WORD.fullmatch(value)) and not _LONG_NUMBER.search(value)
