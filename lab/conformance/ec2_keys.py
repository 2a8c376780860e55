"""Key pairs that are pairs of keys."""

import base64
import hashlib
from collections.abc import Callable

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from ministack.services import ec2

from lab.conformance.around import Parameters, Record, Response, around, numbered
from lab.settings import Settings

PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def key_pairs_are_real_keys(_settings: Settings) -> None:
    """CreateKeyPair gives a private key that works; a pair keeps its type, fingerprint and tags."""

    def create(p: Parameters) -> Response:
        private: PrivateKey
        if ec2._p(p, "KeyType") == "ed25519":
            private = ed25519.Ed25519PrivateKey.generate()
        else:
            private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = private.public_key().public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        )
        kind = "ed25519" if isinstance(private, ed25519.Ed25519PrivateKey) else "rsa"
        form = (
            serialization.PrivateFormat.OpenSSH
            if kind == "ed25519"
            else serialization.PrivateFormat.TraditionalOpenSSL
        )
        material = private.private_bytes(
            serialization.Encoding.PEM, form, serialization.NoEncryption()
        ).decode()
        return _keep(p, "CreateKeyPair", public.decode(), kind, f"<keyMaterial>{material}</keyMaterial>")

    def bring(p: Parameters) -> Response:
        text = base64.b64decode(ec2._p(p, "PublicKeyMaterial")).decode().strip()
        try:
            key = serialization.load_ssh_public_key(text.encode())
        except (ValueError, UnsupportedAlgorithm):
            refused: Response = ec2._error(
                "InvalidKey.Format", "Key is not in valid OpenSSH public key format", 400
            )
            return refused
        kind = "ed25519" if isinstance(key, ed25519.Ed25519PublicKey) else "rsa"
        return _keep(p, "ImportKeyPair", text, kind, "")

    ec2._ACTION_MAP["CreateKeyPair"] = create
    ec2._ACTION_MAP["ImportKeyPair"] = bring

    @around(ec2, "_describe_key_pairs")
    def with_all(original: Callable[[Parameters], Response], p: Parameters) -> Response:
        answer = original(p)
        if answer[0] != 200:
            return answer
        wanted = numbered(p, "KeyName")
        pairs = [pair for pair in ec2._key_pairs.values() if not wanted or pair["KeyName"] in wanted]
        items = "".join(
            f"<item>{_pair_xml(pair)}{ec2._tag_set_xml(pair['KeyPairId'])}</item>" for pair in pairs
        )
        described: Response = ec2._xml(200, "DescribeKeyPairsResponse", f"<keySet>{items}</keySet>")
        return described

    @around(ec2, "_delete_key_pair")
    def with_tags(original: Callable[[Parameters], Response], p: Parameters) -> Response:
        ec2._tags.pop(ec2._key_pairs.get(ec2._p(p, "KeyName"), {}).get("KeyPairId"), None)
        return original(p)


def _keep(p: Parameters, action: str, public: str, kind: str, more: str) -> Response:
    name = ec2._p(p, "KeyName")
    answer: Response
    if name in ec2._key_pairs:
        answer = ec2._error("InvalidKeyPair.Duplicate", f"The keypair '{name}' already exists.", 400)
        return answer
    pair = {
        "KeyName": name,
        "KeyPairId": f"key-{ec2.new_uuid().replace('-', '')[:17]}",
        "KeyFingerprint": _fingerprint(public, kind),
        "KeyType": kind,
        "PublicKey": public,
    }
    ec2._key_pairs[name] = pair
    ec2._parse_tag_specs(p, "key-pair", pair["KeyPairId"])
    answer = ec2._xml(200, f"{action}Response", _pair_xml(pair) + more + ec2._tag_set_xml(pair["KeyPairId"]))
    return answer


def _pair_xml(pair: Record) -> str:
    return (
        f"<keyName>{pair['KeyName']}</keyName><keyFingerprint>{pair['KeyFingerprint']}</keyFingerprint>"
        f"<keyPairId>{pair['KeyPairId']}</keyPairId><keyType>{pair.get('KeyType', 'rsa')}</keyType>"
    )


def _fingerprint(public: str, kind: str) -> str:
    """As the documentation of EC2 gives it: SHA-256 of an ED25519 key, MD5 of the DER form of an RSA key."""
    if kind == "ed25519":
        digest = hashlib.sha256(base64.b64decode(public.split()[1])).digest()
        return base64.b64encode(digest).decode()
    der = serialization.load_ssh_public_key(public.encode()).public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    digest_of_der = hashlib.md5(der, usedforsecurity=False).hexdigest()
    return ":".join(digest_of_der[at : at + 2] for at in range(0, 32, 2))
