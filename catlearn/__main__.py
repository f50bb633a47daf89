"""``python -m catlearn`` is the ``catlearn`` command."""

import sys

from catlearn.cli import main

if __name__ == "__main__":
    sys.exit(main())
