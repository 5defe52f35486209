"""Read the configuration file and MAILSERVER_ environment into settings; the only reader of either."""

import difflib
import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import SettingsError

from mailserver.settings.configuration import PREFIX, SECRET_FILES, Settings
from mailserver.settings.section import Section

DEFAULT_FILE = Path("/etc/mailserver/config.toml")


class SettingsProblem(Exception):
    """The configuration cannot be used; the sentence says which key, why, and how to mend it."""


def load(config: Path | None = None, **flags: Any) -> Settings:
    """Read file, environment and flags; SettingsProblem for what cannot be used."""
    path = file_of(config)
    document = _read(path) if path else {}
    _refuse_unknown_environment()
    loaded = type("LoadedSettings", (Settings,), {"_document": _with_secrets(document), "__annotations__": {}})
    try:
        settings: Settings = loaded(**flags)
    except ValidationError as error:
        raise SettingsProblem(_explain(error, path)) from error
    except SettingsError as error:
        raise SettingsProblem(
            f"The environment cannot be read: {error}; lists and tables are written as JSON."
        ) from error
    return settings


def file_of(config: Path | None) -> Path | None:
    """The file that is read: the one that is named, else that of the environment, else the default where it exists."""
    if config is not None:
        return config
    named = os.environ.get(f"{PREFIX}CONFIG")
    return Path(named) if named else DEFAULT_FILE if DEFAULT_FILE.exists() else None


def keys() -> dict[str, Any]:
    """Every key in dotted form with its default, for documents and their tests."""
    found: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, Section):
            for key, inner in section.model_fields.items():
                found[f"{name}.{key}"] = inner.get_default(call_default_factory=False)
        else:
            found[name] = None
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsProblem(
            f"The configuration file {path} does not exist. `mailserver setup HOST` makes one; "
            f"--config or {PREFIX}CONFIG names another."
        ) from error
    except OSError as error:
        raise SettingsProblem(f"The configuration file {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsProblem(f"The configuration file {path} is not TOML: {error}.") from error


def _with_secrets(document: dict[str, Any]) -> dict[str, Any]:
    """Take secrets from systemd's credentials, named as their keys are, or from files that the environment names."""
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    for variable, (table, key) in SECRET_FILES.items():
        named = os.environ.get(variable)
        path = Path(named) if named else Path(directory) / key if directory else None
        if path is None or not (named or path.exists()):
            continue
        try:
            secret = path.read_text(encoding="utf-8").rstrip("\n")
        except OSError as error:
            raise SettingsProblem(f"The secret {path} cannot be read: {error.strerror}.") from error
        document = {**document, table: {**document.get(table, {}), key: secret}}
    return document


def _refuse_unknown_environment() -> None:
    known = {PREFIX + key.upper().replace(".", "__") for key in keys()}
    known |= {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    known |= {f"{PREFIX}CONFIG", *SECRET_FILES, f"{PREFIX}FUZZ"}
    for name in os.environ:
        if name.startswith(PREFIX) and name.upper() not in known:
            raise SettingsProblem(f"The environment variable {name} is not known.{_near(name, known)}")


def _explain(error: ValidationError, path: Path | None) -> str:
    where = f" in {path}" if path else ""
    sentences = []
    known = set(keys()) | set(Settings.model_fields)
    for problem in error.errors(include_url=False):
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            sentences.append(f"The key {key}{where} is not known.{_near(key, known)}")
        else:
            sentences.append(f"The key {key}{where} cannot be used: {problem['msg'].removeprefix('Value error, ')}.")
    return "\n".join(sentences)


def _near(name: str, known: set[str]) -> str:
    match = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return f" Did you mean {match[0]}?" if match else ""
