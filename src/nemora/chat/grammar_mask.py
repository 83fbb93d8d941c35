"""Which tokens a grammar permits next. An engine's `TokenMask`."""

from __future__ import annotations

import llguidance
import numpy as np
import torch

from nemora.errors import RequestError


class GrammarMask:
    """One answer's way through a grammar.

    Args:
        matcher: at the beginning of the grammar; it is this mask's own.
        vocab_size: of the model, which may have more ids than its vocabulary names; those are never permitted.
    """

    def __init__(self, matcher: llguidance.LLMatcher, vocab_size: int, *, param: str) -> None:
        self._matcher = matcher
        self._vocab_size = vocab_size
        self._param = param

    def allowed(self) -> torch.Tensor:
        """A bool tensor [vocab]. Ids that end an answer are permitted where the grammar may end.

        Raises:
            RequestError: the grammar has become too complex here.
        """
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        self._check()
        named = np.unpackbits(bits, bitorder="little")[: self._vocab_size]
        allowed = torch.zeros(self._vocab_size, dtype=torch.bool)
        allowed[: len(named)] = torch.from_numpy(named.view(np.bool_))
        return allowed

    def accept(self, token_id: int) -> None:
        """Advance by a token that is permitted.

        Raises:
            RequestError: it is not, or the grammar has become too complex here.
        """
        self._matcher.consume_token(token_id)
        self._check()

    def permits(self, token_id: int) -> bool:
        """Whether the token may come next. Slow beside `allowed` if many are asked for, and its twin."""
        return self._matcher.validate_tokens([token_id]) == 1

    @property
    def may_end(self) -> bool:
        """Whether what was accepted is a whole text of the grammar."""
        return self._matcher.is_accepting()

    def _check(self) -> None:
        if self._matcher.is_error():
            raise RequestError(
                f"The grammar of {self._param} became too complex in the middle of the answer; make it simpler.",
                param=self._param,
            )
