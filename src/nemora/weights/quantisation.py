"""What a folder in ModelOpt's layout says of how its modules are stored: one algorithm for all, or one for each.

Two places say it, in two spellings: `quantization_config` in config.json, and hf_quant_config.json.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import translate
from functools import cached_property
from typing import Any, Literal

from nemora.errors import CorruptCheckpoint, UnsupportedCheckpoint
from nemora.models.config_reader import ConfigReader, shown

Algorithm = Literal["FP8", "NVFP4", "W4A16_NVFP4"]
ALGORITHMS: tuple[Algorithm, ...] = ("FP8", "NVFP4", "W4A16_NVFP4")
NVFP4_GROUP = 16

# Bounds that no real file comes near: each pattern is tried on each module, and may try long.
MAX_PATTERNS = 1 << 10
MAX_WILDCARDS = 4  # in one pattern
MAX_PATTERN_LENGTH = 256


@dataclass(frozen=True, kw_only=True)
class Quantisation:
    """How each module is stored, by its name in the files.

    `default` is for every linear module that is neither `listed` nor `excluded`. `fp8_cache` says that keys and values
    were meant to be cached in FP8.
    """

    default: Algorithm | None = None
    listed: Mapping[str, Algorithm] = field(default_factory=dict)
    excluded: frozenset[str] = frozenset()
    excluded_patterns: tuple[str, ...] = ()
    fp8_cache: bool = False

    def algorithm(self, module: str) -> Algorithm | None:
        """The algorithm that is declared for a module; None if it is to be stored as plain numbers."""
        if module in self.listed:
            return self.listed[module]
        if self.default is None or module in self.excluded:
            return None
        parents = module.split(".")
        if any(".".join(parents[:end]) in self.excluded for end in range(1, len(parents))):
            return None
        return None if self._pattern.match(module) else self.default

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """All of `excluded_patterns` as one."""
        return re.compile("|".join(map(translate, self.excluded_patterns)) or r"(?!)")


def read_quantisation(config: Mapping[str, Any], hf_quant_config: Mapping[str, Any] | None) -> Quantisation:
    """From the two files' contents; of two declarations that of config.json counts, if it says all.

    Early exports of mixtures name no module there.

    Raises:
        CorruptCheckpoint: a declaration has not the form that ModelOpt writes.
        UnsupportedCheckpoint: another method or algorithm than is implemented.
    """
    if config.get("quantization_config") is not None:
        reader = ConfigReader(config, "config.json").inner("quantization_config")
        if hf_quant_config is None or not _is_mixture(reader) or reader.has("quantized_layers"):
            return _from_config(reader)
    if hf_quant_config is not None:
        return _from_hf_quant(ConfigReader(hf_quant_config, "hf_quant_config.json").inner("quantization"))
    return Quantisation()


def _from_config(reader: ConfigReader) -> Quantisation:
    method = "quant_library" if reader.has("quant_library") and not reader.has("quant_method") else "quant_method"
    reader.require(method)
    reader.refuse_unless(method, ["modelopt"])
    if isinstance(reader.values.get("kv_cache_scheme"), Mapping):
        cache = reader.inner("kv_cache_scheme")
        cache.refuse_unless("num_bits", [8])
        cache.refuse_unless("type", ["float"])
    else:  # early exports have a name here
        reader.refuse_unless("kv_cache_scheme", [None, "FP8"])
    return _declared(reader, excluded_key="ignore", fp8_cache=reader.has("kv_cache_scheme"))


def _from_hf_quant(reader: ConfigReader) -> Quantisation:
    reader.refuse_unless("kv_cache_quant_algo", [None, "FP8"])
    return _declared(reader, excluded_key="exclude_modules", fp8_cache=reader.has("kv_cache_quant_algo"))


def _declared(reader: ConfigReader, *, excluded_key: str, fp8_cache: bool) -> Quantisation:
    reader.refuse_unless("group_size", [NVFP4_GROUP, None])
    layers = reader.inner("quantized_layers").values if reader.has("quantized_layers") else {}
    default = (
        None if _is_mixture(reader) or not reader.has("quant_algo") else _algorithm(reader, reader.text("quant_algo"))
    )
    excluded = _strings(reader, excluded_key) if reader.has(excluded_key) else []
    patterns = tuple(name for name in excluded if _is_pattern(name))
    if len(patterns) > MAX_PATTERNS or not all(map(_is_simple, patterns)):
        raise UnsupportedCheckpoint(
            f"{excluded_key} in {reader.where} has more or longer patterns than are implemented; {MAX_PATTERNS} are, "
            f"of {MAX_PATTERN_LENGTH} characters and {MAX_WILDCARDS} wildcards each."
        )
    return Quantisation(
        default=default,
        listed=_listed(reader, layers),
        excluded=frozenset(name for name in excluded if not _is_pattern(name)),
        excluded_patterns=patterns,
        fp8_cache=fp8_cache,
    )


def _is_mixture(reader: ConfigReader) -> bool:
    return bool(reader.values.get("quant_algo") == "MIXED_PRECISION")


def _listed(reader: ConfigReader, layers: Mapping[str, Any]) -> dict[str, Algorithm]:
    """Super lists 41,100 modules one by one."""
    listed = {}
    for name, entry in layers.items():
        if not isinstance(entry, Mapping) or not isinstance(entry.get("quant_algo"), str):
            raise CorruptCheckpoint(f"quantized_layers in {reader.where} has no quant_algo for {shown(name)}.")
        if entry.get("group_size") not in (None, NVFP4_GROUP):
            raise UnsupportedCheckpoint(
                f"quantized_layers in {reader.where} has a group_size for {shown(name)} that is not implemented; "
                f"only {NVFP4_GROUP} is."
            )
        listed[name] = _algorithm(reader, entry["quant_algo"])
    return listed


def _algorithm(reader: ConfigReader, name: str) -> Algorithm:
    for algorithm in ALGORITHMS:
        if name == algorithm:
            return algorithm
    raise UnsupportedCheckpoint(
        f"{reader.where} has weights quantised by {shown(name)}; only {', '.join(ALGORITHMS)} and mixtures of these "
        "are implemented."
    )


def _strings(reader: ConfigReader, key: str) -> list[str]:
    values = reader.require(key)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise CorruptCheckpoint(f"{key} in {reader.where} is not a list of module names.")
    return list(values)


def _is_simple(pattern: str) -> bool:
    return len(pattern) <= MAX_PATTERN_LENGTH and sum(map(pattern.count, "*?[")) <= MAX_WILDCARDS


def _is_pattern(name: str) -> bool:
    return any(character in name for character in "*?[")
