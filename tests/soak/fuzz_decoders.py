"""Fuzzer of the decoders of foreign bytes: `python -m tests.soak.fuzz_decoders KIND --seconds 300`.

It needs `atheris`, which follows the branches of our code and of the libraries that read for us. An
input that ends in another error than a decoder's own, takes five seconds or 1 GB, ends the run and
is kept beside the corpus, in `build/fuzz/KIND`.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=[
        "microrepo",
        "packaging",
        "zipfile",
        "tarfile",
        "html",
        "tomllib",
        "_markupbase",
        "email",
    ]
):
    from microrepo.errors import MicrorepoError
    from tests.support.decoders import DECODERS

_LARGEST_INPUT_BYTES = 20_000


def main() -> None:
    """Fuzz one decoder for some time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=[*DECODERS])
    parser.add_argument("--seconds", type=int, default=300)
    arguments = parser.parse_args()
    decode, sound = DECODERS[arguments.kind]
    corpus = Path("build/fuzz") / arguments.kind.replace(" ", "-")
    corpus.mkdir(parents=True, exist_ok=True)
    (corpus / "sound").write_bytes(sound)

    def feed(body: bytes) -> None:
        with suppress(MicrorepoError, ValueError):  # what callers expect of a decoder
            decode(body)

    options = [
        f"-max_total_time={arguments.seconds}",
        f"-max_len={_LARGEST_INPUT_BYTES}",
        f"-artifact_prefix={corpus}/crash-",
        *("-timeout=5", "-rss_limit_mb=1000", "-print_final_stats=1"),
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], feed)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
