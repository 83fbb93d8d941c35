"""Frozen settings. The only file that reads configuration files and the environment.

`nemora.toml` is looked for at `--config`, else in the XDG configuration folder. A key that is not
known is an error that names it: a misspelt setting must never silently mean "the default".
"""

from __future__ import annotations

import dataclasses
import ipaddress
import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from nemora.errors import SettingsError

T = TypeVar("T")
Duration = float
"""Seconds; `math.inf` where a negative number was given, which means: for ever."""
MAX_PORT = 65535
MAX_THREADS = 256
"""The native kernels use no more, and torch dies of many more without a word."""
MOST_SECONDS = 1e9
"""What is longer is for ever."""
CLIENT_KEY = "NEMORA_API_KEY"
"""The variable with the key of who asks."""
VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
NOT_FROM_FILES = {"api_key", "name"}
_ONE_MODEL = (
    "one model finds names and judges topics now; take the line out, or name a model's folder in inspection.model"
)
UNIT_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"([+-]?)((?:\d{1,9}(?:\.\d{1,9})?(?:ns|us|µs|ms|s|m|h))+|0)", re.ASCII)
_PIECE = re.compile(r"([\d.]+)(\D+)", re.ASCII)
FORMER_KEYS = {"inspection.tagger": _ONE_MODEL, "inspection.topics": _ONE_MODEL}
TOP_LEVEL_KEYS = {"server", "local", "inspection", "embeddings", "ledger", "servers", "policy", "offline", "air_gapped"}


def duration(value: object) -> Duration | None:
    """Seconds of a number, or of a text as Go and so Ollama write it ("5m", "1h30m"); None: it is neither."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return None if math.isnan(value) else math.inf if value < 0 or value > MOST_SECONDS else float(value)
    found = _DURATION.fullmatch(value) if isinstance(value, str) and len(value) <= 64 else None
    if found is None:
        return None
    seconds = sum(float(number) * UNIT_SECONDS[unit] for number, unit in _PIECE.findall(found[2]))
    return math.inf if (found[1] == "-" and seconds) or seconds > MOST_SECONDS else seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where files live (XDG). Data files are created 0600, their folder 0700."""

    config: Path
    """`nemora.toml` and `policy.toml`."""
    cache: Path
    """Downloaded models."""
    data: Path
    """Ledger, taint and keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """The HTTP server."""

    host: str = "127.0.0.1"
    """Address to bind. Anything but loopback needs an API key."""
    port: int = 8484
    """Port to bind; 0 lets the system choose."""
    api_key: str | None = field(default=None, repr=False)
    """Clients must send it as a bearer token. Read from the variable that `api_key_env` names."""
    allowed_hosts: tuple[str, ...] = ()
    """Host names beside loopback's under which clients may address the server."""
    max_body_bytes: int = 32 * 1024 * 1024
    """Larger request bodies are refused."""
    body_seconds: float = 30.0
    """A request body must arrive within this time."""
    max_requests: int = 64
    """Requests answered or waiting at once; more get 429."""
    drain: float = 20.0
    """Seconds in which answers under way may end after SIGTERM or SIGINT; new requests get 503 meanwhile."""
    explain: Literal["owner", "coarse"] = "owner"
    """What clients are told about decisions. "owner": reason, class and counts, and GET /v1/nemora/decisions/ID from
    this machine. "coarse", for clients that are not trusted: only which side answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    """The model that runs in this process."""

    model: str | None = None
    """A name that `nemora models` lists, hub:OWNER/REPO, a folder or a GGUF file. None: `serve` offers one that fits,
    and otherwise takes the starter."""
    models: tuple[str, ...] = ()
    """Further models that requests may name. One is loaded at a time: a request for another one swaps it."""
    keep_alive: Duration = math.inf
    """How long a model stays loaded after its last use: "5m", seconds, 0 for not at all, or -1 for always."""
    swap_seconds: float = 30.0
    """Answers under way may go on so long when another model is asked for; then they end with an error."""
    device: str = "cpu"
    threads: int = 0
    """0: one per core."""
    context: int = 0
    """Tokens per sequence; 0: what the model was trained for. Never more than memory holds."""
    allow_longer_context: bool = False
    """Accept a `context` beyond what the model was trained for. What it makes of such positions nobody promises."""
    kv_cache: Literal["auto", "float32", "bfloat16", "fp8", "q8"] = "auto"
    """How keys and values are kept. "auto": as the activations. "fp8" and "q8" take about a byte for each number."""
    memory_bytes: int = 0
    """Memory for sequences and the prefix cache; 0: half of what is free once the weights are loaded."""
    prefix_cache: bool = True
    """Keep what was read of prompts, so that what begins alike is read once."""
    prefix_cache_bytes: int = 0
    """Most that it takes of that memory; 0: half of it."""
    batched: bool = False
    """Let answers share forward passes even where what each gets then depends on its company by rounding. Where it does
    not, they share them anyway."""
    speculation: Literal["off", "auto"] = "off"
    """"auto": draft tokens by looking up what followed before, where that is measured to be faster. An answer has the
    model's own distribution, and may differ by rounding from what it is without."""
    activations: Literal["auto", "int8", "int15", "float32"] = "auto"
    """How precisely stored matrices of 4- to 8-bit blocks meet activations on the CPU. "auto": by the model's size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectionSettings:
    """How requests are read on this machine."""

    seconds: float = 20.0
    """Time for reading one request, plus a second for each 20,000 characters. Over it, it counts as sensitive."""
    document_seconds: float = 60.0
    """Time for reading the documents of one request, plus a second for each 100,000 bytes. Over it, they are unread."""
    cache_entries: int = 200_000
    """Segments whose findings are remembered."""
    model: str | None = None
    """A reader's folder, of `nemora train sensitivity` or recipes/hybrid; None: the model that ships with Nemora."""
    judge: str | None = None
    """A file that `nemora judge calibrate` wrote, of a model that is asked where the class is uncertain; None: none."""
    judge_from: float = 0.05
    """The lowest topic score that the judge is asked about; from 0.5 on a text stays without being asked about."""
    judge_seconds: float = 10.0
    """The judge's time for one request. Over it, the request counts as sensitive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteServer:
    """An OpenAI-compatible server that Nemora may send requests to."""

    name: str
    base_url: str
    """Up to and including `/v1`."""
    model: str
    """The model's name on that server, and the name by which clients may ask for it here."""
    trust: Literal["cloud", "local"]
    """`local` stands on this side of the boundary: only loopback or a pinned address may be that."""
    api_key: str | None = field(default=None, repr=False)
    """Read from the variable that `api_key_env` names."""
    api_key_env: str | None = None
    pinned: tuple[str, ...] = ()
    """IP addresses beside loopback that `trust = "local"` may mean."""
    api: Literal["openai", "anthropic"] = "openai"
    """What it speaks: OpenAI's chat completions, or Anthropic's Messages."""
    default: bool = False
    """Of several cloud servers, the one that is chosen where the policy has no destinations of its own."""
    connect_seconds: float = 10.0
    read_seconds: float = 120.0
    """Longest silence between two pieces of an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingSettings:
    """The model behind `/v1/embeddings`, which runs in this process."""

    model: str | None = None
    """`minilm-l6`, hub:OWNER/REPO, or a folder of a BertModel or a LlamaBidirectionalModel. None: there are none."""
    device: str = "cpu"
    context: int = 0
    """Most tokens of a text; 0: what the model was made for, at most 8192. A longer text is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSettings:
    """The ledger's surroundings; the ledger itself lies in the data folder."""

    heads: str | None = None
    """File of the signed heads, best on another disk; None: `ledger.heads` beside the ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything, read once at start."""

    paths: Paths
    server: ServerSettings = ServerSettings()
    local: LocalSettings = LocalSettings()
    inspection: InspectionSettings = InspectionSettings()
    embeddings: EmbeddingSettings = EmbeddingSettings()
    ledger: LedgerSettings = LedgerSettings()
    servers: tuple[RemoteServer, ...] = ()
    policy: Path | None = None
    """The policy file; None: `policy.toml` beside `nemora.toml` if it is there, else the built-in default."""
    offline: bool = False
    """Never fetch anything."""
    air_gapped: bool = False
    """Reach no other machine at all; implies `offline`."""
    client_key: str | None = field(default=None, repr=False)
    """What `ask` and `chat` present to the running server. Read from the variable NEMORA_API_KEY."""
    hub_token: str | None = field(default=None, repr=False)
    """For gated models on the Hugging Face hub, sent nowhere else. Read from the variable HF_TOKEN."""

    @property
    def clouds(self) -> tuple[RemoteServer, ...]:
        """The servers on the far side of the boundary: the default one, then the others as they stand in the file."""
        return tuple(sorted((s for s in self.servers if s.trust == "cloud"), key=lambda s: not s.default))

    @property
    def cloud(self) -> RemoteServer | None:
        """The default server on the far side, if one is configured."""
        return self.clouds[0] if self.clouds else None

    @property
    def heads_file(self) -> Path | None:
        """Where the ledger's signed heads go; None: beside the ledger."""
        return None if self.ledger.heads is None else self.paths.config / self.ledger.heads


def load_settings(config: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read `nemora.toml` (at `config`, else the XDG folder) and the environment.

    Raises:
        SettingsError: the file is named and missing, is not TOML, has an unknown key or a wrong
            type, names a variable that is not set, or calls a foreign address local.
    """
    env = os.environ if environ is None else environ
    paths = _paths(env)
    if config is not None and not config.is_file():
        if config.exists():
            what = "a folder" if config.is_dir() else "not a regular file"
            raise SettingsError(f"{config} is {what}; name the settings file, or leave --config out.")
        raise SettingsError(f"The settings file {config} does not exist; write it or leave --config out.")
    file = config or paths.config / "nemora.toml"
    table = _read_toml(file) if file.is_file() else {}
    _refuse_unknown(table, TOP_LEVEL_KEYS, file, "")
    server = dict(_table(table, "server", file))
    _refuse_plain_key(server, f"{file}: server")
    key_name = server.pop("api_key_env", None)
    if key_name is not None:
        server["api_key"] = _secret(env, key_name, f"{file}: server.api_key_env")
    servers = tuple(_remote_server(name, entry, env, file) for name, entry in _table(table, "servers", file).items())
    if sum(s.default for s in servers) > 1:
        raise SettingsError(f"{file}: only one server may have default = true; take it out of the others.")
    policy = table.get("policy")
    if policy is not None and not (isinstance(policy, str) and policy):
        raise SettingsError(f"{file}: policy must be the path of a file, as text.")
    beside = file.parent / "policy.toml"
    if isinstance(port := server.get("port"), int) and port > MAX_PORT:
        raise SettingsError(f"{file}: server.port must be at most {MAX_PORT}.")
    local = _table(table, "local", file)
    if isinstance(threads := local.get("threads"), int) and threads > MAX_THREADS:
        raise SettingsError(f"{file}: local.threads must be at most {MAX_THREADS}.")
    air_gapped = _switch(table, "air_gapped", env, "NEMORA_AIR_GAPPED", file)
    settings = Settings(
        paths=dataclasses.replace(paths, config=file.parent),
        server=_build(ServerSettings, server, file, "server"),
        local=_build(LocalSettings, local, file, "local"),
        inspection=_build(InspectionSettings, _table(table, "inspection", file), file, "inspection"),
        embeddings=_build(EmbeddingSettings, _table(table, "embeddings", file), file, "embeddings"),
        ledger=_build(LedgerSettings, _table(table, "ledger", file), file, "ledger"),
        servers=servers,
        policy=(file.parent / policy) if policy else (beside if beside.is_file() else None),
        offline=_switch(table, "offline", env, "NEMORA_OFFLINE", file) or air_gapped,
        air_gapped=air_gapped,
        client_key=env.get(CLIENT_KEY) or None,
        hub_token=env.get("HF_TOKEN") or None,
    )
    _refuse_what_is_far(settings)
    return settings


def with_cloud(settings: Settings, base_url: str, model: str, api_key_env: str | None) -> Settings:
    """`settings` with its cloud server replaced by the one that command-line flags describe."""
    entry = {"base_url": base_url, "model": model, "trust": "cloud"}
    if api_key_env:
        entry["api_key_env"] = api_key_env
    cloud = _remote_server("cloud", entry, os.environ, Path("--cloud-url"))
    kept = tuple(s for s in settings.servers if s.trust != "cloud" and s.name != cloud.name)
    changed = dataclasses.replace(settings, servers=(*kept, cloud))
    _refuse_what_is_far(changed)
    return changed


def _refuse_what_is_far(settings: Settings) -> None:
    """Air-gapped, every server must be on this very machine."""
    for server in settings.servers if settings.air_gapped else ():
        host = _host(server.base_url) or ""
        if server.trust == "cloud" or not _is_this_side(host, ()):
            raise SettingsError(
                f"air_gapped is set, and servers.{server.name} is not on this machine; take one of the two out."
            )


def _paths(env: Mapping[str, str]) -> Paths:
    home = Path(env.get("HOME") or Path.home())

    def base(variable: str, default: str) -> Path:
        value = env.get(variable, "")
        return Path(value) if value.startswith("/") else home / default  # XDG: relative values are ignored

    return Paths(
        config=base("XDG_CONFIG_HOME", ".config") / "nemora",
        cache=base("XDG_CACHE_HOME", ".cache") / "nemora",
        data=base("XDG_DATA_HOME", ".local/share") / "nemora",
    )


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file} is not valid TOML: {error}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read as UTF-8 text; check its permissions and encoding.") from error


def _table(table: Mapping[str, Any], key: str, file: Path) -> Mapping[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise SettingsError(f"{file}: {key} must be a table, written [{key}].")
    return value


def _refuse_unknown(table: Mapping[str, Any], known: set[str], file: Path, prefix: str) -> None:
    for key in table:
        if (former := FORMER_KEYS.get(f"{prefix}{key}")) is not None:
            raise SettingsError(f"{file}: {prefix}{key} is no longer a setting: {former}.")
        if key not in known:
            raise SettingsError(
                f"{file}: unknown key {prefix}{key}; known here: {', '.join(sorted(known - NOT_FROM_FILES))}."
            )


def _build(kind: type[T], values: Mapping[str, Any], file: Path, prefix: str) -> T:
    """A settings dataclass from a TOML table, each value checked against its field's type."""
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    _refuse_unknown(values, set(fields), file, f"{prefix}.")
    checked: dict[str, Any] = {}
    for key, value in values.items():
        checked[key] = _typed(value, str(fields[key].type), f"{file}: {prefix}.{key}")
    return kind(**checked)


def _typed(value: Any, annotation: str, where: str) -> Any:
    if annotation == "bool" and isinstance(value, bool):
        return value
    if annotation == "int" and isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if (
        annotation == "float"
        and isinstance(value, int | float)
        and not isinstance(value, bool)
        and 0 < value < math.inf
    ):
        return float(value)
    if annotation == "Duration" and (seconds := duration(value)) is not None:
        return seconds
    if annotation in ("str", "str | None") and isinstance(value, str) and value:
        return value
    if annotation.startswith("tuple[str") and isinstance(value, list) and all(isinstance(v, str) for v in value):
        return tuple(value)
    if annotation.startswith("Literal") and isinstance(value, str) and repr(value) in annotation:
        return value
    expected = {
        "bool": "true or false",
        "int": "a whole number, 0 or more",
        "float": "a number above 0",
        "Duration": 'a duration such as "5m", a number of seconds, or -1 for always',
        "str": "text",
    }.get(annotation, annotation)
    raise SettingsError(f"{where} must be {expected}.")


def _switch(table: Mapping[str, Any], key: str, env: Mapping[str, str], variable: str, file: Path) -> bool:
    """A flag at the top of the file, or a variable that is neither empty nor 0."""
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise SettingsError(f"{file}: {key} must be true or false.")
    return value or env.get(variable, "") not in ("", "0")


def _secret(env: Mapping[str, str], variable: Any, where: str) -> str:
    if not isinstance(variable, str) or not variable:
        raise SettingsError(f"{where} must be the name of an environment variable.")
    value = env.get(variable, "")
    if not value:
        # Only what looks like a variable's name is repeated: people paste the key itself here.
        named = f"the variable {variable}" if VARIABLE.fullmatch(variable) else "a variable"
        raise SettingsError(
            f"{where} names {named}, which is not set; write the variable's name and set it to the key."
        )
    return value


def _remote_server(name: str, entry: Any, env: Mapping[str, str], file: Path) -> RemoteServer:
    where = f"servers.{name}"
    if not isinstance(entry, dict):
        raise SettingsError(f"{file}: {where} must be a table, written [{where}].")
    for required in ("base_url", "model", "trust"):
        if required not in entry:
            raise SettingsError(f"{file}: {where}.{required} is missing.")
    values = dict(entry)
    if "name" in values:
        raise SettingsError(f"{file}: unknown key {where}.name; the name stands in the table's head, [{where}].")
    _refuse_plain_key(values, f"{file}: {where}")
    if "api_key_env" in values:
        values["api_key"] = _secret(env, values["api_key_env"], f"{file}: {where}.api_key_env")
    server = _build(RemoteServer, {"name": name, **values}, file, where)
    host = _host(server.base_url)
    if host is None:
        raise SettingsError(
            f"{file}: {where}.base_url must look like https://host/v1, without user, query or fragment."
        )
    if server.trust == "local" and not _is_this_side(host, server.pinned):
        raise SettingsError(
            f'{file}: {where} has trust = "local", so its host must be a loopback address or an IP address listed '
            f"in {where}.pinned; a name could come to mean another machine."
        )
    if server.trust == "local" and server.default:
        raise SettingsError(f'{file}: {where} has trust = "local"; default = true is for cloud servers only.')
    return dataclasses.replace(server, base_url=server.base_url.rstrip("/"))


def _refuse_plain_key(table: Mapping[str, Any], where: str) -> None:
    if "api_key" in table:
        raise SettingsError(f"{where}.api_key is not read from a file; name a variable with api_key_env.")


def _host(base_url: str) -> str | None:
    """The host of a plain http or https URL, or None if it is anything else."""
    try:
        url = urlsplit(base_url)
        host, _ = url.hostname, url.port  # reading the port checks it
    except ValueError:
        return None
    plain = url.scheme in ("http", "https") and not (url.username or url.query or url.fragment)
    return host if plain and host and re.search(r"\s", base_url) is None else None


def _is_this_side(host: str, pinned: tuple[str, ...]) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or str(address) in pinned


_FOR_DOWNLOADS = re.compile(
    r"PATH|HOME|USER|LANG|LC_\w+|TMPDIR|XDG_\w+|PYTHONPATH|VIRTUAL_ENV|PIP_\w+|SSL_CERT_\w+|REQUESTS_CA_BUNDLE"
    r"|(?:https?|no|all)_proxy",
    re.IGNORECASE,
)
"""Of the environment, what a download needs. Keys of clouds are not among it."""


def environment_of_downloads() -> dict[str, str]:
    """The environment for a process that only downloads."""
    return {name: value for name, value in os.environ.items() if _FOR_DOWNLOADS.fullmatch(name)}
