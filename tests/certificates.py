# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates made at test time: roots, intermediates and servers' own, healthy unless told otherwise."""

from __future__ import annotations

import ipaddress
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
NAME = "charge.example.net"
#: CA/Browser Forum, domain validated: what a public authority writes into its certificates.
PUBLIC = x509.ObjectIdentifier("2.23.140.1.2.1")


def today() -> datetime:
    """Now, whole seconds, UTC."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True)
class Issued:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: Key

    @property
    def der(self) -> bytes:
        """The certificate in DER."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> str:
        """The certificate in PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        """The key in PEM, not encrypted."""
        form = serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def authority(name: str, issuer: Issued | None = None, *, key: Key | None = None, **more: object) -> Issued:
    """A root, or an intermediate when there is an issuer; ``key`` gives the same authority another certificate."""
    return _issue(name, issuer, key or ec.generate_private_key(ec.SECP256R1()), ca=True, **more)  # type: ignore[arg-type]


def server(issuer: Issued | None, *names: str, key: Key | None = None, **more: object) -> Issued:
    """A server's certificate for these names and addresses; self-signed without an issuer."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    return _issue(names[0] if names else "server", issuer, key, names=names, **more)  # type: ignore[arg-type]


def _issue(
    common_name: str,
    issuer: Issued | None,
    key: Key,
    *,
    ca: bool = False,
    names: Iterable[str] = (),
    begins: datetime | None = None,
    ends: datetime | None = None,
    aia: str | None = None,
    public: bool = False,
) -> Issued:
    """``begins`` and ``ends`` default to 10 days ago and in 80 days; those of authorities to years around today."""
    begins = begins or today() - timedelta(days=700 if ca else 10)
    ends = ends or today() + timedelta(days=8000 if ca else 80)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if ca:
        usage = dict.fromkeys(
            ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "encipher_only", "decipher_only"), False
        )  # fmt: skip
        builder = builder.add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)
    if issuer is not None:
        known = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
        builder = builder.add_extension(known, critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_name(item) for item in names]), critical=False)
    if aia:
        place = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(aia))
        builder = builder.add_extension(x509.AuthorityInformationAccess([place]), critical=False)
    if public:
        policy = x509.CertificatePolicies([x509.PolicyInformation(PUBLIC, None)])
        builder = builder.add_extension(policy, critical=False)
    return Issued(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def signed_with_sha1(issuer: Issued, name: str, folder: Path) -> Issued:
    """A server's certificate with a signature that the library refuses to make; the program openssl still does."""
    key = rsa.generate_private_key(65537, 2048)
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    written(folder, issuer, name="issuer")
    (folder / "request.pem").write_bytes(request.public_bytes(serialization.Encoding.PEM))
    said = subprocess.run(
        ["openssl", "x509", "-req", "-in", "request.pem", "-CA", "issuer.crt", "-CAkey", "issuer.key", "-sha1",
         "-days", "60", "-copy_extensions", "copy", "-set_serial", "1"],
        cwd=folder, capture_output=True, check=True,
    )  # fmt: skip
    return Issued(x509.load_pem_x509_certificate(said.stdout), key)


@dataclass(frozen=True)
class Family:
    """A root, an intermediate, and a server's certificate."""

    root: Issued
    intermediate: Issued
    leaf: Issued

    @property
    def full(self) -> list[bytes]:
        """The chain as a server should present it."""
        return [self.leaf.der, self.intermediate.der]


def family(*names: str, **more: Any) -> Family:
    """A healthy chain for ``names`` (default ``NAME``); ``more`` goes to the server's certificate."""
    root = authority("Test Root")
    intermediate = authority("Test Intermediate", root)
    return Family(root, intermediate, server(intermediate, *(names or (NAME,)), **more))


def written(folder: Path, leaf: Issued, *others: Issued, name: str = "server") -> tuple[Path, Path]:
    """Files for a server: the certificates in this order, and the key."""
    chain, key = folder / f"{name}.crt", folder / f"{name}.key"
    chain.write_text("".join(item.pem for item in (leaf, *others)))
    key.write_text(leaf.key_pem)
    return chain, key
