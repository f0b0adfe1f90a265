"""`python -m curate` is `facecurate`."""

from curate.cli.main import main

if __name__ == "__main__":
    main()
