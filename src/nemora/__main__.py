"""`python -m nemora`, as `nemora`."""

import sys

from nemora.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
