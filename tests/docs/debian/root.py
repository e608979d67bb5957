"""A clean Debian in a folder, in which the pages' commands are run as an owner runs them: by root, one after another.

No service manager runs there: `systemctl.py` starts the programs by their units. `owner.py` is the person there.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.docs.debian.owner import PASSWORD
from tests.docs.pages import Block
from tests.support import ROOT

_HERE = Path(__file__).parent
_KEPT = ROOT / ".local" / "debian"
_OUTSIDE = re.compile(r"^(?=apt |git (?:clone|pull)|deploy/install)", re.MULTILINE)
"""What needs the package mirrors; everything else runs in a network of its own, where all ports are free."""

_ASKS = re.compile(r"^(?=(?:magnum-exporter|generator-actuator) setup$)", re.MULTILINE)
"""What asks questions: the owner's stand-in answers them."""

_WORDS = {"ADDRESS": "/srv/project.git", "PASSWORD": PASSWORD}
_MOUNT = """set -eu
mount --make-rprivate /
mount -t overlay overlay -o lowerdir={base},upperdir={work}/upper,workdir={work}/overlay {work}/root
cd {work}/root
mount -t proc proc proc
mount -t tmpfs tmpfs run
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
ln -sf pts/ptmx dev/ptmx
touch run/outside
mount --bind /proc/self/ns/net run/outside
{binds}
exec unshare --net sh -c 'ip link set lo up && exec chroot . env -i {environment} bash /root/page.sh'
"""


def base(suite: str) -> Path:
    """Return the folder of a clean Debian; it is made once, from the package mirror."""
    made = _KEPT / suite
    if not made.exists():
        _KEPT.mkdir(parents=True, exist_ok=True)
        unfinished = _KEPT / f"{suite}.{os.getpid()}"
        subprocess.run(
            ["debootstrap", suite, unfinished, "http://deb.debian.org/debian"], check=True, capture_output=True
        )
        unfinished.rename(made)
    return made


def run(suite: str, given: Iterable[Block], work: Path) -> tuple[int, str]:
    """Run blocks one after another in one shell until a command fails; return its exit status and what it printed."""
    for name in (
        "upper/srv",
        "upper/root",
        "upper/usr/local/sbin",
        "upper/usr/local/bin",
        "upper/opt",
        "upper/etc/apt/apt.conf.d",
        "overlay",
        "root",
    ):
        (work / name).mkdir(parents=True)
    upper = work / "upper"
    subprocess.run(["git", "clone", "--quiet", "--bare", ROOT, upper / "srv" / "project.git"], check=True)
    for name, place in (("systemctl.py", "sbin/systemctl"), ("owner.py", "bin/nano"), ("owner.py", "bin/owner")):
        (upper / "usr/local" / place).write_text("#!/usr/bin/python3\n" + (_HERE / name).read_text())
        (upper / "usr/local" / place).chmod(0o755)
    (upper / "root" / "page.sh").write_text(_script(given))
    (upper / "etc/apt/apt.conf.d/80retries").write_text('Acquire::Retries "5";\n')
    environment = {
        "HOME": "/root",
        "TERM": "dumb",
        "LANG": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        **{name: value for name, value in os.environ.items() if name.startswith("PIP_")},
    }
    binds, certificates = _package_settings(upper)
    environment |= certificates
    script = _MOUNT.format(
        base=shlex.quote(str(base(suite))),
        work=shlex.quote(str(work)),
        binds="\n".join(binds),
        environment=" ".join(f'"{name}={value}"' for name, value in environment.items()),
    )
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", script]
    log = work / "log"
    with log.open("w") as file:
        status = subprocess.run(command, stdout=file, stderr=file, check=False).returncode
    return status, log.read_text(errors="replace")


def _script(given: Iterable[Block]) -> str:
    """Return the shell's script: it prints each block before it runs it, and where it stops."""
    lines = ["set -e", "cd /root", "trap 'echo \"STOPPED at $AT\"' ERR"]
    for block in given:
        commands = block.commands
        for word, value in _WORDS.items():
            commands = commands.replace(word, value)
        lines += [
            f"AT={block.page}:{block.line}",
            f"echo; echo \"== $SECONDS s: $AT\"; sed 's/^/> /' <<'COMMANDS'\n{commands}COMMANDS",
            _ASKS.sub("owner ", _OUTSIDE.sub("nsenter --net=/run/outside ", commands)),
        ]
    return "\n".join([*lines, 'echo "ALL DONE in $SECONDS s"', ""])


def _package_settings(upper: Path) -> tuple[list[str], dict[str, str]]:
    """Return the commands that give the root this machine's package indexes, and the variable of pip's CA."""
    settings = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    binds = ["cp -L /etc/resolv.conf /etc/hosts etc/"]
    certificates = {}
    for key, value in re.findall(r"^(\S+)='(.*)'$", settings, re.MULTILINE):
        for word in value.split():
            path = Path(word.removeprefix("file://"))
            if not path.is_absolute() or not path.exists():
                continue
            if key.endswith(".cert"):  # the package ca-certificates writes over the one in its place
                shutil.copy(path, upper / "opt" / "pip-certificates.crt")
                certificates["PIP_CERT"] = "/opt/pip-certificates.crt"
            elif path.is_dir():
                binds.append(f"mkdir -p .{path} && mount --bind -o ro {path} .{path}")
            else:
                binds.append(f"mkdir -p .{path.parent} && cp {path} .{path}")
    files = (Path("/etc/pip.conf"), Path("/etc/xdg/pip/pip.conf"))
    binds += [f"mkdir -p .{path.parent} && cp {path} .{path}" for path in files if path.exists()]
    return binds, certificates
