"""`python -m microrepo`: the same program as the `microrepo` command."""

if __name__ == "__main__":
    import sys

    from microrepo.cli import main

    sys.exit(main())
