"""How well example sentences of `[[entities]]` find what says the same, and what else they find.

    python bench/example_sentences.py [--reader FOLDER]

For each likeness: the share of paraphrases, inside of a mail, that are found; and the share of harmless requests of
the recipe in which an entity finds anything, per entity. The examples and paraphrases below were written together.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from nemora.privacy.protocols import Examples
from nemora.tagger.reader import load_reader

HARMLESS = Path(__file__).parents[1] / "recipes" / "sensitivity" / "authored"
AROUND = ("Hi Sam, thanks for the notes from the weekly sync. ", " Could you make this sound more polite? Best, Kim")
ENTITIES: dict[str, tuple[list[str], list[str]]] = {
    "merger": (
        [
            "We are in talks to buy Halvorsen Pumps.",
            "The board approved the offer for the takeover of our rival.",
            "Due diligence on the acquisition target starts Monday.",
            "The target's shareholders want a higher price.",
        ],
        [
            "Our bid for the competitor goes out next week.",
            "Lawyers are reviewing the target's books before we buy them.",
            "The purchase of the company should close in March.",
            "They accepted our takeover price.",
            "Nobody may hear that we want to acquire them.",
            "Their owners ask for more per share than we offered.",
        ],
    ),
    "recipe": (
        [
            "The coating bath runs at 63 degrees with two percent cerium.",
            "Our alloy gets its strength from the third annealing step.",
            "The slurry ratio is four to one before sintering.",
            "We cure the resin in two stages under vacuum.",
        ],
        [
            "After the second anneal we quench the alloy in oil.",
            "Add cerium until the bath reaches two percent.",
            "We sinter the powder after mixing the slurry four to one.",
            "The plating solution must be kept at sixty degrees.",
            "The resin is cured twice, both times in a vacuum.",
            "Without the third annealing the alloy breaks.",
        ],
    ),
    "layoffs": (
        [
            "We will close the Turin plant and let 200 people go.",
            "The list of people to be made redundant is final.",
            "Severance terms are being prepared for the affected teams.",
            "Staff will hear about the job cuts in June.",
        ],
        [
            "Two hundred jobs will be cut in Turin.",
            "HR is drawing up packages for those who lose their job.",
            "The factory shuts in June and staff don't know yet.",
            "Which employees will be dismissed has been decided.",
            "The teams that are let go get four months' pay.",
            "We announce the redundancies after the holidays.",
        ],
    ),
    "breach": (
        [
            "Customer data was exposed by the misconfigured bucket.",
            "We have not told the regulator about the breach yet.",
            "Attackers had access to the billing system for nine days.",
            "The stolen records include addresses and invoices.",
        ],
        [
            "The intruders were in our invoicing servers for over a week.",
            "Nobody outside knows about the data leak so far.",
            "An open storage bucket revealed client records.",
            "The authority must be notified of the incident by Friday.",
            "Hackers copied our customers' bills.",
            "We found out that the leaked files hold addresses.",
        ],
    ),
    "tender": (
        [
            "Our floor price for the tender is 4.2 million.",
            "We may go down to 12 percent margin on this deal.",
            "The discount for this account must not exceed 18 percent.",
            "We will underbid the incumbent by a few percent.",
        ],
        [
            "We can't sell below 4.2 million in the bidding.",
            "Give them at most eighteen percent off.",
            "A margin of twelve percent is the lowest we accept.",
            "The minimum we would take for the contract is four million.",
            "Our offer will be slightly cheaper than the present supplier's.",
            "If they push, you may lower the price to 4.2 million.",
        ],
    ),
    "trial": (
        [
            "The new compound failed in the second trial arm.",
            "Two patients in the study had severe liver problems.",
            "The interim results will be kept back until May.",
            "The dose response curve of the compound is flat.",
        ],
        [
            "In the trial, the drug did no better than placebo.",
            "Liver damage appeared in two of the participants.",
            "We do not publish the interim data before May.",
            "A higher dose of the compound has no more effect.",
            "The second arm of the study did not work.",
            "Two subjects had to leave because of their livers.",
        ],
    ),
}


def harmless(limit: int) -> list[str]:
    """Requests that may leave, from the recipe, spread over its files."""
    rows = [
        json.loads(line)
        for path in sorted(HARMLESS.rglob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").split("\n")
        if line
    ]
    texts = [row["text"] for row in rows if row["class"] == "public"]
    return texts[:: max(1, len(texts) // limit)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reader", help="a model's folder; the shipped one where it is left out")
    parser.add_argument("--harmless", type=int, default=800, help="requests that may leave (default 800)")
    args = parser.parse_args()
    reader = load_reader(args.reader)
    steps = np.arange(0.4, 0.91, 0.05)
    wanted = [Examples(name, tuple(sentences), 0.01) for name, (sentences, _) in ENTITIES.items()]

    def best(text: str) -> dict[str, float]:
        found: dict[str, float] = {}
        for span in reader.read([text], wanted)[0].alike:
            found[span.label] = max(found.get(span.label, 0.0), span.score)
        return found

    said = [best(said.join(AROUND)).get(name, 0.0) for name, (_, others) in ENTITIES.items() for said in others]
    others = [best(text).get(name, 0.0) for text in harmless(args.harmless) for name in ENTITIES]
    print(f"{len(said)} paraphrases, {len(others)} pairs of a harmless request and an entity")
    print("likeness  paraphrases found  harmless found")
    for step in steps:
        print(f"{step:8.2f}  {np.mean(np.array(said) >= step):17.1%}  {np.mean(np.array(others) >= step):14.2%}")


if __name__ == "__main__":
    main()
