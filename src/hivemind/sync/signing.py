"""Sign a workspace's skills, and check what came: Ed25519, of the package `cryptography` (extra `team`)."""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hivemind.errors import HivemindError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ed25519

HOW_TO = "pip install 'hivemind-skills[team]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Hold a key, both halves in base64."""

    public: str
    private: str


def new_pair() -> Pair:
    """Make a key."""
    private = _ed25519().Ed25519PrivateKey.generate()
    return Pair(
        public=b64encode(private.public_key().public_bytes_raw()).decode(),
        private=b64encode(private.private_bytes_raw()).decode(),
    )


def sign(private: str, data: bytes) -> str:
    """Sign data."""
    key = _ed25519().Ed25519PrivateKey.from_private_bytes(b64decode(private))
    return b64encode(key.sign(data)).decode()


def is_signed(public: str, data: bytes, signature: str) -> bool:
    """Say whether a signature is of the key and of this data; False for what is no key or no signature."""
    ed25519 = _ed25519()
    from cryptography.exceptions import InvalidSignature

    try:
        key = ed25519.Ed25519PublicKey.from_public_bytes(b64decode(public, validate=True))
        key.verify(b64decode(signature, validate=True), data)
    except (InvalidSignature, ValueError):
        return False
    return True


def require() -> None:
    """Raise where the package is missing."""
    _ed25519()


if TYPE_CHECKING:
    from types import ModuleType


def _ed25519() -> "ModuleType | ed25519":  # type: ignore[valid-type]
    # 40 ms to import, and nobody without a server needs it.
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise HivemindError(
            "sync-extra", "a team's server needs the extra `team`, which is not installed", hint=HOW_TO
        ) from error
    return ed25519
