"""Ed25519 signatures over the roots of closed rounds."""

import base64
import hashlib
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs roots with one private key. `public_key` is its hexadecimal raw public key."""

    private_key: Ed25519PrivateKey
    public_key: str

    def sign(self, root: str) -> str:
        """Return the hexadecimal Ed25519 signature of a root's text."""
        return self.private_key.sign(root.encode()).hex()


@lru_cache(maxsize=4)
def build_signer(signing_key: str | None, secret_key: str) -> Signer:
    """Build the signer from a base64 key of 32 bytes, or derive one from Django's secret key.

    Raises: ValueError: the key is not 32 bytes of base64.
    """
    seed = base64.b64decode(signing_key, validate=True) if signing_key else _derive(secret_key)
    if len(seed) != 32:
        raise ValueError("RINGMASTER['SIGNING_KEY'] must be base64 of exactly 32 bytes")
    private_key = Ed25519PrivateKey.from_private_bytes(seed)
    public_key = private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
    return Signer(private_key, public_key)


def verify_signature(public_key: str, root: str, signature: str) -> bool:
    """Return whether the signature over the root was made with this key."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(signature), root.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def check_public_key(text: str) -> None:
    """Refuse what is no public key in lower-case hexadecimal.

    Raises: ValueError: says what it should be.
    """
    try:
        is_key = len(bytes.fromhex(text)) == 32 and text == text.lower()
    except (TypeError, ValueError):
        is_key = False
    if not is_key:
        raise ValueError(
            f"{text!r:.80} is no public key: give the 64 hexadecimal digits that list_signing_keys shows"
        )


def _derive(secret_key: str) -> bytes:
    return hashlib.blake2b(secret_key.encode(), digest_size=32, person=b"ringmaster-seal").digest()
