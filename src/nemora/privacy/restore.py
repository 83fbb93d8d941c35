"""Stand-ins in an answer become the values that they stand for, while the answer streams, at any split.

Only what could be the beginning of a stand-in of this request is held back. What looks like a stand-in and is none (a
model invented it, or the request was another one) is left as it is, and counted. Inside a URL a value is put back only
where the request had it in a URL of the same host: what is only shown to the user could carry it out otherwise.

In JSON a value is escaped as often as strings are open around it, for a string of arguments may hold JSON itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from nemora.core import Delta, ToolCallDelta
from nemora.privacy.json_fields import DEEPEST, escaped
from nemora.privacy.json_nesting import JsonNesting
from nemora.privacy.placeholder import LOOKALIKE
from nemora.privacy.url_context import LOOK_BACK, url_around


class Values:
    """What stands for what, in every form in which a model may write it: other case, Markdown's `\\_`, a URL's `%40`.

    Args:
        values: the real value of each stand-in.
        as_json: values go into the strings of JSON text and are escaped for that.
        in_urls: hosts with the stand-ins that the request had in URLs of theirs; only there a value goes into a URL.
    """

    def __init__(
        self, values: Mapping[str, str], *, as_json: bool = False, in_urls: Collection[tuple[str, str]] = ()
    ) -> None:
        self.as_json = as_json
        self.in_urls = frozenset((host, stand_in.lower()) for host, stand_in in in_urls)
        self.forms: dict[str, str] = {}
        for stand_in, value in values.items():
            self.forms[stand_in.lower()] = value
            for depth in range(1, DEEPEST + 1) if as_json else (0,):
                self.forms[stand_in.lower().replace("_", escaped("\\", depth) + "_")] = value
            if "@" in stand_in:
                self.forms[stand_in.lower().replace("@", "%40")] = _in_url(value)
        self.beginnings = frozenset(form[:size] for form in self.forms for size in range(1, len(form)))
        firsts = sorted({re.escape(form[:2]) for form in self.forms})
        singles = sorted({form[0] for form in self.forms})
        self.plain = {form: form.replace("\\", "").replace("%40", "@") for form in self.forms}
        self.first = re.compile(f"{'|'.join(firsts)}|[{''.join(singles)}]\\Z", re.IGNORECASE) if self.forms else None


def _in_url(value: str) -> str:
    """`value` percent-encoded (RFC 3986)."""
    data = value.encode("utf-8", "replace")
    return re.sub(rb"[^A-Za-z0-9._~-]", lambda byte: b"%%%02X" % byte.group()[0], data).decode("ascii")


class Restorer:
    """Restores one stream of text. What `feed` and `finish` return together does not depend on how it was split."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self._held = ""
        self._raw: list[str] = []
        self._before = ""
        self._nesting = JsonNesting(DEEPEST) if values.as_json else None
        self.restored = 0
        self.kept = 0

    def feed(self, text: str) -> str:
        """The next piece; returns what is certain by now."""
        self._raw.append(text)
        return self._release(self._held + text, final=False)

    def finish(self) -> str:
        """The rest."""
        return self._release(self._held, final=True)

    def let_go(self) -> str:
        """What is held, if it is letters only: where something else goes on, it was the end of a word."""
        return self.finish() if self._held.isalpha() else ""

    def withheld(self) -> int:
        """How many stand-ins of this request were left in it on purpose."""
        return self.kept

    def left(self) -> list[str]:
        """Everything so far that looks like a stand-in and is none of this request, in lower case and unescaped."""
        found = (match.group().lower() for match in LOOKALIKE.finditer("".join(self._raw)))
        return [text for text in found if not self._begins_known(text)]

    def _begins_known(self, text: str) -> bool:
        return any(text[:size] in self._values.forms for size in range(len(text), 8, -1))

    def _release(self, text: str, *, final: bool) -> str:
        out: list[str] = []
        done = 0
        self._held = ""
        while self._values.first is not None and (first := self._values.first.search(text, done)) is not None:
            start = first.start()
            out.append(self._passed(text[done:start]))
            done = start
            end, is_open = self._longest(text, start)
            if is_open and not final:
                self._held = text[start:]
                return "".join(out)
            done = end if end > start else start + 1
            out.append(self._restored(text[start:end]) if end > start else text[start])
            self._passed(text[start:done])
        out.append(self._passed(text[done:]))
        return "".join(out)

    def _restored(self, form: str) -> str:
        """The value, escaped for its place; the stand-in where it may carry it out, or deeper than values are put."""
        depth = 0 if self._nesting is None else max(self._nesting.depth, 1)
        if depth > DEEPEST or not self._may_stand(form.lower(), depth):
            self.kept += 1
            return form
        self.restored += 1
        return escaped(self._values.forms[form.lower()], depth)

    def _may_stand(self, form: str, depth: int) -> bool:
        """Whether each reading of what stands before, by a reader of the inner JSON too, lets a value follow."""
        readings = range(min(depth, 1), depth + 1)
        hosts = {url_around(self._before, depth=times, deeper=times < depth) for times in readings} - {None}
        return all((host, self._values.plain[form]) in self._values.in_urls for host in hosts)

    def _passed(self, text: str) -> str:
        self._before = (self._before + text)[-LOOK_BACK:]
        if self._nesting is not None:
            self._nesting.feed(text)
        return text

    def _longest(self, text: str, start: int) -> tuple[int, bool]:
        """The end of the longest stand-in at `start`, or `start` if there is none; whether more could change it."""
        best = start
        for end in range(start + 1, len(text) + 1):
            piece = text[start:end].lower()
            if piece in self._values.forms:
                best = end
            if piece not in self._values.beginnings:
                return best, False
        return best, True


class Untouched(Restorer):
    """A stream whose stand-ins must stay: the arguments of a tool that may not have real values."""

    def feed(self, text: str) -> str:
        self._raw.append(text)
        return text

    def finish(self) -> str:
        return ""

    def withheld(self) -> int:
        found = (match.group().lower() for match in LOOKALIKE.finditer("".join(self._raw)))
        return sum(self._begins_known(text) for text in found)


@dataclass(slots=True)
class _Choice:
    """The streams of one answer; several may be asked for, and their deltas come mixed."""

    text: Restorer
    reasoning: Restorer
    calls: dict[int, Restorer] = field(default_factory=dict)

    def streams(self) -> list[Restorer]:
        return [self.text, self.reasoning, *self.calls.values()]


class AnswerRestorer:
    """Restores the deltas of one answer: text, reasoning and the arguments of each tool call, each by itself.

    Args:
        values: the real value of each stand-in.
        may_restore: whether the arguments of a tool of this name may have real values.
        in_urls: see `Values`.
        json_text: the text of the answer is JSON, because the request asked for it.
    """

    def __init__(
        self,
        values: Mapping[str, str],
        may_restore: Callable[[str], bool],
        in_urls: Collection[tuple[str, str]] = (),
        *,
        json_text: bool = False,
    ) -> None:
        self._plain = Values(values, in_urls=in_urls)
        self._json = Values(values, as_json=True, in_urls=in_urls)
        self._text = self._json if json_text else self._plain
        self._may_restore = may_restore
        self._choices: dict[int, _Choice] = {}

    def feed(self, delta: Delta) -> Iterator[Delta]:
        """What one delta becomes: itself restored, nothing yet, or with the last one what was still held."""
        if delta.finish is not None:
            inner = replace(delta, finish=None, usage=None)
            if inner != Delta(index=delta.index):
                yield from self.feed(inner)
            yield from self._finish(delta.index)
            yield Delta(finish=delta.finish, usage=delta.usage, index=delta.index)
            return
        choice = self._choice(delta.index)
        if delta.signature and (rest := choice.reasoning.finish()):  # a block of thinking is over: nothing comes to it
            yield Delta(reasoning=rest, index=delta.index)
        yield from _before(choice, delta)
        restored = replace(
            delta,
            text=choice.text.feed(delta.text) if delta.text else "",
            reasoning=choice.reasoning.feed(delta.reasoning) if delta.reasoning else "",
            tool_call=None if delta.tool_call is None else self._call(choice, delta.tool_call),
            # Pieces of stand-ins are no pieces of what they stand for: no chance is better than a wrong one.
            logprobs=(),
        )
        if restored != Delta(index=delta.index):
            yield restored

    def finish(self) -> Iterator[Delta]:
        """What was held back, when the stream has ended."""
        for index in self._choices:
            yield from self._finish(index)

    def _finish(self, index: int) -> Iterator[Delta]:
        choice = self._choice(index)
        last = Delta(text=choice.text.finish(), reasoning=choice.reasoning.finish(), index=index)
        if last != Delta(index=index):
            yield last
        for number, call in choice.calls.items():
            rest = call.finish()
            if rest:
                yield Delta(tool_call=ToolCallDelta(number, arguments=rest), index=index)

    def counts(self) -> dict[str, int]:
        """How many stand-ins were restored, withheld from tools and URLs, or unknown to this request. No content."""
        streams = [stream for choice in self._choices.values() for stream in choice.streams()]
        return {
            "restored": sum(stream.restored for stream in streams),
            "withheld": sum(stream.withheld() for stream in streams),
            "unknown": sum(len(stream.left()) for stream in streams),
        }

    def _choice(self, index: int) -> _Choice:
        if index not in self._choices:
            self._choices[index] = _Choice(Restorer(self._text), Restorer(self._plain))
        return self._choices[index]

    def _call(self, choice: _Choice, piece: ToolCallDelta) -> ToolCallDelta | None:
        if piece.index not in choice.calls:
            allowed = piece.name is not None and self._may_restore(piece.name)
            choice.calls[piece.index] = (Restorer if allowed else Untouched)(self._json)
        arguments = choice.calls[piece.index].feed(piece.arguments) if piece.arguments else ""
        if not arguments and piece.id is None and piece.name is None:
            return None
        return replace(piece, arguments=arguments)


def _before(choice: _Choice, delta: Delta) -> Iterator[Delta]:
    """What is held of a word that ended where `delta` goes on with something else: it stands before that."""
    if not delta.reasoning and (delta.text or delta.tool_call) and (rest := choice.reasoning.let_go()):
        yield Delta(reasoning=rest, index=delta.index)
    if not delta.text and (delta.reasoning or delta.tool_call) and (rest := choice.text.let_go()):
        yield Delta(text=rest, index=delta.index)
