"""Compiles the native kernels where Nemora is installed or a wheel is made; without a compiler all goes on."""

import importlib.util
import os
import shlex
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

KERNELS = "src/nemora/ops/cpu"


class CustomBuildHook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        spec = importlib.util.spec_from_file_location("nemora_cpu_build", Path(self.root) / KERNELS / "build.py")
        assert spec is not None and spec.loader is not None
        build = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(build)
        target = Path(self.root) / KERNELS / build.LIBRARY
        try:
            build.compile_library(target, shlex.split(os.environ.get("CXX", "")))
        except build.CannotCompile as problem:
            target.unlink(missing_ok=True)  # one of other sources would only be refused
            self.app.display_warning(
                f"Nemora's native kernels were not compiled: {problem}. It works without them, slower."
            )
            return
        build_data["artifacts"].append(f"/{KERNELS}/{build.LIBRARY}")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
