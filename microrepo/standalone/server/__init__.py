"""Serve a directory of Python distributions to pip, uv, other mirrors and people.

One file, standard library only, Python 3.7 or later: copy it into the directory and run
``python3 server.py``. It never writes.
"""
