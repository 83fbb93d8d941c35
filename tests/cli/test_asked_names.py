"""A name that nobody has is said before a model is loaded; every name that the gateway knows is let through."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nemora.backends.local_place import find_model
from nemora.cli.asking import check_name
from nemora.errors import UnknownModel
from nemora.server.local_side import names_to_ask_for
from nemora.settings import Settings, load_settings
from nemora.weights.catalog import STARTER

FAR = '[servers.far]\nbase_url = "https://far.example/v1"\nmodel = "big"\ntrust = "cloud"\n'
NEAR = '[servers.near]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "small"\ntrust = "local"\n'


def settings(tmp_path: Path, text: str = "") -> Settings:
    config = tmp_path / "nemora.toml"
    config.write_text(text)
    return load_settings(config, {"HOME": str(tmp_path)})


@pytest.mark.parametrize("verb", [["ask", "hello"], ["chat"]])
def test_a_wrong_name_is_said_before_torch_is_loaded(verb: list[str], tmp_path: Path) -> None:
    config = tmp_path / "nemora.toml"
    config.write_text("[server]\nport = 1\n")
    words = ["--config", str(config), *verb, "--model", "nosuch"]
    program = f"""if True:
        import sys
        from nemora.cli.main import main
        print(main({words!r}), "torch" in sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, input="hello\n")
    assert done.stdout.strip() == "1 False" and "no model of that name" in done.stderr, done.stderr
    assert done.stderr.count("\n") == 1 and "nosuch" not in done.stderr


def test_names_of_the_router_the_local_model_and_the_destinations_are_known(tmp_path: Path) -> None:
    assert names_to_ask_for(settings(tmp_path)) == ["auto", "local", STARTER[0]]
    assert names_to_ask_for(settings(tmp_path, FAR)) == ["auto", "local", STARTER[0], "big", "far"]
    assert names_to_ask_for(settings(tmp_path, NEAR + FAR)) == ["auto", "local", "small", "near", "big", "far"]


def test_a_folder_and_a_file_answer_to_the_names_by_which_they_are_found(tmp_path: Path) -> None:
    folder, file = tmp_path / "mine", tmp_path / "theirs.gguf"
    folder.mkdir()
    file.write_bytes(b"")
    places = [find_model(str(path), cache=tmp_path, offline=True).name for path in (folder, file)]
    written = f"[local]\nmodel = {str(folder)!r}\nmodels = [{str(file)!r}]\n"
    assert (
        names_to_ask_for(settings(tmp_path, written))
        == ["auto", "local", *places]
        == ["auto", "local", "mine", "theirs"]
    )


def test_while_a_model_is_not_here_no_name_is_refused(tmp_path: Path) -> None:
    check_name("nosuch", settings(tmp_path, '[local]\nmodel = "hub:owner/repo"\n'))
    with pytest.raises(UnknownModel):
        check_name("nosuch", settings(tmp_path))
