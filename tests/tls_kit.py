"""Certificates as HomeWizard's devices have them: signed by the maker's own authority, naming no address.

That authority's real certificate (CN=Appliance Access CA) is of version 1, without extensions; so are these.
"""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VERSION_3 = bytes.fromhex("a003020102")
ECDSA_WITH_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
SEQUENCE, BIT_STRING = b"\x30", b"\x03"


@dataclass(frozen=True)
class DeviceCertificate:
    """What a device shows, and who signed it."""

    authority: Path
    """The authority's certificate, PEM."""
    fingerprint: bytes
    context: ssl.SSLContext
    """For the device's server."""


def certificate(folder: Path, common_name: str = "appliance/p1dongle/5c2fafaabbcc") -> DeviceCertificate:
    """A new authority, and a device's certificate signed by it."""
    folder.mkdir(parents=True, exist_ok=True)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = folder / "authority.pem"
    authority.write_text(ssl.DER_cert_to_PEM_cert(_signed("Test authority", ca_key, ca_key)))
    device = _signed(common_name, key, ca_key)
    both = folder / "device.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both.write_text(private.decode() + ssl.DER_cert_to_PEM_cert(device))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return DeviceCertificate(authority, sha256(device).digest(), context)


def _signed(subject: str, key: ec.EllipticCurvePrivateKey, by: ec.EllipticCurvePrivateKey) -> bytes:
    """A certificate (DER) of version 1, which the library can't make: its version 3 without that number."""
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(_name(subject)).issuer_name(_name("Test authority"))
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    told = _content(builder.sign(by, hashes.SHA256()).tbs_certificate_bytes)
    assert told.startswith(VERSION_3)
    told = _item(SEQUENCE, told.removeprefix(VERSION_3))
    signature = by.sign(told, ec.ECDSA(hashes.SHA256()))
    return _item(SEQUENCE, told + ECDSA_WITH_SHA256 + _item(BIT_STRING, b"\x00" + signature))


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _item(tag: bytes, content: bytes) -> bytes:
    """DER: tag, length, content."""
    size = len(content)
    if size < 128:
        return tag + bytes([size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return tag + bytes([128 + len(length)]) + length + content


def _content(item: bytes) -> bytes:
    first = item[1]
    return item[2:] if first < 128 else item[2 + first - 128 :]
