"""A model in this process: tokenizer, logits, and answers to prompts and conversations."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from nemora.backends.document_text import with_texts
from nemora.backends.local_place import find_model
from nemora.backends.openai_messages import messages_of, tools_of
from nemora.backends.thinking_limit import thinking_limit
from nemora.chat.answer import AnswerReader
from nemora.chat.answer_grammar import AnswerGrammars, NewMask
from nemora.chat.bad_words import bad_sequences
from nemora.chat.family_template import chat_format_of, family_template
from nemora.chat.format import Format, format_of
from nemora.chat.sampling_defaults import sampling_defaults, with_defaults
from nemora.chat.template import ChatTemplate, Prompt, no_template
from nemora.chat.tokenizer import Tokenizer
from nemora.chat.tokenizer_source import load_tokenizer
from nemora.core import ChatRequest, Delta, Message, Sampling, StopReason, Thinking, Tool
from nemora.engine.engine import Engine, SpeculationMode
from nemora.engine.generation import Generation
from nemora.engine.request import GenerationParams, Priority, TokenMask
from nemora.engine.sampler import choice_seed
from nemora.engine.thinking import ThinkingLimit
from nemora.errors import ContextLengthExceeded, RequestError, UnsupportedCheckpoint, UsageError
from nemora.models.base import Model, Weights
from nemora.ops.kv_format import KVCache
from nemora.weights.checkpoint import Checkpoint, open_checkpoint
from nemora.weights.load import load_model
from nemora.weights.memory import available_memory
from nemora.weights.packed_place import packed_place
from nemora.weights.packing import Activations

if TYPE_CHECKING:
    from nemora.weights.progress import Progress

MEMORY_SHARE = 0.5
"""Of the memory that is free once the weights are loaded: for sequences and the prefix cache."""

LEAST_SHARE = 0.125
"""Of the memory that the system calls free, what counts as free beside weights that are larger than it, and mapped."""

CACHE_SHARE = 0.5
"""Of that, the most that the prefix cache takes."""

TEMPLATE = 256
"""Tokens that are left for what the chat template and headers of documents add."""


@dataclass(frozen=True, slots=True)
class Choice:
    """How one answer to a prompt goes on, and who reads what comes out."""

    params: GenerationParams
    reader: AnswerReader
    ids: list[int]
    """Its prompt: the same for all, but where several texts are to be continued."""


@dataclass(frozen=True, slots=True)
class PreparedAnswer:
    """A request ready for the engine: its prompt, how to continue it, and who reads what comes out."""

    ids: list[int]
    params: GenerationParams
    reader: AnswerReader
    boundaries: tuple[int, ...] = ()
    """Where special tokens stand: turns begin and end there."""
    further: tuple[Choice, ...] = ()
    """Beside the first, where several answers are asked for."""
    priority: Priority = Priority.NORMAL
    cache_salt: str = ""
    new_mask: NewMask | None = None
    """Makes the mask of one answer; None where everything may be said."""

    def mask(self) -> TokenMask | None:
        """A mask for one answer."""
        return self.new_mask() if self.new_mask is not None else None

    @property
    def choices(self) -> tuple[Choice, ...]:
        """All answers that are asked for."""
        return (Choice(self.params, self.reader, self.ids), *self.further)

    @property
    def firsts(self) -> frozenset[int]:
        """Which choice is the first of each prompt: one that several answers have in common counts once."""
        first: dict[tuple[int, ...], int] = {}
        for index, choice in enumerate(self.choices):
            first.setdefault(tuple(choice.ids), index)
        return frozenset(first.values())


class LocalModel:
    """A loaded model with its engine. Close it when done, or use it in a `with` statement.

    Safe to use from several threads.
    """

    def __init__(
        self,
        name: str,
        model: Model,
        checkpoint: Checkpoint,
        *,
        context: int = 0,
        memory: int = 0,
        prefix_cache: bool = True,
        prefix_cache_bytes: int = 0,
        batched: bool = False,
        speculation: SpeculationMode = "off",
        kv_cache: KVCache = "auto",
        allow_longer_context: bool = False,
    ) -> None:
        """Most callers want `load`, which explains the arguments."""
        self.name = name
        self.checkpoint = checkpoint
        self.sampling_defaults = sampling_defaults(checkpoint)
        trained = model.config.context_length
        if context > trained and not allow_longer_context:
            raise UsageError(
                f"{name} was trained for {trained} tokens, and a context of {context} was asked for; ask for {trained} "
                "at most, or set local.allow_longer_context = true."
            )
        self._model = model
        memory = memory or int(MEMORY_SHARE * available_memory(model.device.type))
        self.engine = Engine(
            model,
            context=context or trained,
            memory=memory,
            cache_bytes=(prefix_cache_bytes or int(CACHE_SHARE * memory)) if prefix_cache else 0,
            batched=batched,
            speculation=speculation,
            kv_cache=kv_cache,
        )
        self.context = self.engine.context

    @classmethod
    def load(
        cls,
        model: str,
        *,
        name: str = "",
        device: str = "cpu",
        cache: Path | None = None,
        offline: bool = False,
        context: int = 0,
        threads: int = 0,
        memory: int = 0,
        prefix_cache: bool = True,
        prefix_cache_bytes: int = 0,
        batched: bool = False,
        speculation: SpeculationMode = "off",
        activations: Activations = "auto",
        kv_cache: KVCache = "auto",
        allow_longer_context: bool = False,
        token: str | None = None,
        progress: Progress | None = None,
        through: Callable[[Weights], Weights] | None = None,
    ) -> LocalModel:
        """Load a name of the catalog or the family, `hub:OWNER/REPO`, a folder or a file.

        Args:
            name: that it answers to; "": as it is called in the catalog or the family, else as its folder or file.
            device: cpu, or an accelerator as torch calls it: cuda, cuda:1, mps.
            cache: where fetched models lie, and packed copies. Without it only paths can be loaded.
            token: for the Hugging Face hub, sent nowhere else.
            context: tokens of a sequence, at most what the model was made for and memory holds; 0 means that.
            memory: bytes for sequences and the prefix cache; 0: half of what is free when the weights are loaded.
            prefix_cache: keep what was read of prompts, so that what begins alike is read once.
            prefix_cache_bytes: most that it takes of `memory`; 0: half of it.
            batched: let answers share forward passes; see `Engine`.
            speculation: draft tokens where that is faster; see `Engine`.
            activations: how precisely stored matrices of 4- to 8-bit blocks meet them on the CPU; see `load_model`.
            threads: of torch, in the whole process; 0 leaves them as they are.
            through: see `load_model`.

        Raises:
            UsageError: torch has no such device here.
            UnknownModel: neither in the catalog nor a path.
            ModelError: it cannot be fetched, read or run; the subclass says which.
        """
        place = find_model(
            model, device=device, cache=cache, offline=offline, context=context, token=token, progress=progress
        )
        if threads:
            torch.set_num_threads(threads)
        checkpoint, free = open_checkpoint(place.path), available_memory(device)
        loaded = load_model(
            checkpoint,
            device=device,
            mtp=speculation != "off",
            activations=activations,
            packed_copy=None if cache is None else packed_place(cache, place.path).file,
            through=through,
        )
        return cls(
            name or place.name,
            loaded,
            checkpoint,
            context=context,
            memory=memory or _memory(free, loaded),
            prefix_cache=prefix_cache,
            prefix_cache_bytes=prefix_cache_bytes,
            batched=batched,
            speculation=speculation,
            kv_cache=kv_cache,
            allow_longer_context=allow_longer_context,
        )

    def __enter__(self) -> LocalModel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the engine; unfinished answers end with LocalModelDown."""
        self.engine.close()
        if "template" in self.__dict__ and self.template is not None:
            self.template.close()
        if "grammars" in self.__dict__:
            self.grammars.close()

    @functools.cached_property
    def tokenizer(self) -> Tokenizer:
        """The checkpoint's tokenizer, built when first asked for: token ids work without one.

        Raises:
            UnsupportedCheckpoint: it has none, or one that is not implemented.
        """
        return load_tokenizer(self.checkpoint)

    @functools.cached_property
    def template(self) -> ChatTemplate | None:
        """The checkpoint's chat template, or ours if it is a model of the family and has none."""
        source = self.checkpoint.chat_template
        if source is None and self._chat_format is not None:
            source = family_template(self._chat_format, self.tokenizer.special.ids)
        return ChatTemplate(source, self.tokenizer) if source is not None else None

    @functools.cached_property
    def _chat_format(self) -> str | None:
        return chat_format_of(self.name, self.checkpoint)

    @functools.cached_property
    def format(self) -> Format:
        """How this model writes reasoning and tool calls.

        Raises:
            TemplateError: there is no chat template, or it cannot be parsed.
        """
        if self.template is None:
            raise no_template(self.name)
        return format_of(self.template, chat_format=self._chat_format)

    @property
    def model(self) -> Model:
        """The model itself, which the engine runs: for measurements."""
        return self._model

    @property
    def bytes(self) -> int:
        """Memory that the weights keep."""
        return self._model.bytes

    @functools.cached_property
    def grammars(self) -> AnswerGrammars:
        """Makes masks for answers that must have a form."""
        return AnswerGrammars(self.tokenizer, self.format, self._model.config.vocab_size)

    def logits(self, ids: Sequence[int]) -> torch.Tensor:
        """Logits after each of `ids`, read from the start: fp32 on the CPU, [seq, vocab].

        Raises:
            RequestError: no ids, or one outside the vocabulary.
            ContextLengthExceeded: too many.
        """
        vocabulary = self._model.config.vocab_size
        if not ids or min(ids) < 0 or max(ids) >= vocabulary:
            raise RequestError(f"logits needs at least one id, each from 0 to {vocabulary - 1}.")
        if len(ids) > self.context:
            raise ContextLengthExceeded(f"{len(ids)} tokens do not fit the context of {self.context} tokens.")
        with torch.inference_mode():
            logits = self._model.forward(torch.tensor([list(ids)]), self.engine.new_state(len(ids)))
        return logits[0].to("cpu", torch.float32).clone()

    def generate(
        self,
        prompt_or_messages: str | Sequence[Message | Mapping[str, Any]],
        *,
        tools: Sequence[Tool | Mapping[str, Any]] = (),
        max_tokens: int | None = None,
        temperature: float | None = None,
        top_p: float | None = None,
        top_k: int | None = None,
        min_p: float | None = None,
        seed: int | None = None,
        stop: str | Sequence[str] = (),
        thinking: bool | None = None,
    ) -> Iterator[Delta]:
        """Continue a text, or answer a conversation. Leaving the loop early cancels.

        A string is continued as it is, without a chat template. A list holds `Message`s, or dicts as OpenAI's API
        has them. Without `max_tokens` the context is the only bound; without sampling values the model's own
        recommendation counts. `thinking` switches the reasoning of a conversation's answer on or off.

        Raises:
            RequestError: a value is out of range, or asks for what this model cannot do. Raised at the call.
            ModelError: the model fails, or was closed.
        """
        sampling = Sampling(temperature=temperature, top_p=top_p, top_k=top_k, min_p=min_p, seed=seed)
        stops = (stop,) if isinstance(stop, str) else tuple(stop)
        if isinstance(prompt_or_messages, str):
            prepared = self.prepare_completion(prompt_or_messages, sampling=sampling, max_tokens=max_tokens, stop=stops)
        else:
            prepared = self.prepare(
                ChatRequest(
                    model=self.name,
                    messages=messages_of(prompt_or_messages),
                    tools=tools_of(tools),
                    sampling=sampling,
                    max_tokens=max_tokens,
                    stop=stops,
                    thinking=Thinking(enabled=thinking),
                )
            )
        generation = self.engine.submit(
            prepared.ids,
            prepared.params,
            mask=prepared.mask(),
            namespace=namespace(self.name),
            boundaries=prepared.boundaries,
        )
        return _deltas(prepared, generation)

    def prepare_completion(
        self,
        prompt: str,
        *,
        sampling: Sampling,
        max_tokens: int | None = None,
        stop: Sequence[str] = (),
        index: int = 0,
        ids: Sequence[int] | None = None,
    ) -> PreparedAnswer:
        """A plain text to be continued. `index` says which it is of several; `ids` are its tokens, where given.

        Raises:
            RequestError: `ids` do not say this text.
            ContextLengthExceeded: it does not fit.
        """
        if ids is not None and self.text_of(ids) != prompt:
            raise RequestError("The token ids are not those of the text that was read; send the text.", param="/prompt")
        ids = self._raw_ids(prompt) if ids is None else list(ids)
        params = self.params(ids, sampling, max_tokens, stop_ids=self.tokenizer.eos_ids)
        reader = AnswerReader(
            self.tokenizer, Format(), prompt_tokens=len(ids), stops=stop, min_tokens=params.min_tokens, index=index
        )
        return PreparedAnswer(ids, params, reader)

    def _prepare_texts(self, request: ChatRequest) -> PreparedAnswer:
        """The texts of a raw request, each continued as often as the others."""
        each = request.choices // len(request.messages)
        first, *further = [
            self.prepare_completion(
                request.messages[index // each].text(),
                sampling=replace(request.sampling, seed=choice_seed(request.sampling.seed, index % each)),
                max_tokens=request.max_tokens,
                stop=request.stop,
                index=index,
                ids=request.prompt_ids[index // each] if request.prompt_ids else None,
            )
            for index in range(request.choices)
        ]
        return replace(first, further=tuple(Choice(one.params, one.reader, one.ids) for one in further))

    def prepare_ids(self, ids: Sequence[int], *, sampling: Sampling, max_tokens: int | None = None) -> PreparedAnswer:
        """Token ids to be continued. Works for a checkpoint without a vocabulary too: its answer has no text."""
        try:
            tokenizer = self.tokenizer
        except UnsupportedCheckpoint:
            tokenizer = Tokenizer.without_vocabulary()
        params = self.params(ids, sampling, max_tokens, stop_ids=tokenizer.eos_ids)
        return PreparedAnswer(list(ids), params, AnswerReader(tokenizer, Format(), prompt_tokens=len(ids)))

    def prepare(self, request: ChatRequest, tenant: str = "") -> PreparedAnswer:
        """Render and tokenise a conversation, or a raw text as it stands. Takes a worker's time: not for an event loop.

        A grammar that was compiled is kept for requests of the same `tenant` and cache salt.

        Raises:
            UnsupportedField: the request has something that this model cannot do; `param` names it.
            RequestError: the chat template refuses the conversation.
            ContextLengthExceeded: the prompt does not fit.
            TemplateError: there is no chat template, or it fails.
        """
        if request.raw:
            return self._prepare_texts(request)
        self.format.check(request)
        prompt, tools = self._prompt(request), _offered(request)
        params = self.params(
            prompt.ids,
            request.sampling,
            request.max_tokens,
            stop_ids=self.tokenizer.eos_ids,
            thinking=thinking_limit(request.thinking, self.format.reasoning, self.tokenizer, tail=prompt.tail),
        )
        first, *further = [
            Choice(
                replace(params, seed=choice_seed(params.seed, index)),
                AnswerReader(
                    self.tokenizer,
                    self.format,
                    prompt_tokens=len(prompt.ids),
                    tail=prompt.tail,
                    stops=request.stop,
                    offered={tool.name: tool.parameters for tool in tools},
                    max_calls=1 if request.parallel_tool_calls is False else None,
                    min_tokens=params.min_tokens,
                    index=index,
                ),
                prompt.ids,
            )
            for index in range(request.choices)
        ]
        return PreparedAnswer(
            prompt.ids,
            first.params,
            first.reader,
            self._boundaries(prompt.ids),
            further=tuple(further),
            priority=_priority(request.priority),
            cache_salt=request.cache_salt or "",
            new_mask=self.grammars.new_mask(
                request, tools, prompt.tail, namespace(self.name, tenant, request.cache_salt or "")
            ),
        )

    def _prompt(self, request: ChatRequest) -> Prompt:
        thinking = self.format.thinking
        messages = self._with_texts(request)
        assert self.template is not None  # `format` has seen to that
        return self.template.render(
            thinking.switched(messages, request.thinking),
            tools=_offered(request),
            settings=thinking.settings(request.thinking),
            add_generation_prompt=request.generation_prompt,
            continue_final=request.continue_final,
        )

    def prompt_ids(self, request: ChatRequest) -> list[int]:
        """The tokens that the model reads for a request, also if they are more than fit. Raises as `prepare`."""
        return self._raw_ids(request.messages[0].text()) if request.raw else self._prompt(request).ids

    def text_of(self, ids: Sequence[int]) -> str:
        """The text of tokens, special ones included. Raises `RequestError`: one is none of the vocabulary."""
        vocabulary = self._model.config.vocab_size
        if not all(0 <= token_id < vocabulary for token_id in ids):
            raise RequestError(f"Each token must be an id from 0 to {vocabulary - 1}.", param="/tokens")
        return self.tokenizer.decode(ids)

    def _raw_ids(self, text: str) -> list[int]:
        special = self.tokenizer.special
        first = [special.bos_id] if special.add_bos and special.bos_id is not None else []
        return first + self.tokenizer.encode(text)

    def _boundaries(self, ids: Sequence[int]) -> tuple[int, ...]:
        special = frozenset(self.tokenizer.special.ids.values())
        return tuple(position for position, token_id in enumerate(ids) if token_id in special)

    def _with_texts(self, request: ChatRequest) -> tuple[Message, ...]:
        """The messages with documents as text, cut so that the rest and an answer still fit the context."""
        if not request.opaque_parts():
            return request.messages
        taken = sum(self._tokens(message.text()) for message in request.messages)
        answer = min(request.max_tokens or self.context, self.context // 4)
        reserved = answer + min(TEMPLATE, self.context // 4)
        return with_texts(request.messages, room=self.context - taken - reserved, size=self._tokens)

    def _tokens(self, text: str) -> int:
        return len(self.tokenizer.encode(text))

    def params(
        self,
        ids: Sequence[int],
        sampling: Sampling,
        max_tokens: int | None,
        *,
        stop_ids: frozenset[int],
        thinking: ThinkingLimit | None = None,
    ) -> GenerationParams:
        """Sampling with this model's defaults in its gaps, and the context as the bound of last resort."""
        room = self.context - len(ids)
        if room < 1:
            raise ContextLengthExceeded(self.engine.refusal(len(ids)), param="messages")
        chosen = with_defaults(sampling, self.sampling_defaults)
        return GenerationParams(
            max_tokens=room if max_tokens is None else max_tokens,
            stop_ids=(frozenset() if chosen.ignore_eos else stop_ids) | frozenset(chosen.stop_token_ids),
            temperature=1.0 if chosen.temperature is None else chosen.temperature,
            top_k=chosen.top_k,
            top_p=chosen.top_p,
            min_p=chosen.min_p,
            seed=chosen.seed,
            frequency_penalty=chosen.frequency_penalty or 0.0,
            presence_penalty=chosen.presence_penalty or 0.0,
            repetition_penalty=1.0 if chosen.repetition_penalty is None else chosen.repetition_penalty,
            logit_bias=chosen.logit_bias or {},
            bad_sequences=bad_sequences(chosen.bad_words, self.tokenizer) if chosen.bad_words else (),
            min_tokens=chosen.min_tokens or 0,
            logprobs=chosen.logprobs,
            thinking=thinking,
        )


def _memory(before: int, model: Model) -> int:
    """Bytes for sequences and the prefix cache. `before` is what was free before the model was loaded.

    Weights that are mapped files count as free memory, and must have room nevertheless.
    """
    now = available_memory(model.device.type)
    return int(MEMORY_SHARE * max(min(now, before - model.bytes), LEAST_SHARE * now))


def _offered(request: ChatRequest) -> tuple[Tool, ...]:
    """The tools that the model may call."""
    return () if request.tool_choice is not None and request.tool_choice.mode == "none" else request.tools


def namespace(model: str, tenant: str = "", salt: str = "") -> str:
    """Within which what was read of prompts is shared: one model, one tenant, and requests of one salt."""
    return f"{model}\0{tenant}\0{salt}"


def _priority(asked: int) -> Priority:
    return Priority.NORMAL if asked == 0 else Priority.HIGH if asked > 0 else Priority.LOW


def _deltas(prepared: PreparedAnswer, generation: Generation) -> Iterator[Delta]:
    reader = prepared.reader
    for tokens in generation:  # leaving this loop cancels
        yield from reader.feed(tokens.ids, tokens.chances)
        if reader.done or tokens.finish is not None:
            reader.cached_tokens = generation.cached_tokens
            yield from reader.finish(tokens.finish or StopReason.STOP)
            return
