"""pip, told the markers of another machine: what its own options cannot say.

``--platform`` and ``--python-version`` choose wheels; markers still come from the running Python.
The variable TARGET_MARKERS holds the eleven markers to use instead, as JSON.
"""

from __future__ import annotations

import json
import os
import sys

from pip._internal.cli.main import main
from pip._vendor.packaging import markers

if __name__ == "__main__":
    told: dict[str, str] = json.loads(os.environ["TARGET_MARKERS"])
    # By name, since pip's own types say that nobody does this.
    vars(markers)["default_environment"] = lambda: dict(told)
    sys.exit(main(sys.argv[1:]))
