"""An encoder on onnxruntime."""

from __future__ import annotations

from pathlib import Path

import onnxruntime

from nemora.errors import CorruptCheckpoint
from nemora.tagger.spans import Floats, Ints

MEANING = "meaning"


class OnnxModel:
    """An ONNX file, ready to run. Thread-safe.

    Args:
        threads: cores for one window.

    Raises:
        CorruptCheckpoint: it is missing or damaged.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.enable_mem_pattern = False  # lengths differ from call to call
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # noqa: BLE001 - the library has a class for each of its failures
            raise CorruptCheckpoint(
                f"The model's ONNX file is missing or damaged ({type(error).__name__}); install the model anew."
            ) from None
        self.has_meaning = any(output.name == MEANING for output in self._session.get_outputs())

    def encode(self, ids: Ints, shapes: Ints, *, meaning: bool = False) -> tuple[Floats, Floats, Floats | None]:
        """Of one window, [tokens]: [outputs], [tokens, labels], and with `meaning` [tokens, hidden]."""
        outputs = ["logits", "labels", *([MEANING] if meaning else [])]
        logits, labels, *hidden = self._session.run(outputs, {"ids": ids[None, :], "shapes": shapes[None, :]})
        return logits[0], labels[0], hidden[0][0] if hidden else None
