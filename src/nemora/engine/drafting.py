"""All that one sequence needs to draft: where drafts come from, and what those from each source have been worth."""

from __future__ import annotations

from nemora.engine.draft_head import DraftHead, has_draft_head
from nemora.engine.prompt_lookup import PromptLookup
from nemora.engine.speculation import PassCosts, Speculation
from nemora.models.base import Model


class DraftCosts:
    """What passes with drafts from each source cost, in one engine."""

    def __init__(self) -> None:
        self.lookup, self.head = PassCosts(), PassCosts()


class Drafting:
    """The sources of one sequence's drafts: what it has said before, and the model's draft head, if it has one."""

    def __init__(self, model: Model, costs: DraftCosts, *, always: bool = False) -> None:
        self._costs = costs
        self.lookup = PromptLookup()
        self.looking_up = Speculation(costs.lookup, always=always)
        self.head = DraftHead(model) if has_draft_head(model) else None
        self.heading = Speculation(costs.head, always=always)

    def forget(self) -> None:
        """Give memory back; only the counts stay."""
        self.lookup, self.head = PromptLookup(), None

    @property
    def drafted(self) -> int:
        return self.looking_up.drafted + self.heading.drafted

    @property
    def accepted(self) -> int:
        """Drafts that were right."""
        return self.looking_up.accepted + self.heading.accepted

    def measure_plain(self, seconds: float) -> None:
        """A pass over one token took so long."""
        for costs in (self._costs.lookup, self._costs.head):
            costs.measure(1, seconds)
