"""What moves the bytes of a connection: a socket, or two `MemoryBIO`."""

import socket
import time
import weakref

from . import _errors
from ._errors import SSLError
from ._memory import MemoryBIO

PIECE = 16384  # How much ciphertext is moved at a time.
_HEAD = 5  # The bytes of a record's head (RFC 8446 section 5.1).


class OfSocket:
    """Moves bytes by a socket, as its timeout has it."""

    def __init__(self, sock):
        self._socket = weakref.ref(sock)
        self._deadline, self._waits, self._timeout, self._is_first = None, "", None, True
        self._head, self._left = b"", 0

    def begin(self, what):
        """An operation begins, which has all of the timeout."""
        sock = self._there()
        self._timeout, self._waits = sock.gettimeout(), what
        self._deadline = time.monotonic() + self._timeout if self._timeout else None
        self._is_first = True

    def receive(self, _):
        """Bytes of one record; none at the end."""
        wanted = self._left or _HEAD - len(self._head)
        contents = self._call(socket.socket.recv, wanted, _errors.want_read)
        if self._left:
            self._left -= len(contents)
            return contents
        self._head += contents
        if len(self._head) == _HEAD:
            self._left = int.from_bytes(self._head[3:], "big")
            self._head = b""
        return contents

    def send(self, contents):
        """Send some of the bytes; returns how many."""
        return self._call(socket.socket.send, contents, _errors.want_write)

    def whole(self):
        """What goes on in the clear."""
        return self._there()

    def _there(self):
        sock = self._socket()
        if sock is None or sock.fileno() < 0:
            raise SSLError("Underlying socket connection gone")
        return sock

    def _call(self, function, argument, blocked):
        sock = self._there()
        shortened = self._deadline is not None and not self._is_first
        self._is_first = False
        try:
            if shortened:
                left = self._deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                sock.settimeout(left)
            return function(sock, argument)
        except BlockingIOError:
            raise blocked() from None
        except TimeoutError:
            raise TimeoutError(f"The {self._waits} operation timed out") from None
        finally:
            if shortened:
                sock.settimeout(self._timeout)


class OfBuffers:
    """Moves bytes by two `MemoryBIO`."""

    def __init__(self, incoming, outgoing):
        if not isinstance(incoming, MemoryBIO) or not isinstance(outgoing, MemoryBIO):
            raise TypeError("incoming and outgoing should be a MemoryBIO each")
        self._incoming, self._outgoing = incoming, outgoing

    def begin(self, _):
        pass

    def receive(self, engine):
        """Have the engine take bytes; how many it took, or no bytes at the end."""
        if self._incoming._bytes:
            # What the engine leaves here is plaintext, or has its time yet to come.
            taken = engine.put_ciphertext(bytes(self._incoming._bytes[:PIECE]))
            del self._incoming._bytes[:taken]
            return taken
        if not self._incoming.eof:
            raise _errors.want_read()
        return b""

    def send(self, contents):
        return self._outgoing.write(contents)

    def whole(self):
        return None
