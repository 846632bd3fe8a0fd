"""Where the package `portcullis-tls` has the TLS component and its interface.

Programs import `portcullis`; this is for those that build and compose them, and knows nothing but
paths. `python -m portcullis_tls` prints that of the component.
"""

import pathlib

_FOLDER = pathlib.Path(__file__).resolve().parent


def component(*, wide=False):
    """The path of the component to compose with; `wide` is for engines with wide arithmetic."""
    return _FOLDER / ("portcullis-wide.wasm" if wide else "portcullis.wasm")


def wit():
    """The path of the folder with the interface, for other tools than componentize-py."""
    return _FOLDER / "wit"
