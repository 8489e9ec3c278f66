"""Examples of property tests have no deadline: linters and other tests share the machine's cores."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")
