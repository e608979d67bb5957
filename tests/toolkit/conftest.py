"""Certificates for the tests of TLS."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest


def openssl(*arguments: str, folder: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=30)


def certificate(folder: Path, name: str, common_name: str, issuer: str | None = None) -> None:
    """Write NAME.crt and NAME.key, signed by the issuer or by itself."""
    new = ["-x509", "-days", "2"] if issuer is None else []
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key"]
    names = ["-subj", f"/CN={common_name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    openssl("req", *new, *key, *names, "-out", f"{name}.{'csr' if issuer else 'crt'}", folder=folder)
    if issuer is not None:
        signer = [
            "-CA",
            f"{issuer}.crt",
            "-CAkey",
            f"{issuer}.key",
            "-CAcreateserial",
            "-days",
            "2",
            "-copy_extensions",
            "copy",
        ]
        openssl("x509", "-req", "-in", f"{name}.csr", *signer, "-out", f"{name}.crt", folder=folder)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("a", "b", "ca", "stranger"):
        certificate(folder, name, name)
    certificate(folder, "client", "client", "ca")
    openssl("ec", "-in", "a.key", "-aes128", "-passout", "pass:x", "-out", "locked.key", folder=folder)
    return folder
