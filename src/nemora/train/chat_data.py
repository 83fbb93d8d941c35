"""Conversations as token ids, with the tokens that are learned: what the assistant wrote, up to what ends its turn.

Templates say nowhere which part of a prompt an assistant wrote (those with `{% generation %}` are few), so it is found
by rendering prefixes: what stands after `messages[:i]` with the generation prompt was written by the assistant in
message i. Two things may break that, and are seen:

- A template may rewrite history: many drop the reasoning of earlier turns. Then the conversation becomes several
  sequences, each ending in an answer as it looks when it is given, and no answer is learned in a form that the model
  is never to write.
- A template may render an answer in another way than its own generation prompt begins it. Then nobody can say what the
  model should have continued, and the conversation is refused. Only reasoning tags may differ: the answer then begins
  where the two part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from nemora.chat.reasoning import ReasoningTags
from nemora.chat.template import ChatTemplate
from nemora.chat.tokenizer import Tokenizer
from nemora.errors import RequestError, TemplateError, UsageError
from nemora.train.chat_file import Chat

Run = int | bytes
"""A special token's id, or the bytes of the ordinary tokens between two of them."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A sequence of token ids; `learned` says of each whether the model is to learn to write it, `where` its line."""

    ids: tuple[int, ...]
    learned: tuple[bool, ...]
    where: str = ""

    def __post_init__(self) -> None:
        if len(self.ids) != len(self.learned):
            raise ValueError("a sample needs a mark for each id")

    @property
    def targets(self) -> int:
        """Tokens that count for the loss: the first of a sequence has nothing before it."""
        return sum(self.learned[1:])

    def cut(self, length: int) -> Sample:
        """Its first `length` tokens."""
        return Sample(self.ids[:length], self.learned[:length], self.where)


@dataclass(frozen=True, slots=True)
class Rendered:
    """All samples of a file and what became of its conversations."""

    samples: tuple[Sample, ...]
    chats: int
    cut: int
    dropped: int

    @property
    def tokens(self) -> int:
        return sum(len(sample.ids) for sample in self.samples)

    @property
    def targets(self) -> int:
        return sum(sample.targets for sample in self.samples)


def render_chats(chats: Sequence[Chat], template: ChatTemplate, tokenizer: Tokenizer, *, longest: int) -> Rendered:
    """Samples of at most `longest` tokens.

    A longer one is cut at its end, since what an answer says rests on what came before it; one that has nothing to
    learn left is dropped. Both are counted.

    Raises:
        UsageError: the template refuses a conversation or its answers cannot be told apart; the error names the line.
        TemplateError: the template fails.
    """
    samples: list[Sample] = []
    cut = dropped = 0
    for chat in chats:
        for sample in samples_of(chat, template, tokenizer):
            cut += len(sample.ids) > longest
            shorter = sample.cut(longest)
            dropped += not shorter.targets
            samples += [shorter] if shorter.targets else []
    return Rendered(tuple(samples), len(chats), cut, dropped)


def samples_of(chat: Chat, template: ChatTemplate, tokenizer: Tokenizer) -> Iterator[Sample]:
    """The sequences of one conversation: mostly one. What follows its last answer is left out.

    Raises: as `render_chats`.
    """
    runs = Runs(tokenizer)
    ids: list[int] = []
    learned: list[bool] = []
    for index, message in enumerate(chat.messages):
        if message.role != "assistant" or index < chat.learned_from:
            continue
        asked, answered = _rendered(chat, index, template)
        kept = runs.joined(ids, asked) if ids else None
        if kept is None:  # the first answer, or history looks different now
            if any(learned):
                yield Sample(tuple(ids), tuple(learned), chat.where)
            ids, learned, kept = [], [], asked
        learned += [False] * (len(kept) - len(ids))
        begun = runs.begun(kept, answered)
        if begun is None:
            raise UsageError(
                f"{chat.where} cannot be used: the chat template does not render an answer as its generation prompt "
                "begins it, so what the model should write cannot be told; a template for training is needed."
            )
        ids, first = begun
        learned = learned[:first] + _marks(ids[first:], tokenizer, chat.where)
    if any(learned):
        yield Sample(tuple(ids), tuple(learned), chat.where)


def _rendered(chat: Chat, index: int, template: ChatTemplate) -> tuple[list[int], list[int]]:
    """What the model is given before answer `index`, and the same with that answer."""
    _refuse_unseen(chat, template)
    try:
        asked = template.render(chat.messages[:index], tools=chat.tools)
        answered = template.render(chat.messages[: index + 1], tools=chat.tools, add_generation_prompt=False)
    except RequestError as error:
        raise UsageError(f"{chat.where} cannot be used: {error.message}") from None
    except TemplateError as error:
        raise TemplateError(f"{chat.where} cannot be used: {error.message}") from None
    return asked.ids, answered.ids


def _refuse_unseen(chat: Chat, template: ChatTemplate) -> None:
    """What a template never looks at would be missing from the answers without a word."""
    there = {
        "tools": bool(chat.tools),
        "tool_calls": any(message.tool_calls for message in chat.messages),
        "reasoning_content": any(message.reasoning for message in chat.messages),
    }
    for name, used in there.items():
        if used and name not in template.source:
            raise UsageError(
                f"{chat.where} cannot be used: it has {name}, which the model's chat template does not know."
            )


def _marks(answer: Sequence[int], tokenizer: Tokenizer, where: str) -> list[bool]:
    """An answer's tokens are learned up to the one that ends the turn; what templates write behind it is not."""
    ends = [place for place, token_id in enumerate(answer) if token_id in tokenizer.eos_ids]
    if not ends:
        raise UsageError(
            f"{where} cannot be used: the chat template does not end an answer with a token that stops generation, so "
            "the model would never learn to stop."
        )
    return [place <= ends[-1] for place in range(len(answer))]


class Runs:
    """Joins token ids that spell the same bytes but were cut into tokens differently.

    Where a prompt ends and an answer begins, their bytes may merge into one token if they are encoded together (two
    newlines do). At inference they never are, so they must not be in training.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.special = frozenset(tokenizer.special.ids.values())
        self.tags = _tags(tokenizer)

    def joined(self, before: Sequence[int], whole: Sequence[int]) -> list[int] | None:
        """`whole`, tokenised so that it begins with the ids `before`; None if its bytes do not."""
        start = _shared(before, whole)
        if start == len(before):
            return list(whole)
        mine, theirs = self._runs(before[start:]), self._runs(whole[start:])
        last = len(mine) - 1
        same = [run for run, _ in mine[:last]] == [run for run, _ in theirs[:last]]
        if not same or len(theirs) <= last:
            return None
        begins, run = mine[last][0], theirs[last][0]
        if begins != run and not (isinstance(begins, bytes) and isinstance(run, bytes) and run.startswith(begins)):
            return None
        try:
            rest = run[len(begins) :].decode("utf-8") if isinstance(begins, bytes) and isinstance(run, bytes) else ""
        except UnicodeDecodeError:  # the cut goes through a character
            return None
        taken = start + sum(count for _, count in theirs[: last + 1])
        return [*before, *self.tokenizer.encode(rest), *whole[taken:]]

    def begun(self, asked: Sequence[int], answered: Sequence[int]) -> tuple[list[int], int] | None:
        """`answered` as the continuation of `asked`, and where the answer begins; None if it is none.

        What `asked` alone has at its end may be reasoning tags and white space only.
        """
        kept = list(asked)
        while (whole := self.joined(kept, answered)) is None:
            if not kept or not self._dispensable(kept.pop()):
                return None
        return whole, len(kept)

    def _dispensable(self, token_id: int) -> bool:
        return token_id in self.tags or (token_id not in self.special and not self.tokenizer.bytes_of(token_id).strip())

    def _runs(self, ids: Iterable[int]) -> list[tuple[Run, int]]:
        """Special tokens, and the bytes between them; each with the number of its tokens."""
        runs: list[tuple[Run, int]] = []
        for token_id in ids:
            piece: Run = token_id if token_id in self.special else self.tokenizer.bytes_of(token_id)
            if runs and isinstance(piece, bytes) and isinstance(last := runs[-1][0], bytes):
                runs[-1] = (last + piece, runs[-1][1] + 1)
            else:
                runs.append((piece, 1))
        return runs


def _tags(tokenizer: Tokenizer) -> frozenset[int]:
    """Ids of the tags around reasoning, where they are tokens."""
    tags = ReasoningTags()
    return frozenset(tokenizer.special.ids[text] for text in (tags.open, tags.close) if text in tokenizer.special.ids)


def _shared(first: Sequence[int], second: Sequence[int]) -> int:
    """How many ids two sequences have in common at their beginning."""
    count = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        count += 1
    return count
