"""Publishing: the static index tree, the one-file server and its pages."""
