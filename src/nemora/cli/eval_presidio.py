"""The same rows under the common Presidio rule, for comparison: any of seven entity types with a score of 0.7 stays.

Needs the optional extra `presidio` and an installed spaCy model; neither is fetched here.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from collections.abc import Iterable
from typing import Any

from nemora.cli.eval_score import Outcome
from nemora.core import ChatRequest
from nemora.privacy.segment import segments

TYPES = ("PERSON", "EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "IP_ADDRESS", "LOCATION")
LEAST_SCORE = 0.7
SPACY_MODELS = ("en_core_web_lg", "en_core_web_md", "en_core_web_sm")
MISSING = "Presidio is not compared: install nemora[presidio] and a spaCy model (en_core_web_sm or larger)."


class Presidio:
    """The rule over one analyzer: every string of a request is read, as Nemora reads it."""

    def __init__(self, analyzer: Any, model: str) -> None:
        self._analyzer = analyzer
        self.model = model

    def outcome(self, request: ChatRequest) -> Outcome:
        """Whether the request leaves by the rule; it never redacts."""
        stays = any(self._found(segment.text) for segment in segments(request) if segment.where != "/model")
        return Outcome(leaves=not stays, leaks=not stays)

    def _found(self, text: str) -> bool:
        return bool(
            text.strip()
            and self._analyzer.analyze(text, entities=list(TYPES), language="en", score_threshold=LEAST_SCORE)
        )


def spacy_model(installed: Iterable[str]) -> str | None:
    """The best of the `installed` spaCy models that fit. A registry may carry one under a longer name than spaCy's own.

    Only what is installed is named: Presidio fetches a model that it is given and does not find.
    """
    names = sorted(installed)
    return next((name for best in SPACY_MODELS for name in names if name.startswith(best)), None)


def load_presidio() -> Presidio | None:
    """The rule, or None where Presidio or a spaCy model is not installed."""
    model = spacy_model(point.name for point in importlib.metadata.entry_points(group="spacy_models"))
    if model is None or importlib.util.find_spec("presidio_analyzer") is None:
        return None
    _without_network()
    analyzer = importlib.import_module("presidio_analyzer")
    provider = importlib.import_module("presidio_analyzer.nlp_engine").NlpEngineProvider(
        nlp_configuration={
            "nlp_engine_name": "spacy",
            "models": [{"lang_code": "en", "model_name": model}],
        }
    )
    engine = analyzer.AnalyzerEngine(nlp_engine=provider.create_engine(), supported_languages=["en"])
    return Presidio(engine, model)


def _without_network() -> None:
    """Presidio checks domains with tldextract, which would fetch its list: the one that it ships must do."""
    tldextract: Any = importlib.import_module("tldextract")
    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
