"""Build hook: puts the commit that a wheel is built from into its metadata, where `toolkit.build` reads it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface[Any]):
    """Adds `extra_metadata/revision`; without git, outside a checkout, or to an editable installation, adds nothing."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the commit to a file that the wheel includes."""
        if version == "editable":  # its code moves on, and the commit would soon be wrong
            return
        root = Path(self.root)
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
