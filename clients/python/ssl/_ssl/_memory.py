"""The buffers between an `SSLObject` and whatever moves the bytes."""

import operator

from ._errors import SSLError


class MemoryBIO:
    """Bytes on their way."""

    __module__ = "_ssl"

    def __init__(self):
        self._bytes, self._ended = bytearray(), False

    def read(self, size=-1):
        """Take up to so many bytes out, or all; none if there are none now, or at the end."""
        size = operator.index(size)
        taken = bytes(self._bytes if size < 0 else self._bytes[:size])
        del self._bytes[: len(taken)]
        return taken

    def write(self, b):
        """Put bytes in; returns how many."""
        with memoryview(b) as view:
            if not view.c_contiguous:
                raise BufferError("memoryview: underlying buffer is not C-contiguous")
            contents = view.tobytes()
        if self._ended:
            raise SSLError("cannot write() after write_eof()")
        self._bytes += contents
        return len(contents)

    def write_eof(self):
        """Nothing more comes."""
        self._ended = True

    @property
    def pending(self):
        """How many bytes there are."""
        return len(self._bytes)

    @property
    def eof(self):
        """Whether all was read, and nothing more comes."""
        return self._ended and not self._bytes
