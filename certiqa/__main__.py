"""``python -m certiqa``: the command line."""

from certiqa.cli import main

if __name__ == "__main__":
    main()
