"""Whether a sentence says what the owner's example sentences say, by the reading model's own vectors.

A sentence's vector is the mean of its tokens', which the model made with all that stands around it ("late chunking",
Guenther et al. 2024, arXiv:2409.04701), so that comparing costs no further pass. All vectors of such a model lie close
together; what they share, the mean over ordinary sentences, is taken off first (Mu & Viswanath 2018, arXiv:1702.01417,
without the further directions).
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np

from nemora.privacy.protocols import Examples, TaggedSpan
from nemora.tagger.spans import Floats, Ints

LEAST_TOKENS = 3
KEPT = 256
"""Sets of examples whose vectors are kept."""
_SENTENCE = re.compile(r"[^.!?\u3002\uff01\uff1f\n]+(?:[.!?]+(?=\s|$)|[\u3002\uff01\uff1f]+|\n|$|[.!?])")
ORDINARY = (
    "Thanks for the quick reply, that helps a lot.",
    "Can you explain how a binary search works?",
    "The meeting was moved to three in the afternoon.",
    "Add the flour slowly and stir until it is smooth.",
    "The function returns a list of strings.",
    "What is the capital of Australia?",
    "Please write a short poem about the sea.",
    "It rained all night and the streets were wet.",
    "The test fails because the file does not exist.",
    "Our new website is online since Monday.",
    "How do I renew a passport?",
    "The train to the airport leaves every twenty minutes.",
    "She likes to read novels on the weekend.",
    "Translate this sentence into French.",
    "Open the settings and choose another language.",
    "The museum is closed on public holidays.",
    "Sort the table by the second column.",
    "The company was founded in 1987 in Denmark.",
    "Make this text shorter and friendlier.",
    "The plant needs water twice a week.",
    "Which of these two cameras is better for beginners?",
    "The river flows through three countries.",
    "Run the command again with more memory.",
    "He scored the winning goal in the last minute.",
    "A doctor can tell you more about the side effects.",
    "The law was changed two years ago.",
    "Let me know if you have any questions.",
    "The price includes breakfast and a parking space.",
    "Give me five ideas for a birthday party.",
    "The results are shown in the figure below.",
    "Wie spaet ist es gerade in Tokio?",
    "Der Zug kommt heute etwas spaeter.",
    "Quelle est la recette des crepes ?",
    "Le livre est sur la table du salon.",
    "Cual es la mejor epoca para viajar a Peru?",
    "La biblioteca abre a las nueve.",
    "Come si dice buongiorno in giapponese?",
    "O tempo vai melhorar amanha.",
    "Hoe werkt een warmtepomp?",
    "Jak ugotowac zupe pomidorowa?",
)
"""What people write every day, about everything."""


class Likeness:
    """Compares sentences with examples. Not thread-safe while examples are new.

    Args:
        vector: the vector of a text as a whole, [size]; None for one without tokens.
    """

    def __init__(self, vector: Callable[[str], Floats | None]) -> None:
        self._vector = vector
        self._centre: Floats | None = None
        self._known: OrderedDict[Examples, Floats] = OrderedDict()

    def alike(self, text: str, tokens: Floats, offsets: Ints, examples: Sequence[Examples]) -> list[TaggedSpan]:
        """The sentences of `text` that are like examples, with their cosine.

        Args:
            tokens: a vector for each token, [n, size].
            offsets: the tokens' code point ranges in `text`, [n, 2].
        """
        places, vectors = [], []
        for sentence in _SENTENCE.finditer(text):
            first, last = np.searchsorted(offsets[:, 0], [sentence.start(), sentence.end()])
            if last - first >= LEAST_TOKENS:
                places.append((int(offsets[first, 0]), int(offsets[last - 1, 1])))
                vectors.append(tokens[first:last].mean(axis=0))
        if not places:
            return []
        said = self._unit(np.stack(vectors))
        found = []
        for wanted in examples:
            scores = (said @ self._of(wanted).T).max(axis=1)
            for (start, end), score in zip(places, scores, strict=True):
                if score >= wanted.likeness:
                    found.append(TaggedSpan(wanted.name, start, end, min(1.0, float(score))))
        return found

    def _of(self, examples: Examples) -> Floats:
        """Unit vectors of the examples, [sentences, size]."""
        if examples not in self._known:
            made = [vector for sentence in examples.sentences if (vector := self._vector(sentence)) is not None]
            size = len(self._middle())
            self._known[examples] = self._unit(np.stack(made)) if made else np.zeros((1, size), np.float32)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        return self._known[examples]

    def _unit(self, vectors: Floats) -> Floats:
        moved = vectors - self._middle()
        length = np.linalg.norm(moved, axis=1, keepdims=True)
        unit: Floats = moved / np.maximum(length, 1e-9)
        return unit

    def _middle(self) -> Floats:
        if self._centre is None:
            vectors = [vector for sentence in ORDINARY if (vector := self._vector(sentence)) is not None]
            self._centre = np.mean(vectors, axis=0)
        return self._centre
