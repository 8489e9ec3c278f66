"""Make the checkout's `lab` importable: it is a tool of the repository, not a part of the collection."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
