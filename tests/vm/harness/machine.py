"""A machine with a real kernel and a real service manager: Debian's kernel under qemu, on this host's files.

The host's file system is shared read-only over 9p; a layer in the guest's memory takes what the guest writes. Commands
go to an agent in the guest over a second serial port, one JSON object a line.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple, Self

from tests.support import ROOT, wait_until

KERNEL = ROOT / ".local" / "kernel"
MODULES = ("virtio_pci", "9pnet_virtio", "9p", "overlay", "vhci_hcd", "usbhid", "hid_generic")

# What a starting service pulls in, and the files of a whole host make long: catalogues, caches, clearing /tmp.
MASKED = " ".join(
    f"{unit}.service"
    for unit in (
        "ldconfig",
        "systemd-hwdb-update",
        "systemd-journal-catalog-update",
        "systemd-journal-flush",
        "systemd-machine-id-commit",
        "systemd-sysusers",
        "systemd-tmpfiles-setup",
        "systemd-update-done",
        "systemd-update-utmp",
    )
)

# The first process of the guest: lays the writable layer over the host's files and hands over to the service manager.
INIT = f"""#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /host /memory /root
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
for module in /modules/*; do /bin/busybox insmod $module || echo "insmod $module failed"; done
/bin/busybox mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=262144 host /host || exec /bin/busybox sh
/bin/busybox mount -t tmpfs memory /memory
/bin/busybox mkdir -p /memory/upper /memory/work
/bin/busybox mount -t overlay -o lowerdir=/host,upperdir=/memory/upper,workdir=/memory/work overlay /root
: > /root/etc/fstab
/bin/busybox rm -f /root/.dockerenv
echo guest > /root/etc/hostname
: > /root/etc/machine-id
/bin/busybox rm -rf /root/etc/systemd/system /root/etc/udev/rules.d /root/etc/modules-load.d
/bin/busybox rm -rf /root/etc/magnum-exporter /root/var/lib/generator-actuator /root/var/lib/magnum-exporter
/bin/busybox mkdir -p /root/etc/systemd/system /root/etc/udev/rules.d
/bin/busybox cp /units/* /root/etc/systemd/system/
for unit in {MASKED}; do /bin/busybox ln -s /dev/null /root/etc/systemd/system/$unit; done
/bin/busybox umount /proc /sys
/bin/busybox mount --move /dev /root/dev
exec /bin/busybox switch_root /root /lib/systemd/systemd --unit=tests.target --show-status=no
"""

AGENT_UNIT = f"""[Unit]
Description=Agent of the tests
DefaultDependencies=no
After=systemd-udevd.service systemd-tmpfiles-setup-dev.service local-fs.target
[Service]
ExecStart={sys.executable} {ROOT}/tests/vm/guest/agent.py /dev/ttyS1
WorkingDirectory={ROOT}
Restart=always
"""

TARGET_UNIT = """[Unit]
Description=What the tests need, and no more
Wants=agent.service systemd-udevd.service systemd-udevd-kernel.socket systemd-udevd-control.socket
Wants=systemd-udev-trigger.service
Wants=systemd-journald.service systemd-journald.socket
AllowIsolate=yes
"""


class Result(NamedTuple):
    """What a command in the guest came to."""

    code: int
    output: str


def _module_files(*names: str) -> list[Path]:
    """Return the files of kernel modules and of all that they need, in the order of loading."""
    known = {path.stem.replace("-", "_"): path for path in KERNEL.glob("lib/modules/*/kernel/**/*.ko")}
    ordered: dict[str, Path] = {}

    def visit(name: str) -> None:
        path = known.get(name.replace("-", "_"))
        if path is None or name in ordered:
            return
        found = re.search(rb"\0depends=([^\0]*)\0", b"\0" + path.read_bytes())
        for needed in found[1].decode().split(",") if found else []:
            if needed:
                visit(needed)
        ordered[name] = path

    for name in names:
        visit(name)
    return list(ordered.values())


def _archive(files: dict[str, tuple[bytes, int]]) -> bytes:
    """Return a cpio archive ("newc") of files by name, each with its content and mode, folders made as needed."""
    entries: dict[str, tuple[bytes, int]] = {}
    for name, (content, mode) in files.items():
        for folder in reversed(Path(name).parents[:-1]):
            entries.setdefault(str(folder), (b"", 0o040755))
        entries[name] = (content, 0o100000 | mode)
    entries["TRAILER!!!"] = (b"", 0)
    archive = bytearray()
    for number, (name, (content, mode)) in enumerate(entries.items(), 1):
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
        archive += b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        archive += b"\0" * (-len(archive) % 4)
        archive += content
        archive += b"\0" * (-len(archive) % 4)
    return bytes(archive)


class Machine:
    """The running guest. `folder` takes its initial file system, its console's text and its sockets."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.console = folder / "console.txt"
        self._number = 0
        self._received = b""

    def __enter__(self) -> Self:
        files = {
            "init": (INIT.encode(), 0o755),
            "bin/busybox": ((KERNEL / "bin" / "busybox").read_bytes(), 0o755),
            "units/agent.service": (AGENT_UNIT.encode(), 0o644),
            "units/tests.target": (TARGET_UNIT.encode(), 0o644),
        }
        for number, path in enumerate(_module_files(*MODULES)):
            files[f"modules/{number:02}-{path.name}"] = (path.read_bytes(), 0o644)
        initrd = self._folder / "initrd"
        initrd.write_bytes(_archive(files))
        address = self._folder / "agent"
        qemu = shutil.which("qemu-system-x86_64")
        assert qemu is not None, "qemu-system-x86_64 not found: run tests/vm/fetch-kernel, it says what is missing"
        (kernel,) = KERNEL.glob("boot/vmlinuz-*")
        self._qemu = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL"),  # a worker of pytest-xdist may end without leaving the context
                qemu,
                *("-machine", "q35,accel=tcg", "-cpu", "max", "-smp", "2", "-m", "1536"),
                *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
                *("-kernel", kernel, "-initrd", initrd),
                "-append",
                # A busy machine is late with the timer that the kernel checks at its start, and panics about.
                "console=ttyS0 panic=-1 loglevel=1 mitigations=off no_timer_check",
                *("-serial", f"file:{self.console}", "-serial", f"unix:{address},server=on,wait=off"),
                *("-serial", "null"),  # SERIAL_PORT of the boards
                "-virtfs",
                "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            self._connect(address, time.monotonic() + 900)
        except BaseException:
            self._end()
            raise
        return self

    def _connect(self, address: Path, deadline: float) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        wait_until(lambda: self._connected(address), 60, "qemu opens the agent's serial port")
        hello = self._next_line(deadline - time.monotonic())
        assert hello == {"agent": "ready"}, hello

    def _connected(self, address: Path) -> bool:
        if self._qemu.poll() is not None:
            assert self._qemu.stderr is not None
            raise AssertionError(f"qemu ended at once: {self._qemu.stderr.read()}")
        try:
            self._socket.connect(str(address))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        return True

    def _next_line(self, seconds: float) -> dict[str, object]:
        self._socket.settimeout(max(1.0, seconds))
        while b"\n" not in self._received:
            try:
                received = self._socket.recv(65536)
            except TimeoutError:
                raise AssertionError(f"the guest's agent did not answer; console:\n{self.console_text()}") from None
            assert received, f"the guest ended; console:\n{self.console_text()}"
            self._received += received
        line, _, self._received = self._received.partition(b"\n")
        document: dict[str, object] = json.loads(line)
        return document

    def console_text(self) -> str:
        """Return the end of what the guest's kernel and service manager have said so far."""
        return self.console.read_text(errors="replace")[-4000:] if self.console.exists() else ""

    def run(self, command: str, *, deadline_seconds: float = 120) -> Result:
        """Run a shell command in the guest, as root, in the project's folder; both its streams are the output."""
        self._number += 1
        request = {"number": self._number, "run": command, "timeout": deadline_seconds}
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        while True:
            answer = self._next_line(deadline_seconds + 120)
            if answer["number"] == self._number:  # else it is of a command that the host has given up
                return Result(int(str(answer["code"])), str(answer["output"]))

    def check(self, command: str, *, deadline_seconds: float = 120) -> str:
        """Run a command that has to succeed, and return its output."""
        code, output = self.run(command, deadline_seconds=deadline_seconds)
        assert code == 0, f"{command}\n{output}\n(exit {code})"
        return output

    def python(self, script: str) -> str:
        """Run a script with the tests' interpreter in the guest, and return its output."""
        self.check(f"cat >/tmp/script.py <<'SCRIPT'\n{script}\nSCRIPT")
        return self.check(f"PYTHONPATH={ROOT} {sys.executable} /tmp/script.py")

    def load_modules(self, *names: str) -> None:
        """Load kernel modules in the guest, and all that they need; what is loaded already stays."""
        for path in _module_files(*names):
            name = path.stem.replace("-", "_")
            self.check(f"test -d /sys/module/{name} || {KERNEL}/bin/busybox insmod {path}")

    def _end(self) -> None:
        self._qemu.kill()
        self._qemu.wait(10)
        if self._qemu.stderr is not None:
            self._qemu.stderr.close()
        with contextlib.suppress(AttributeError):
            self._socket.close()

    def __exit__(self, *_: object) -> None:
        self._end()
