# Copyright (c) 2026, chargeops.steve contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates read as far as they can be, the names they are for, and who signed whom. Pure; bad bytes never raise."""

from __future__ import annotations

import ipaddress
import warnings
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.chargeops.steve.plugins.module_utils._text import inert

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID
except ImportError:
    # Everything else can be judged without it.
    MISSING: str | None = "the Python library cryptography is not installed on the controller"
else:
    MISSING = None

#: A certificate is expiring when less than this share of its lifetime is left ...
EXPIRING_SHARE = 1 / 6
#: ... but not earlier than so long before its end. Automatic renewal happens at a third of the lifetime (or half of a
#: short one), so that Let's Encrypt's certificates of 90, 45 and 6 days are warned about with 15, 7.5 and 1 days left.
EXPIRING_AT_MOST = timedelta(days=30)
#: Reserved by the CA/Browser Forum for what public authorities issue; those never sign a server's with the root.
_PUBLIC_POLICIES = "2.23.140.1."
_LIMIT = 120


@dataclass(frozen=True)
class Certificate:
    """One certificate, read as far as it can be.

    Attributes:
        position: place in the presented chain, -1 for one of a trust store.
        der: its bytes.
        subject, issuer: names, inert.
        begins, ends: validity, UTC.
        dns_names, addresses: what it is for.
        common_name: the subject's, inert, or None.
        is_ca: whether it may issue others; None when it does not say.
        self_issued: whether subject and issuer are the same.
        key: kind and size, e.g. ``RSA 2048``.
        digest: hash of its signature, e.g. ``sha256``, or None.
        weak: why many TLS libraries refuse it, or None.
        issuer_url: where it says that its issuer can be fetched, inert, or None.
        is_public: whether a public authority says that it issued it.
        subject_key, authority_key: identifiers of its own and of its issuer's key, None where it does not say.
        defects: parts that cannot be read.
        parsed: the library's object.
    """

    position: int
    der: bytes
    subject: str
    issuer: str
    begins: datetime
    ends: datetime
    dns_names: tuple[str, ...]
    addresses: tuple[Any, ...]
    common_name: str | None
    is_ca: bool | None
    self_issued: bool
    key: str
    digest: str | None
    weak: str | None
    issuer_url: str | None
    is_public: bool
    subject_key: bytes | None
    authority_key: bytes | None
    defects: tuple[str, ...]
    parsed: x509.Certificate = field(compare=False, repr=False)

    def valid_at(self, at: datetime) -> bool:
        """Whether ``at`` lies in its validity."""
        return self.begins <= at <= self.ends

    def expiring_at(self, at: datetime) -> bool:
        """Whether its end is near; not when it is over."""
        return self.valid_at(at) and self.ends - at < min((self.ends - self.begins) * EXPIRING_SHARE, EXPIRING_AT_MOST)

    def line(self) -> str:
        """One line for evidence."""
        words = [
            f"{self.subject}, issued by {'itself' if self.self_issued else self.issuer}",
            f"{self.begins:%Y-%m-%d} to {self.ends:%Y-%m-%d %H:%MZ}",
            self.key + (f" {self.digest}" if self.digest else ""),
        ]
        if self.weak:
            words.append(f"weak: {self.weak}")
        place = "in the chargers' store" if self.position < 0 else f"certificate {self.position}"
        return f"{place}: {', '.join([*words, *self.defects])}"


# -- reading ------------------------------------------------------------------------------------------------


def read(der: bytes, position: int) -> Certificate | str:
    """One certificate, or why it cannot be read."""
    with warnings.catch_warnings():
        # Odd serial numbers and the like are none of our questions.
        warnings.simplefilter("ignore")
        try:
            parsed = x509.load_der_x509_certificate(der)
            subject, issuer = _text(parsed.subject), _text(parsed.issuer)
            begins, ends = parsed.not_valid_before_utc, parsed.not_valid_after_utc
        except Exception as error:  # whatever a library says to bytes of a stranger
            return f"certificate {position} cannot be read ({type(error).__name__})"
        defects: list[str] = []
        extensions = _extensions(parsed, defects)
        names = _value(extensions, x509.SubjectAlternativeName)
        constraints = _value(extensions, x509.BasicConstraints)
        key, weak_key = _key(parsed)
        digest = _digest(parsed)
        self_issued = subject == issuer and parsed.subject == parsed.issuer
        own, above = _value(extensions, x509.SubjectKeyIdentifier), _value(extensions, x509.AuthorityKeyIdentifier)
        weak = weak_key
        if weak is None and digest in ("sha1", "md5") and not self_issued:
            weak = f"signed with {digest}"
        return Certificate(
            position, der, subject, issuer, begins, ends,
            tuple(names.get_values_for_type(x509.DNSName)) if names else (),
            tuple(names.get_values_for_type(x509.IPAddress)) if names else (),
            _common_name(parsed), constraints.ca if constraints else None, self_issued, key, digest, weak,
            _issuer_url(extensions), _is_public(extensions), own.digest if own else None,
            above.key_identifier if above else None, tuple(defects), parsed,
        )  # fmt: skip


def read_pem(data: bytes) -> tuple[bytes, ...]:
    """The certificates of a PEM file, DER.

    Raises:
        ValueError: there is none, one cannot be read, or the library is missing.
    """
    if MISSING is not None:
        raise ValueError(MISSING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = x509.load_pem_x509_certificates(data)
            return tuple(item.public_bytes(Encoding.DER) for item in found)
        except Exception as error:
            raise ValueError(f"no readable certificates in PEM ({type(error).__name__})") from error


def _text(name: x509.Name) -> str:
    return inert(name.rfc4514_string() or "(no name)", _LIMIT)


def _extensions(parsed: x509.Certificate, defects: list[str]) -> x509.Extensions | None:
    try:
        return parsed.extensions
    except Exception as error:
        defects.append(f"its extensions cannot be read ({type(error).__name__})")
        return None


def _value(extensions: x509.Extensions | None, kind: type[Any]) -> Any:
    if extensions is None:
        return None
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _common_name(parsed: x509.Certificate) -> str | None:
    found = parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return inert(found[-1].value, _LIMIT) if found else None


def _key(parsed: x509.Certificate) -> tuple[str, str | None]:
    """Kind and size of the key, and why it is weak, if it is."""
    try:
        key = parsed.public_key()
    except Exception:
        return "a key of an unknown kind", None
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}", "RSA key under 2048 bits" if key.key_size < 2048 else None
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}", "EC key under 224 bits" if key.curve.key_size < 224 else None
    if isinstance(key, dsa.DSAPublicKey):
        return f"DSA {key.key_size}", "DSA key"
    return type(key).__name__.replace("PublicKey", ""), None


def _digest(parsed: x509.Certificate) -> str | None:
    try:
        found = parsed.signature_hash_algorithm
    except Exception:
        return None
    return found.name if found else None


def _issuer_url(extensions: x509.Extensions | None) -> str | None:
    access = _value(extensions, x509.AuthorityInformationAccess)
    for place in access or ():
        if place.access_method == AuthorityInformationAccessOID.CA_ISSUERS:
            return inert(getattr(place.access_location, "value", "?"), _LIMIT)
    return None


def _is_public(extensions: x509.Extensions | None) -> bool:
    policies = _value(extensions, x509.CertificatePolicies)
    return any(item.policy_identifier.dotted_string.startswith(_PUBLIC_POLICIES) for item in policies or ())


# -- names --------------------------------------------------------------------------------------------------


def name_matches(host: str, certificate: Certificate) -> bool:
    """Whether a certificate is for a host as a URL spells it: subjectAltName alone (RFC 9525, 6.3; no common name)."""
    address = parse_address(host)
    if address is not None:
        return address in certificate.addresses
    wanted = to_ascii(host)
    return any(dns_matches(pattern, wanted) for pattern in certificate.dns_names)


def dns_matches(pattern: str, host: str) -> bool:
    """Whether one DNS name of a certificate covers a host name in ASCII.

    A wildcard stands for exactly one label, the whole leftmost one (RFC 9525, 6.3), with at least two labels behind
    it (as OpenSSL wants it).
    """
    pattern, host = pattern.lower().rstrip("."), host.lower().rstrip(".")
    if not pattern.startswith("*."):
        return bool(pattern) and "*" not in pattern and pattern == host
    label, dot, rest = host.partition(".")
    covered = pattern[2:]
    return bool(label and dot) and "*" not in covered and covered.count(".") >= 1 and rest == covered


def parse_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a host is, None for a name."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def to_ascii(host: str) -> str:
    """A host name as certificates spell it; one that has no such form stays as it is."""
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host


# -- links --------------------------------------------------------------------------------------------------


def link(child: Certificate, parent: Certificate) -> bool | None:
    """Whether ``parent`` signed ``child``; None when the names fit and this library cannot check the signature."""
    if child.parsed.issuer != parent.parsed.subject:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            child.parsed.verify_directly_issued_by(parent.parsed)
    except InvalidSignature:
        return False
    except Exception:
        # An old hash (SHA-1 is not checked any more), a key of another kind or of one that is not known here.
        return None if child.authority_key in (None, parent.subject_key) else False
    return True


def issued(child: Certificate, parent: Certificate) -> bool:
    """Whether ``parent`` signed ``child``, as far as can be told."""
    return link(child, parent) is not False


def is_self_signed(certificate: Certificate) -> bool:
    """Whether a certificate signed itself."""
    return certificate.self_issued and issued(certificate, certificate)
