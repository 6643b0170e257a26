"""`python -m gasfield.cli`."""

from gasfield.cli.main import main

if __name__ == "__main__":
    main()
