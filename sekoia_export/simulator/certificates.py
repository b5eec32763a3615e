"""A made-up authority and a certificate of it for loopback: what `--tls` serves, and what a client is told to trust."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

VALID = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files.

    Attributes:
        authority: the authority's certificate, to be trusted by clients.
        certificate: the server's, for 127.0.0.1, ::1 and localhost.
        key: the server's private key. The authority's own is kept nowhere, so that nobody can sign more with it.
    """

    authority: Path
    certificate: Path
    key: Path


def make_certificates(folder: Path, *, authority: Path, now: datetime) -> Certificates:
    """Make an authority and a server's certificate, valid from an hour before `now` for 30 days.

    Args:
        folder: where the server's certificate and key go.
        authority: where the authority's certificate goes.
        now: in UTC.
    """
    authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sekoia-export simulate: made-up authority")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sekoia-export simulate")])
    identifier = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())

    def begin(name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .issuer_name(issuer)
            .subject_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + VALID)
        )

    own = (
        begin(issuer, authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(authority_key, SHA256())
    )
    names = [
        x509.DNSName("localhost"),
        *(x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1")),
    ]
    servers = (
        begin(subject, server_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(authority_key, SHA256())
    )
    made = Certificates(authority, folder / "server.pem", folder / "server.key")
    authority.write_bytes(own.public_bytes(Encoding.PEM))
    made.certificate.write_bytes(servers.public_bytes(Encoding.PEM))
    with open(made.key, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.write(server_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return made


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
