"""What holds for every test: how long one example takes is no property, on a machine that does other things too."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("project", deadline=None)
settings.load_profile("project")
