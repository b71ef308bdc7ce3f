"""``python -m expunge``, the same as the command ``expunge``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
