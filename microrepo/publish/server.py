"""The server as a program, at its path of earlier versions."""

import sys

from microrepo.standalone.server.main import main

if __name__ == "__main__":
    sys.exit(main())
