"""Answering requests, without a socket."""
