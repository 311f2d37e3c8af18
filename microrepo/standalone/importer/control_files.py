"""Names of what imports keep in the control directory of a repository."""

from __future__ import annotations

CONTROL_FOLDER = ".microrepo"
SWITCH_JOURNAL = "switch.json"
IMPORTS_FOLDER = "imports"
CURRENT_IMPORT = "current.json"
# The trusted root that a bundle brought.
TRUSTED_ROOT = "trusted_root.json"
