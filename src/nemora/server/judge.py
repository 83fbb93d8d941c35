"""A local model as the judge of what is uncertain: loaded only with its calibration, asked off the event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from nemora.core import ChatRequest
from nemora.errors import SettingsError
from nemora.privacy.calibration import MAX_BYTES, Calibration, parse_calibration
from nemora.privacy.decide import Decision, Inspected
from nemora.privacy.grey_band import GreyBand, could_leave
from nemora.privacy.inspect import Inspection
from nemora.privacy.protocols import Question
from nemora.privacy.questions import conversation, questions_id
from nemora.privacy.segment import segments
from nemora.privacy.topics import SURE
from nemora.settings import Settings

if TYPE_CHECKING:  # loads torch, which a server without a judge may not need
    from nemora.backends.local_model import LocalModel
    from nemora.weights.progress import Progress

logger = logging.getLogger("nemora.server")

NO_STARTER = (
    "The starter model cannot be a judge: it is too small to tell what is private; calibrate a larger local model "
    "with: nemora judge calibrate MODEL --data FILE."
)


class LocalJudge:
    """A model of this process behind the `Judge` protocol."""

    def __init__(self, model: LocalModel, identity: str) -> None:
        self.name = f"{identity}:{questions_id()}"
        self._model = model

    def judge(self, text: str, questions: Sequence[Question], *, seconds: float) -> list[tuple[float, ...]]:
        """See `Judge`. Raises `NemoraError`."""
        from nemora.backends.fixed_answers import Choice, choose

        choices = [Choice(conversation(text, question), question.answers) for question in questions]
        return choose(self._model, choices, seconds=seconds).probabilities


class Judging:
    """Decides again where a judge says more. One request at a time, on a thread; waiting counts as time.

    Args:
        own: a model that was loaded for the judge alone, and is closed with it.
    """

    def __init__(self, band: GreyBand, own: LocalModel | None = None) -> None:
        self._band = band
        self._own = own
        self._thread = ThreadPoolExecutor(1, "judge")

    async def judged(
        self, request: ChatRequest, inspection: Inspected, decide: Callable[[Inspected], Decision]
    ) -> Inspected:
        """`inspection`, or the same with further findings. Never raises for what the request or the judge does."""
        if not isinstance(inspection, Inspection) or not self._band.doubts(inspection):
            return inspection
        if not could_leave(decide(inspection)):
            return inspection
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._band.seconds):
                return await loop.run_in_executor(
                    self._thread, lambda: self._band.judged(inspection, segments(request), decide)
                )
        except Exception as error:  # noqa: BLE001 - fail closed, whatever it was
            logger.error("the judge gave no answer (%s); the request counts as sensitive", type(error).__name__)
            return self._band.unanswered(inspection)

    def close(self) -> None:
        """Wait for the question under way, and end."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        if self._own is not None:
            self._own.close()


def load_band(
    settings: Settings, key: bytes, *, shared: LocalModel | None = None, progress: Progress | None = None
) -> tuple[GreyBand | None, LocalModel | None]:
    """The configured judge's grey band, and the model if one was loaded for it alone; (None, None) without a judge.

    Args:
        shared: the model that answers requests; it is the judge too if it is the calibrated one.

    Raises:
        SettingsError: the calibration cannot be used, or is of another model.
        ModelError: the model cannot be loaded.
    """
    if settings.inspection.judge is None:
        return None, None
    if settings.inspection.judge_from >= SURE:
        raise SettingsError(f"inspection.judge_from must be below {SURE}: from there on a text stays anyway.")
    calibration = _read(settings.paths.config / settings.inspection.judge)
    if calibration.questions != questions_id():
        raise SettingsError(
            "The judge was calibrated for the questions of another version; run again: nemora judge calibrate."
        )
    own = None
    if shared is None or identity_of(shared) != calibration.identity:
        own = load_model_to_judge(settings, calibration.model, progress=progress)
    model = shared if own is None else own
    assert model is not None  # there is none of its own only where the shared one is the judge
    try:
        judge = LocalJudge(model, _verified(model, calibration))
    except BaseException:
        if own is not None:
            own.close()
        raise
    band = GreyBand(
        judge,
        calibration,
        least=settings.inspection.judge_from,
        seconds=settings.inspection.judge_seconds,
        key=key,
        entries=settings.inspection.cache_entries,
    )
    return band, own


def load_model_to_judge(settings: Settings, reference: str, *, progress: Progress | None = None) -> LocalModel:
    """A model by its name or path, on the configured device.

    Raises:
        SettingsError: it is the starter.
        ModelError: it cannot be loaded.
    """
    from nemora.backends.local_model import LocalModel
    from nemora.weights.catalog import STARTER

    if reference in STARTER:
        raise SettingsError(NO_STARTER)
    return LocalModel.load(
        reference,
        device=settings.local.device,
        cache=settings.paths.cache,
        offline=settings.offline,
        threads=settings.local.threads,
        prefix_cache=False,  # it is only asked for probabilities
        token=settings.hub_token,
        progress=progress,
    )


def identity_of(model: LocalModel) -> str:
    """The identity of a model's checkpoint."""
    from nemora.weights import identity

    return identity.identity_of(model.checkpoint)


def refuse_starter(model: LocalModel) -> None:
    """Raise `SettingsError` if a model is the starter, under whatever name."""
    from nemora.weights.identity import is_starter

    if is_starter(model.checkpoint):
        raise SettingsError(NO_STARTER)


def _verified(model: LocalModel, calibration: Calibration) -> str:
    refuse_starter(model)
    identity = identity_of(model)
    if identity != calibration.identity:
        raise SettingsError(
            "The judge's model is not the one that was calibrated: its weights, tokenizer or template differ; run "
            "again: nemora judge calibrate."
        )
    return identity


def _read(path: Path) -> Calibration:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError:
        raise SettingsError(
            "The file that inspection.judge names cannot be read; make it with: nemora judge calibrate."
        ) from None
    return parse_calibration(data)
