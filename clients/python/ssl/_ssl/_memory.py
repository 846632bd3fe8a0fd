"""The buffers between an `SSLObject` and whatever moves the bytes."""

from ._errors import SSLError
import portcullis


class MemoryBIO(portcullis.MemoryBIO):
    """Bytes on their way."""

    __module__ = "_ssl"

    def write(self, b):
        """Put bytes in; returns how many."""
        with memoryview(b) as view:
            if not view.c_contiguous:
                raise BufferError("memoryview: underlying buffer is not C-contiguous")
        if self._ended:
            raise SSLError("cannot write() after write_eof()")
        return super().write(b)
