"""TCP in the clear by wasi:sockets, for protocols that begin so and then change to TLS.

`socket` of the standard library will not do for these: its streams cannot be handed over. The world
of the component must import wasi:sockets, as `command` does.
"""

import errno
import ipaddress
import operator
import os
import socket
import time

from componentize_py_types import Err
from wit_world.imports import (
    instance_network,
    ip_name_lookup,
    network,
    streams,
    tcp,
    tcp_create_socket,
)

import portcullis

_NEXT_AFTER = 0.25  # Seconds until another address is tried beside one that does not answer.
_Code = network.ErrorCode
_ERRNO = {
    _Code.ACCESS_DENIED: errno.EACCES,
    _Code.ADDRESS_IN_USE: errno.EADDRINUSE,
    _Code.ADDRESS_NOT_BINDABLE: errno.EADDRNOTAVAIL,
    _Code.CONNECTION_ABORTED: errno.ECONNABORTED,
    _Code.CONNECTION_REFUSED: errno.ECONNREFUSED,
    _Code.CONNECTION_RESET: errno.ECONNRESET,
    _Code.INVALID_ARGUMENT: errno.EINVAL,
    _Code.INVALID_STATE: errno.ENOTCONN,
    _Code.NEW_SOCKET_LIMIT: errno.EMFILE,
    _Code.NOT_SUPPORTED: errno.ENOTSUP,
    _Code.OUT_OF_MEMORY: errno.ENOMEM,
    _Code.REMOTE_UNREACHABLE: errno.EHOSTUNREACH,
    _Code.TIMEOUT: errno.ETIMEDOUT,
}
_EAI = {
    _Code.NAME_UNRESOLVABLE: getattr(socket, "EAI_NONAME", -2),
    _Code.PERMANENT_RESOLVER_FAILURE: getattr(socket, "EAI_FAIL", -4),
    _Code.TEMPORARY_RESOLVER_FAILURE: getattr(socket, "EAI_AGAIN", -3),
}


class PlainSocket(portcullis.Stream):
    """A TCP connection to (host, port). The timeout, in seconds, is that of each operation."""

    _handle = None  # Of the streams, input and output; they own the socket.
    _ahead = b""  # What came behind the end of TLS, before what the stream gives.

    def __init__(self, address, timeout=socket._GLOBAL_DEFAULT_TIMEOUT):
        (host, port), self._timeout = portcullis._address(address, "connect"), None
        seconds = portcullis._seconds(timeout)
        if seconds == 0:
            raise ValueError("connecting waits: set a timeout of 0 afterwards")
        self._timeout = seconds
        if not port:
            raise OSError(errno.EADDRNOTAVAIL, "port 0; use 1 to 65535")
        net = instance_network.instance_network()
        self._connect(net, _interleaved(list(self._resolve(net, host))), port)

    def settimeout(self, timeout):
        """Limit each operation to so many seconds; None is no limit, 0 is not to wait."""
        seconds = portcullis._seconds(timeout)
        self._streams()
        self._timeout = seconds

    def recv(self, bufsize=1024, flags=0):
        """Read up to so many bytes, at least one; none at the end."""
        length, source = portcullis._length(bufsize, "recv"), self._streams()[0]
        portcullis._no_flags(flags, "recv")
        if self._ahead:
            contents, self._ahead = self._ahead[:length], self._ahead[length:]
            return contents
        return self._wait(lambda: source.read(length) or None, source) if length else b""

    def send(self, contents, flags=0):
        """Write some of the bytes; returns how many."""
        chunk, output = portcullis._chunk(contents), self._streams()[1]
        portcullis._no_flags(flags, "send")
        if not chunk:
            return 0
        room = self._wait(lambda: output.check_write() or None, output)
        if not room:
            raise BrokenPipeError(errno.EPIPE, "closed by the peer")
        chunk = chunk[:room]
        if self._wait(lambda: output.write(chunk) or True, output) is not True:
            raise BrokenPipeError(errno.EPIPE, "closed by the peer")
        return len(chunk)

    def start_tls(self, server_hostname, context=None, *, do_handshake_on_connect=True):
        """Change to TLS; the `TLSSocket` takes the place of this socket, which is closed."""
        input, output = self._streams()
        owner = input.owner
        # Checked first, so that a failure leaves this socket as it is.
        context = portcullis._context_for(context)
        if server_hostname is None and context.check_hostname:
            raise ValueError("check_hostname requires server_hostname")
        if server_hostname is not None:
            server_hostname = portcullis._server_hostname(server_hostname)
        portcullis._call(context._for_server().seal)
        self._closed, self._handle = True, None
        return portcullis.start_tls(
            input,
            output,
            server_hostname,
            self._ahead,
            context=context,
            timeout=self._timeout,
            owner=owner,
            do_handshake_on_connect=do_handshake_on_connect,
            in_the_clear=type(self)._after_tls,
        )

    @classmethod
    def _after_tls(cls, transport, seconds):
        """A socket in the clear again."""
        plain = cls.__new__(cls)
        plain._handle = portcullis._Handle(transport.input, transport.output)
        plain._ahead, plain._timeout = transport.already_read, seconds
        return plain

    def shutdown(self, how):
        """End reading, writing or both, as `socket` does."""
        kinds = {
            socket.SHUT_RD: tcp.ShutdownType.RECEIVE,
            socket.SHUT_WR: tcp.ShutdownType.SEND,
            socket.SHUT_RDWR: tcp.ShutdownType.BOTH,
        }
        how = operator.index(how)
        if how not in kinds:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        _call(self._socket().shutdown, kinds[how])

    def getpeername(self):
        """The peer's IP address and port; of IPv6 four numbers, as `socket` has it."""
        return portcullis._pair(_call(self._socket().remote_address))

    def getsockname(self):
        """This side's IP address and port."""
        return portcullis._pair(_call(self._socket().local_address))

    def _real_close(self):
        self._handle = None

    def _streams(self):
        if self._handle is None:
            raise OSError(errno.EBADF, "this socket is closed")
        return self._handle.get()

    def _socket(self):
        return self._streams()[0].owner.get()[0]

    def _sources(self, events):
        """What `portcullis.Selector` waits for."""
        input, output = self._streams()
        if events & portcullis._READ:
            yield portcullis._READ, None if self._ahead else input.subscribe()
        if events & portcullis._WRITE:
            yield portcullis._WRITE, output.subscribe()

    def _time_left(self):
        return None

    def _resolve(self, net, host):
        address, _, scope = host.partition("%")
        if portcullis._is_address(host):
            if scope and not scope.isdecimal():
                raise socket.gaierror(_EAI[_Code.NAME_UNRESOLVABLE], "a zone is a number here")
            yield ipaddress.ip_address(address), int(scope or 0)
            return
        names = _call(ip_name_lookup.resolve_addresses, net, host)
        with names:
            while ip := self._until(lambda: _unless_blocked(names.resolve_next_address), names)[0]:
                size = 1 if len(ip.value) == 4 else 2
                packed = b"".join(part.to_bytes(size, "big") for part in ip.value)
                yield ipaddress.ip_address(packed), 0

    def _connect(self, net, addresses, port):
        """Try the addresses, each beside those that have not answered; the first one wins."""
        deadline = None if self._timeout is None else time.monotonic() + self._timeout
        failures, trying = [_error(_Code.NAME_UNRESOLVABLE)], []
        while addresses or trying:
            if addresses:
                try:
                    trying.append(_begin(net, *addresses.pop(0), port))
                except OSError as refused:
                    failures.append(refused.with_traceback(None))
                    continue
            for started in list(trying):
                try:
                    connected = _unless_blocked(started.finish_connect)
                except OSError as refused:
                    failures.append(refused.with_traceback(None))
                    trying.remove(started)
                    continue
                if connected is not None:
                    self._keep(started, *connected[0])
                    return
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise TimeoutError("timed out")
            if trying:
                soon = [_NEXT_AFTER] if addresses else []
                _wait_for(trying, min([*soon, *([] if left is None else [left])], default=None))
        # Taken out of the list, which would be in a circle with this frame.
        raise failures.pop()

    def _keep(self, owner, input, output):
        # A stream has to be dropped before its socket, whatever becomes of this object.
        input.owner = output.owner = portcullis._Handle(owner)
        self._handle = portcullis._Handle(input, output)

    def _wait(self, function, source):
        """Repeat a call until it returns something; empty bytes at the end of the stream."""
        try:
            return self._until(function, source)
        except Err as failure:
            error = failure.with_traceback(None).value
        if isinstance(error, streams.StreamError_Closed):
            return b""
        raise _lost(error.value.to_debug_string())

    def _until(self, attempt, source):
        deadline = None if self._timeout is None else time.monotonic() + self._timeout
        while (result := attempt()) is None:
            left = None if deadline is None else deadline - time.monotonic()
            if self._timeout == 0:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            if left is not None and left <= 0:
                raise TimeoutError("timed out")
            _wait_for([source], left)
        return result


def _wait_for(sources, seconds):
    pollables = [source.subscribe() for source in sources]
    try:
        portcullis._wait(pollables, seconds)
    finally:
        for pollable in pollables:
            pollable.__exit__(None, None, None)


def _interleaved(addresses):
    """Both families in turn, the resolver's first one first (RFC 8305)."""
    first = [entry for entry in addresses if entry[0].version == addresses[0][0].version]
    second = [entry for entry in addresses if entry not in first]
    paired = [entry for pair in zip(first, second) for entry in pair]
    return paired + first[len(second) :] + second[len(first) :]


def _begin(net, ip, scope, port):
    """Begin to connect to an address; returns the socket."""
    if ip.version == 4:
        family = network.IpAddressFamily.IPV4
        parts = tuple(ip.packed)
        remote = network.IpSocketAddress_Ipv4(network.Ipv4SocketAddress(port, parts))
    else:
        family = network.IpAddressFamily.IPV6
        parts = tuple(int.from_bytes(ip.packed[at : at + 2], "big") for at in range(0, 16, 2))
        remote = network.IpSocketAddress_Ipv6(network.Ipv6SocketAddress(port, 0, parts, scope))
    started = _call(tcp_create_socket.create_tcp_socket, family)
    _call(started.start_connect, net, remote)
    return started


def _call(function, *arguments):
    try:
        return function(*arguments)
    except Err as failure:
        # Without its traceback, which would keep the variables of all callers in a circle.
        code = failure.with_traceback(None).value
    raise _error(code)


def _unless_blocked(function):
    """The result of a call in a tuple, or None if it would block."""
    try:
        return (function(),)
    except Err as failure:
        code = failure.with_traceback(None).value
    if code == _Code.WOULD_BLOCK:
        return None
    raise _error(code)


def _error(code):
    text = code.name.lower().replace("_", " ")
    if code in _EAI:
        return socket.gaierror(_EAI[code], text)
    # `OSError` makes it of the class that the number has, such as `ConnectionRefusedError`.
    return OSError(_ERRNO.get(code, errno.EIO), text)


def _lost(text):
    """WASI 0.2 tells in words only why an established connection is lost."""
    code = errno.EPIPE if "BrokenPipe" in text else errno.ECONNRESET
    return OSError(code, f"the connection is lost: {text}")
