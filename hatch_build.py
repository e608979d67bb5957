"""Build hook: gives a wheel the files that people copy, and the commit it is built from.

`exporter.shipped_files` reads the files, and `toolkit.build` the commit, from the wheel's metadata.
"""

from __future__ import annotations

import runpy
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface[Any]):
    """Adds `exporter/assets/` and, in a checkout with git, `extra_metadata/revision`; to an editable wheel nothing."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Include the files, and the commit in a file of its own."""
        if version == "editable":  # its code moves on, and the commit would soon be wrong
            return
        root = Path(self.root)
        for path in runpy.run_path(str(root / "exporter" / "shipped_files.py"))["find"](root):
            build_data["force_include"][str(root / path)] = f"exporter/assets/{path}"
        # An unpacked sdist may lie inside another project's checkout, whose commit is not ours.
        if not (root / ".git").exists():
            return
        try:
            git = subprocess.run(  # noqa: S603 - no argument comes from outside
                ["git", "-C", str(root), "rev-parse", "HEAD"],  # noqa: S607 - wherever it is installed
                capture_output=True,
                text=True,
                check=True,
            )
        except (OSError, subprocess.CalledProcessError):
            return
        file = Path(self.directory) / "revision"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(git.stdout)
        build_data["extra_metadata"][str(file)] = "revision"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - as above
        """Remove the file again."""
        (Path(self.directory) / "revision").unlink(missing_ok=True)
