"""Settings: the user's config.toml over the defaults; the environment is read here and nowhere deeper."""

import fnmatch
import getpass
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from hivemind.capture import layout
from hivemind.errors import HivemindError

#: What switches capture on; anything else switches it off, since a misspelt "off" must not store.
ON = frozenset({"", "1", "true", "on", "yes"})
AGENT_MODELS = ("claude", "codex", "pi", "hermes")
PROVIDER_MODELS = ("anthropic", "openai", "google", "openai-compatible")
#: A longer text is no setting.
MAX_TEXT_CHARS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Describe one setting for `hivemind config` and docs."""

    key: str  #: `section.name` in config.toml
    default: Any
    help: str
    choices: tuple[str, ...] = ()  #: of a text; any text will do where there are none
    least: int = 0
    most: int = 1_000_000


SETTINGS = (
    Setting(
        key="capture.enabled", default=True, help="store what agents do; false stores nothing from now on"
    ),
    Setting(
        key="capture.exclude", default=[], help="folders (or glob patterns) whose sessions are never stored"
    ),
    Setting(
        key="capture.exclude_remotes",
        default=[],
        help="repositories (or glob patterns, as github.com/acme/*) whose sessions are never stored",
    ),
    Setting(
        key="capture.team",
        default=[],
        help="repositories (as github.com/acme/*) or folders whose sessions go to the team; others stay here",
    ),
    Setting(
        key="publish.policy",
        default="auto",
        choices=("auto", "review"),
        help="of skills of one project; auto: one with enough evidence loads there; review: you approve each",
    ),
    Setting(
        key="share.policy",
        default="review",
        choices=("review", "auto"),
        help="of skills that go further: every project and the team; the same two",
    ),
    Setting(
        key="team.policy",
        default="review",
        choices=("review", "auto"),
        help="on a team's server, of every skill: a reviewer approves each; auto: its evidence is enough",
    ),
    Setting(
        key="publish.max_per_project",
        default=12,
        least=0,
        most=200,
        help="skill files in one project at most",
    ),
    Setting(key="inject.enabled", default=True, help="give the agent the relevant skills at each prompt"),
    Setting(
        key="inject.max_skills", default=2, least=0, most=10, help="skills given with one prompt at most"
    ),
    Setting(
        key="inject.budget_tokens",
        default=1500,
        least=0,
        most=2400,
        help="tokens given with one prompt at most",
    ),
    Setting(
        key="inject.embeddings",
        default=True,
        help="find skills by meaning, too, where the extra `embeddings` is installed (200 MB of memory)",
    ),
    Setting(
        key="holdout.enabled",
        default=True,
        help="withhold each skill from a few sessions, to learn whether it helps; false gives it to all",
    ),
    Setting(
        key="holdout.trial_percent",
        default=10,
        most=50,
        help="of sessions from which a skill on trial is withheld",
    ),
    Setting(
        key="holdout.active_percent",
        default=5,
        most=50,
        help="of sessions from which an active skill is withheld",
    ),
    Setting(
        key="holdout.new_model_percent",
        default=30,
        most=50,
        help="of sessions of a model that is new here, until enough is known",
    ),
    Setting(
        key="model.kind",
        default="none",
        choices=("none", "auto", *AGENT_MODELS, *PROVIDER_MODELS),
        help="who words skills; auto: the first of your agents that is found; none: templates, no cost",
    ),
    Setting(key="model.name", default="", help="the model; empty: the agent's own default"),
    Setting(
        key="model.base_url", default="", help="where the provider is, such as http://localhost:11434/v1"
    ),
    Setting(
        key="model.daily_cap_usd",
        default=0.5,
        most=1_000,
        help="US dollars that a day's calls may cost, as far as prices are known",
    ),
    Setting(key="model.daily_cap_calls", default=40, most=10_000, help="calls a day at most"),
    Setting(
        key="model.timeout_s", default=120, least=1, most=900, help="a call without an answer ends after this"
    ),
    Setting(
        key="otlp.listen",
        default="",
        help="take traces and logs in at this address of this machine, such as 127.0.0.1:4318; empty: not",
    ),
    Setting(
        key="worker.idle_s",
        default=900,
        least=1,
        most=86_400,
        help="the worker exits after so long with no work",
    ),
)
_BY_KEY = {setting.key: setting for setting in SETTINGS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Hold every setting; a field is called after its key with `_` for the dot."""

    capture_enabled: bool = True
    capture_exclude: tuple[str, ...] = ()
    capture_exclude_remotes: tuple[str, ...] = ()
    capture_team: tuple[str, ...] = ()
    publish_policy: str = "auto"
    share_policy: str = "review"
    team_policy: str = "review"
    publish_max_per_project: int = 12
    inject_enabled: bool = True
    inject_max_skills: int = 2
    inject_budget_tokens: int = 1500
    inject_embeddings: bool = True
    holdout_enabled: bool = True
    holdout_trial_percent: int = 10
    holdout_active_percent: int = 5
    holdout_new_model_percent: int = 30
    model_kind: str = "none"
    model_name: str = ""
    model_base_url: str = ""
    model_daily_cap_usd: float = 0.5
    model_daily_cap_calls: int = 40
    model_timeout_s: int = 120
    otlp_listen: str = ""
    worker_idle_s: int = 900

    @property
    def holdout(self) -> tuple[bool, int, int, int]:
        """Give what is withheld: whether at all; percentages on trial, when active, and of a new model."""
        return (
            self.holdout_enabled,
            self.holdout_trial_percent,
            self.holdout_active_percent,
            self.holdout_new_model_percent,
        )

    def excludes(self, folder: str) -> bool:
        """Say whether sessions in a folder are kept out of the store."""
        return any(_is_below(folder, pattern) for pattern in self.capture_exclude)

    def excludes_remote(self, remote: str) -> bool:
        """Say whether sessions of a repository are kept out of the store; `remote` is host/owner/name."""
        return any(_is_remote(remote, pattern) for pattern in self.capture_exclude_remotes)

    def shares(self, folder: str, remote: str) -> bool:
        """Say whether sessions of a repository, in a folder, go to the team; nothing does without a word."""
        return any(
            _is_below(folder, pattern) if pattern.startswith(_FOLDER) else _is_remote(remote, pattern)
            for pattern in self.capture_team
        )


#: How a pattern begins that means folders.
_FOLDER = ("/", "~", ".")


def _is_below(folder: str, pattern: str) -> bool:
    written = os.path.expanduser(pattern).rstrip("/")  # noqa: PTH111 - a pattern is no path
    # Agents name real folders, a person perhaps a link to one.
    return any(
        (folder + "/").startswith(wanted + "/") or fnmatch.fnmatchcase(folder + "/", wanted + "/*")
        for wanted in {written, os.path.realpath(written)}
    )


def _is_remote(remote: str, pattern: str) -> bool:
    wanted = pattern.lower().rpartition("://")[2].strip("/").removesuffix(".git")
    return bool(remote) and fnmatch.fnmatchcase(remote.lower() + "/", wanted + "/*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Say what the environment decides: where the data is, which workspace, whether anything is captured."""

    data: Path
    home: Path
    workspace_id: str = "default"
    capture: bool = True
    variables: Mapping[str, str]


def environment(variables: Mapping[str, str]) -> Environment:
    """Read the environment once."""
    home = Path(variables.get("HOME") or Path.home())
    return Environment(
        data=Path(layout.data_dir(dict(variables), str(home))),
        home=home,
        workspace_id=variables.get("HIVEMIND_WORKSPACE_ID") or "default",
        capture=variables.get("HIVEMIND_CAPTURE", "").strip().lower() in ON,
        variables=variables,
    )


def user_name() -> str:
    """Name who runs this; a container's user may have no name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return f"user-{os.getuid()}" if hasattr(os, "getuid") else "user"


def config_path(data: Path) -> Path:
    """Give the path of the user's settings."""
    return data / "config.toml"


def load(data: Path) -> Settings:
    """Read the settings; raise HivemindError naming the key where one is wrong."""
    path = config_path(data)
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return Settings()
    except (OSError, UnicodeDecodeError) as error:
        raise HivemindError(
            "config-unreadable", f"{path}: {error}", hint="make it a readable UTF-8 file"
        ) from error
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise HivemindError(
            "config-unparseable", f"{path}: {error}", hint="mend it, or remove the file"
        ) from error
    values = {key: check(key, value) for key, value in _flat(document).items()}
    known = {f.name for f in fields(Settings)}
    return replace(
        Settings(), **{k.replace(".", "_"): v for k, v in values.items() if k.replace(".", "_") in known}
    )


def for_team(data: Path) -> Settings:
    """Read the settings of a team's server: one policy for every skill, since each is other people's, too."""
    settings = load(data)
    return replace(settings, publish_policy=settings.team_policy, share_policy=settings.team_policy)


def check(key: str, value: Any) -> Any:
    """Give the value of a setting as the code uses it; raise where the setting cannot have it."""
    setting = _BY_KEY.get(key)
    if setting is None:
        raise HivemindError("config-unknown", f"{key!r} is not a setting", hint="see `hivemind config`")
    wanted = "true or false"
    match setting.default:
        case bool():
            good = isinstance(value, bool)
        case int():
            wanted = f"a whole number from {setting.least} to {setting.most}"
            good = (
                isinstance(value, int)
                and not isinstance(value, bool)
                and setting.least <= value <= setting.most
            )
        case float():
            wanted = f"a number from {setting.least} to {setting.most}"
            good = (
                isinstance(value, int | float)
                and not isinstance(value, bool)
                and setting.least <= value <= setting.most
            )
            value = float(value) if good else value
        case list():
            wanted = "a list of texts, none of them empty"
            good = isinstance(value, list) and all(isinstance(item, str) and item.strip() for item in value)
            value = tuple(value) if good else value
        case _ if not setting.choices:
            wanted = f"a text on one line, {MAX_TEXT_CHARS} characters at most"
            # A text that begins with a hyphen would be an option of the program that it is passed to.
            good = (
                isinstance(value, str)
                and len(value) <= MAX_TEXT_CHARS
                and not value.startswith("-")
                and (value.isprintable() or not value)
            )
        case _:
            wanted = "one of " + ", ".join(setting.choices)
            good = value in setting.choices
    if not good:
        raise HivemindError("config-value", f"{key} = {value!r}", hint=f"it takes {wanted}")
    return value


def _flat(document: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for section, content in document.items():
        if isinstance(content, dict):
            flat |= {f"{section}.{name}": value for name, value in content.items()}
        else:
            flat[section] = content
    return flat
