"""Prints a path of this package: `python -m portcullis_tls [component | wide | wit]`."""

import sys

from portcullis_tls import component, wit

PATHS = {"component": component(), "wide": component(wide=True), "wit": wit()}


def main(arguments):
    """Print the path that the argument names, by default the component's."""
    name = arguments[0] if arguments else "component"
    if len(arguments) > 1 or name not in PATHS:
        sys.exit(f"usage: python -m portcullis_tls [{' | '.join(PATHS)}]")
    print(PATHS[name])


if __name__ == "__main__":
    main(sys.argv[1:])
