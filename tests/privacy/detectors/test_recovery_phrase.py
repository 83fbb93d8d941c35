from __future__ import annotations

import pytest
from marked import check

from nemora.privacy.detectors.recovery_phrase import RecoveryPhraseDetector

PHRASE = RecoveryPhraseDetector()
WORDS = "basket lunar orbit velvet thumb gravel pencil sunny wagon copper ladder frozen"


@pytest.mark.parametrize(
    "text",
    [
        f"my seed phrase is ⟦{WORDS}⟧",
        f"Recovery phrase: ⟦{WORDS} {WORDS.replace('basket', 'tunnel')}⟧",
        "mnemonic: 1. ⟦" + " ".join(f"{n}. {w}" if n > 1 else w for n, w in enumerate(WORDS.split(), 1)) + "⟧",
        f'"mnemonic": "⟦{WORDS}⟧"',
    ],
)
def test_an_announced_phrase_is_found(text: str) -> None:
    check(PHRASE, text)


def test_a_field_called_mnemonic_is_read_with_its_label() -> None:
    check(PHRASE, f"⟦{WORDS}⟧", label="mnemonic")


@pytest.mark.parametrize(
    "text",
    [
        WORDS,
        "a seed phrase is twelve words that you should never show and that open the wallet with all your coins",
        "recovery phrase: lost",
        f"the recovery phrase is {' '.join(WORDS.split()[:8])}",
    ],
)
def test_other_words_are_none(text: str) -> None:
    check(PHRASE, text)
