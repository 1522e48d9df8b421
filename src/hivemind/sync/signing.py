"""Sign a workspace's skills, and check what came: Ed25519."""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Hold a key, both halves in base64."""

    public: str
    private: str


def new_pair() -> Pair:
    """Make a key."""
    private = ed25519.Ed25519PrivateKey.generate()
    return Pair(
        public=b64encode(private.public_key().public_bytes_raw()).decode(),
        private=b64encode(private.private_bytes_raw()).decode(),
    )


def sign(private: str, data: bytes) -> str:
    """Sign data."""
    return b64encode(_key(private).sign(data)).decode()


@lru_cache(maxsize=64)
def _key(private: str) -> ed25519.Ed25519PrivateKey:
    """Make a key of its text once: that takes longer than signing."""
    return ed25519.Ed25519PrivateKey.from_private_bytes(b64decode(private))


def is_signed(public: str, data: bytes, signature: str) -> bool:
    """Say whether a signature is of the key and of this data; False for what is no key or no signature."""
    try:
        key = ed25519.Ed25519PublicKey.from_public_bytes(b64decode(public, validate=True))
        key.verify(b64decode(signature, validate=True), data)
    except (InvalidSignature, ValueError):
        return False
    return True
