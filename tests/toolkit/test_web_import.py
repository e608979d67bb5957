"""aiohttp is loaded without what nothing here uses, and the environment is left as it was."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import mimetypes, os, sys
os.environ["SSL_CERT_FILE"] = "/etc/one"
os.environ.pop("SSL_CERT_DIR", None)
before, tables = dict(os.environ), list(mimetypes.knownfiles)
mimetypes.knownfiles.append(sys.argv[1])
from toolkit.web_import import loading_aiohttp
with loading_aiohttp():
    import aiohttp.web, aiohttp.connector
assert dict(os.environ) == before
assert mimetypes.knownfiles == [*tables, sys.argv[1]]
"""


@pytest.mark.parametrize(
    "unused",
    [
        "aiohttp.connector._SSL_CONTEXT_VERIFIED.get_ca_certs()",
        "mimetypes.guess_type('page.of-this-machine')[0]",
        "'frozenlist._frozenlist' in sys.modules",
    ],
)
def test_unused_modules_are_not_loaded_and_the_environment_is_unchanged(unused: str, tmp_path: Path) -> None:
    table = tmp_path / "mime.types"
    table.write_text("text/x-of-this-machine of-this-machine\n")
    done = subprocess.run(
        [sys.executable, "-c", f"{CODE}print(bool({unused}))", table], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
