"""The catalog is sound data, and names are not paths."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemora.weights.catalog import CATALOG, STARTER, Entry, HubFile, PackageFile, UrlFile, is_inside, is_name

every_entry = pytest.mark.parametrize("entry", CATALOG.values(), ids=CATALOG)


@every_entry
def test_entry_is_complete(entry: Entry) -> None:
    assert is_name(entry.name) and CATALOG[entry.name] is entry
    assert entry.main is None or entry.main in {file.name for file in entry.files}
    for file in entry.files:
        assert is_inside(file.name)
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert file.size > 0
        assert file.sources


@every_entry
def test_licence_text_is_shipped_and_names_its_terms(entry: Entry) -> None:
    words = {"Apache-2.0": "Apache License", "CC-BY-4.0": "Attribution 4.0 International"}[entry.licence.spdx]
    assert words in entry.licence.text()
    assert len(entry.licence.text()) > 10_000
    assert entry.licence.holder in entry.licence.line()


@every_entry
def test_entry_is_frozen(entry: Entry) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        entry.name = "other"  # type: ignore[misc]


def test_starter_names_are_in_the_catalog() -> None:
    assert set(STARTER) <= set(CATALOG)


def test_hub_address_is_the_published_form() -> None:
    assert HubFile("o/r", "main", "a/b.bin").url == "https://huggingface.co/o/r/resolve/main/a/b.bin"


def test_place_of_a_source_holds_no_credentials() -> None:
    assert UrlFile("https://user:canary@host.example/f?sig=canary").place == "url host.example"
    assert PackageFile("p", "1", "m", 1).place == "package p 1"


@pytest.mark.parametrize(
    "text", ["", ".", "..", "a/b", "../a", "/etc", "A", "a\0", "a\n", "-a", "a-", "a" * 65, "a b", "~"]
)
def test_path_like_text_is_no_name(text: str) -> None:
    assert not is_name(text)


@pytest.mark.parametrize("text", ["", ".", "..", "../a", "a/../b", "/a", "a\\..\\b"])
def test_file_name_that_leaves_its_folder_is_seen(text: str) -> None:
    assert not is_inside(text)


@given(st.text(max_size=70))
def test_a_name_has_nothing_that_a_path_needs(text: str) -> None:
    if is_name(text):
        assert not set(text) & set("/\\\0~ ") and text.strip(".") == text and len(text) <= 64
