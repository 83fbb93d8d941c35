"""What `nemora bench` found, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nemora.cli.tables import print_table

Found = Mapping[str, Any]
SHORT = 3
"""Formats of a checkpoint that are named."""


def show(report: Found) -> None:
    """Print the report of `bench_report.report_of`."""
    model, machine = report["model"], report["machine"]
    formats = ", ".join(list(model["formats"])[:SHORT])
    title = f"{model['name']}: {model['architecture']}, {formats}, {_mega(model['file_bytes'])}; {_machine(machine)}"
    print_table(("", "median", "least to most", "reached"), _speeds(report), title)
    print()
    print_table(("the machine meanwhile", "median", "least to most", ""), _limits(report["limits"]))
    print()
    memory = report["memory"]
    beside = "; the buffers of measurements are in it" if memory["probes_included"] else ""
    print(
        f"Peak memory {_mega(memory['peak_resident_bytes'])}, {_mega(memory['above_file_bytes'])} above the file's "
        f"size{beside}. Weights in memory: {_mega(model['weights_in_memory_bytes'])}, computing in "
        f"{model['activations']}. A token reads {_mega(report['token']['read_bytes'])} of them, "
        f"{_mega(report['token']['stored_bytes'])} as stored."
    )


def _machine(machine: Found) -> str:
    kernels = machine["native_instructions"] or f"none ({machine['why_no_native_kernels']})"
    return f"{machine['processor']}, {machine['threads']} threads, native kernels: {kernels}"


def _speeds(report: Found) -> Iterator[tuple[str, str, str, str]]:
    prompt = report["prompt"]
    reached = f"{_share(prompt['share_of_fp32'])} of fp32"
    if prompt["share_of_int8"] is not None:
        reached += f", {_share(prompt['share_of_int8'])} of int8"
    yield _row(f"prefill of {prompt['tokens']}", prompt["tokens_per_second"], "tokens/s", 1, reached)
    yield _row("time to first token", prompt["first_token_seconds"], "s", 1, "")
    for case in report["decode"]:
        together = f", {case['batch']} at once" if case["batch"] > 1 else ""
        reached = f"{_share(case['share_of_bandwidth'])} of bandwidth"
        if case["stored_bytes"] < case["weight_bytes"]:
            reached += f", {_share(case['share_by_stored_bytes'])} by stored bytes"
        yield _row(f"decode after {case['context']}{together}", case["tokens_per_second"], "tokens/s", 1, reached)


def _limits(limits: Found) -> Iterator[tuple[str, str, str, str]]:
    yield _row("reading memory", limits["bandwidth_bytes_per_second"], "GB/s", 1e9, "")
    yield _row("products in fp32", limits["fp32_operations_per_second"], "Gop/s", 1e9, "")
    int8 = limits["int8_operations_per_second"]
    if int8 is None:
        yield "products in int8", "not measured", "", "neither the native kernels nor a fast torch._int_mm is here"
    else:
        yield _row("products in int8", int8, "Gop/s", 1e9, limits["int8_by"])


def _row(what: str, spread: Found, unit: str, scale: float, reached: str) -> tuple[str, str, str, str]:
    median, least, most = (f"{spread[name] / scale:.3g}" for name in ("median", "least", "most"))
    return what, f"{median} {unit}", f"{least} to {most}", reached


def _share(spread: Found) -> str:
    return f"{100 * spread['median']:.0f} %"


def _mega(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
