"""aiohttp is loaded without certificates, and the environment is left as it was."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import os
os.environ["SSL_CERT_FILE"] = "/etc/one"
os.environ.pop("SSL_CERT_DIR", None)
before = dict(os.environ)
from toolkit.web_import import without_certificates
with without_certificates():
    import aiohttp.connector
assert dict(os.environ) == before
print(len(aiohttp.connector._SSL_CONTEXT_VERIFIED.get_ca_certs()))
"""


def test_no_certificate_is_loaded_and_the_environment_is_left_as_it_was() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"
