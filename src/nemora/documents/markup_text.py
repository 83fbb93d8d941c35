"""HTML as a reader sees it, beside its source."""

from __future__ import annotations

from html.parser import HTMLParser

_BLOCKS = {
    *("p", "div", "br", "tr", "table", "li", "ul", "ol", "dl", "dt", "dd", "h1", "h2", "h3", "h4", "h5", "h6", "pre"),
    *("section", "article", "header", "footer", "form", "option", "title", "blockquote", "hr", "body", "head"),
}


class _TextOfHtml(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("td", "th"):
            self.parts.append("\t")
        elif tag in _BLOCKS:
            self.parts.append("\n")
        for _, value in attrs:
            if value and "&" in (self.get_starttag_text() or ""):
                self.parts.append(f" {value} ")  # the source has them with entities

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.parts.append("\n")


def html_to_text(source: str) -> str:
    """Text between the tags, entities resolved, one line per block, and attributes whose source has entities."""
    parser = _TextOfHtml()
    parser.feed(source)
    parser.close()
    return "".join(parser.parts)
