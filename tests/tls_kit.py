"""Certificates as HomeWizard's devices have them: signed by the maker's own authority, naming no address."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class DeviceCertificate:
    """What a device shows, and who signed it."""

    authority: Path
    """The authority's certificate, PEM."""
    fingerprint: bytes
    context: ssl.SSLContext
    """For the device's server."""


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def certificate(folder: Path, common_name: str = "appliance/p1dongle/5c2fafaabbcc") -> DeviceCertificate:
    """A new authority, and a device's certificate signed by it."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def signed(subject: str, of: ec.EllipticCurvePrivateKey, *, ca: bool) -> x509.Certificate:
        builder = x509.CertificateBuilder().subject_name(_name(subject)).issuer_name(_name("Test authority"))
        builder = builder.public_key(of.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=False)
        return builder.sign(ca_key, hashes.SHA256())

    authority = folder / "authority.pem"
    authority.write_bytes(signed("Test authority", ca_key, ca=True).public_bytes(serialization.Encoding.PEM))
    device = signed(common_name, key, ca=False)
    both = folder / "device.pem"
    both.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + device.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    shown = sha256(device.public_bytes(serialization.Encoding.DER)).digest()
    return DeviceCertificate(authority, shown, context)
