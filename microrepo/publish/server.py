"""The server as a program, at the path where earlier versions had it."""

import sys

from microrepo.standalone.server.main import main

if __name__ == "__main__":
    sys.exit(main())
