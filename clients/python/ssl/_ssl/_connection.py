"""`_SSLSocket`: a connection, whose bytes a socket moves or two `MemoryBIO`.

`ssl` has two classes around it, `SSLSocket` and `SSLObject`. Records are read from a socket one by one,
never what follows: so `select` tells what is to come, and after `unwrap` all is there that is not TLS.
"""

import ipaddress
import os
import time
import weakref

from wit_world.imports import engine as _engine

from . import _certificate, _constants as numbers
from . import _errors
from ._errors import failed, failure
from ._session import SSLSession
from portcullis import _Handle, _try, types

_PIECE = 16384  # How much plaintext a record has.
_CHUNK = 256 * 1024  # The most that one call hands to the component, to bound its copies.
_NAMES = {types.Version.TLS12: "TLSv1.2", types.Version.TLS13: "TLSv1.3"}
_BINDINGS = ("tls-exporter", "tls-server-end-point")


class _SSLSocket:
    """TLS over something that moves bytes."""

    __module__ = "_ssl"

    def __new__(cls, *_, **__):
        raise TypeError("cannot create '_ssl._SSLSocket' instances")

    @classmethod
    def _of(cls, context, wire, server_side, server_hostname, owner, session):
        self = object.__new__(cls)
        server_side = bool(server_side)
        if server_side and context.protocol == numbers.PROTOCOL_TLS_CLIENT:
            raise _wrong_role("server", "PROTOCOL_TLS_CLIENT")
        if not server_side and context.protocol == numbers.PROTOCOL_TLS_SERVER:
            raise _wrong_role("client", "PROTOCOL_TLS_SERVER")
        if server_hostname is not None:
            if server_side:
                raise ValueError("server_hostname can only be specified in client mode")
            if not server_hostname or server_hostname.startswith("."):
                raise ValueError(
                    "server_hostname cannot be an empty string or start with a leading dot."
                )
            if "\0" in server_hostname:
                raise TypeError("embedded null character")
        elif context.check_hostname and not server_side:
            raise ValueError("check_hostname requires server_hostname")
        self._context, self._wire, self._server_side = context, wire, server_side
        self._server_hostname, self._owner = server_hostname, None
        self._session = self._offered = None
        if owner is not None:
            self.owner = owner
        # Of the component, made when the handshake begins.
        self._handle = self._facts = self._resource = None
        self._unsent, self._untaken, self._ahead = b"", b"", b""
        self._accepted, self._is_done = 0, False
        if session is not None:
            self.session = session
        return self

    # Facts

    @property
    def context(self):
        return self._context

    @context.setter
    def context(self, context):
        from ._context import _SSLContext

        if not isinstance(context, _SSLContext):
            raise TypeError("The value must be a SSLContext")
        self._context = context

    @property
    def server_side(self):
        return self._server_side

    @property
    def server_hostname(self):
        return self._server_hostname

    @property
    def owner(self):
        return None if self._owner is None else self._owner()

    @owner.setter
    def owner(self, owner):
        self._owner = None if owner is None else weakref.ref(owner)

    @property
    def session(self):
        if not self._is_done or self._server_side:
            return None
        if self._session is None:
            id, begun = os.urandom(32), int(time.time())
            if self._offered is not None and self.session_reused:
                id, begun = self._offered.id, self._offered.time
            made = self._resource, self._server_hostname
            self._session = SSLSession._of(self._context, *made, id, begun)
        return self._session

    @session.setter
    def session(self, session):
        if not isinstance(session, SSLSession):
            raise TypeError("Value is not a SSLSession.")
        if session._context is not self._context:
            raise ValueError("Session refers to a different SSLContext.")
        if self._server_side:
            raise ValueError("Cannot set session for server-side SSLSocket.")
        if self._handle is not None:
            raise ValueError("Cannot set session after handshake.")
        self._offered = session

    @property
    def session_reused(self):
        return bool(self._facts is not None and self._facts.get()[0].is_resumed())

    def version(self):
        return _NAMES[self._facts.get()[0].version()] if self._is_done else None

    def cipher(self):
        if not self._is_done:
            return None
        name, _, bits = numbers.SUITES[self._facts.get()[0].cipher_suite()]
        return name, self.version(), bits

    def shared_ciphers(self):
        """None: what a client offers is not kept."""

    def compression(self):
        """None: there is no compression."""

    def selected_alpn_protocol(self):
        return self._facts.get()[0].alpn() if self._is_done else None

    def getpeercert(self, binary_mode=False, /):
        if not self._is_done:
            raise ValueError("handshake not done yet")
        facts = self._facts.get()[0]
        der = next(iter(facts.peer_certificates()), None)
        if der is None or binary_mode:
            return der
        _, error = _try(facts.verify_result)
        return _certificate.decode(der) if error is None else {}

    def get_unverified_chain(self):
        if not self._is_done:
            return None
        chain = self._facts.get()[0].peer_certificates()
        return [_certificate.Certificate._of(der) for der in chain] or None

    def get_verified_chain(self):
        if self._context.verify_mode == numbers.CERT_NONE:
            return self.get_unverified_chain()
        raise NotImplementedError("the way to the trust root is not told; get_unverified_chain is")

    def get_channel_binding(self, cb_type="tls-unique"):
        if cb_type not in _BINDINGS:
            if cb_type == "tls-unique":
                # TLS 1.3 has none, and with TLS 1.2 it is not told.
                return None
            raise ValueError(f"'{cb_type}' channel binding type not implemented: {_BINDINGS}")
        if not self._is_done:
            return None
        binding, error = _try(self._facts.get()[0].channel_binding, cb_type)
        if error is not None:
            raise failure(error)
        return binding

    def verify_client_post_handshake(self):
        raise NotImplementedError("a client shows its certificate in the handshake only")

    # Operations

    def do_handshake(self):
        self._wire.begin("handshake")
        self._run(self._begun().handshake)

    def pending(self):
        return len(self._ahead)

    def read(self, size=1024, buffer=None, /):
        if buffer is None:
            if size < 0:
                raise ValueError("size should not be negative")
            return self._read(size)
        with memoryview(buffer) as whole, whole.cast("B") as view:
            length = size if 0 < size <= len(view) else len(view)
            plaintext = self._read(length)
            view[: len(plaintext)] = plaintext
            return len(plaintext)

    def _read(self, length):
        if not length:
            return b""
        if not self._ahead:
            self._wire.begin("read")
            self._ahead = self._run(self._begun().read, _PIECE) or b""
        plaintext, self._ahead = self._ahead[:length], self._ahead[length:]
        return plaintext

    def write(self, b, /):
        self._wire.begin("write")
        engine = self._begun()
        with memoryview(b) as whole:
            if not whole.nbytes:
                return 0
            with whole.cast("B") as view:
                sent = 0
                if self._accepted:
                    # The call before has handed over so much, and could not send it.
                    self._flush()
                    sent, self._accepted = min(self._accepted, len(view)), 0
                    return sent
                while sent < len(view):
                    with view[sent : sent + _CHUNK] as chunk:
                        try:
                            sent += self._run(engine.write, bytes(chunk))
                        except (_errors.SSLWantWriteError, TimeoutError):
                            if not sent:
                                # The next call is to be with the same bytes, and returns their number.
                                raise
                            sent, self._accepted = sent + self._accepted, 0
                            return sent
                return sent

    def shutdown(self):
        self._wire.begin("shutdown")
        engine = self._begun()
        self._run(engine.close_output)
        if self._ahead or self._run(engine.read, _PIECE):
            text = "application data after close notify: read to the end before unwrap"
            raise failed("APPLICATION_DATA_AFTER_CLOSE_NOTIFY", text)
        return self._wire.whole()

    def _begun(self):
        """The engine, made now if there is none."""
        if self._handle is not None:
            return self._handle.get()[0]
        context, name = self._context, None
        if self._server_side:
            resource = context._for_server(context.sni_callback is not None)
        else:
            resource, name = self._client_context()
        self._count("accept" if self._server_side else "connect")
        engine, error = _try(_engine.Engine.start, resource, name)
        if error is not None:
            raise failure(error)
        self._handle, self._facts = _Handle(engine), _Handle(engine.session())
        self._asked = context
        return engine

    def _client_context(self):
        offered, context, name = self._offered, self._context, self._server_hostname
        # A session counts for the settings and the name that it was made under.
        if offered is not None and offered._name == name:
            base = context._made.get(types.Role.CLIENT)
            if base is not None and base is offered._base:
                self._resource = offered._made
                return self._resource.get()[0], name if context.check_hostname else None
        resource, verified = context._for_client(name)
        self._resource = _Handle(resource)
        return resource, verified

    def _run(self, function, *arguments):
        """Call an operation of the engine, and move bytes, as long as that helps."""
        engine, is_fed = self._handle.get()[0], True
        self._flush()
        while True:
            result, error = _try(function, *arguments)
            self._unsent += engine.take_ciphertext(_CHUNK)
            if error is None:
                self._agree()
                self._finish(function, result)
                return result
            if isinstance(error, types.Error_WantWrite):
                self._flush()
            elif isinstance(error, types.Error_WantRead):
                self._flush()
                if not is_fed:
                    raise _errors.want_read()
                # Where nothing was taken, a failure may be why, which the next call tells.
                is_fed = self._feed(engine)
            elif isinstance(error, types.Error_WantContext):
                self._choose(engine)
            else:
                self._agree()
                self._fail(error)

    def _finish(self, function, result):
        try:
            self._flush()
        except (_errors.SSLWantWriteError, TimeoutError):
            if function.__name__ == "write":
                self._accepted = result
            if function.__name__ != "read":
                raise

    def _fail(self, error):
        """Raise what an operation failed with, after the peer was told."""
        try:
            self._flush()
        except OSError:
            pass
        raise failure(error, name=self._server_hostname, places=self._context._places)

    def _flush(self):
        while self._unsent:
            sent = self._wire.send(self._unsent[:_CHUNK])
            self._unsent = self._unsent[sent:]

    def _feed(self, engine):
        """Put bytes of the peer's into the engine, or their end; whether it has taken any."""
        if not self._untaken:
            received = self._wire.receive(engine)
            if isinstance(received, int):
                return received > 0
            if not received:
                engine.put_end()
                return True
            self._untaken = received
        taken = engine.put_ciphertext(self._untaken)
        self._untaken = self._untaken[taken:]
        return taken > 0

    def _agree(self):
        """Take note when the handshake is done."""
        self._context._write_keys()
        if not self._is_done and self._facts.get()[0].version() is not None:
            self._is_done = True
            self._count("accept_good" if self._server_side else "connect_good")
            if self.session_reused:
                self._count("hits")

    def _count(self, what):
        self._context._stats[what] += 1

    def _choose(self, engine):
        """Let `sni_callback` choose the context, or refuse the client."""
        asked = self._asked
        with engine.client_hello() as hello:
            name = hello.server_name()
        answer, cause = None, None
        try:
            if asked.sni_callback is not None:
                answer = asked.sni_callback(self.owner, name, asked)
        except Exception as raised:
            answer, cause = numbers.ALERT_DESCRIPTION_HANDSHAKE_FAILURE, raised
        if answer is not None and not isinstance(answer, int):
            cause = TypeError(f"sni_callback returns None or an alert, not {type(answer).__name__}")
            answer = numbers.ALERT_DESCRIPTION_INTERNAL_ERROR
        if answer is None:
            try:
                _, error = _try(engine.set_context, self._context._for_server(False))
                if error is None:
                    return
                cause = failure(error)
            except OSError as raised:
                cause = raised
            answer = numbers.ALERT_DESCRIPTION_HANDSHAKE_FAILURE
        _try(engine.refuse, answer if 0 < answer < 256 else 80)
        self._unsent += engine.take_ciphertext(_CHUNK)
        try:
            self._flush()
        except OSError:
            pass
        raise failed("CALLBACK_FAILED", "sni_callback has refused the client") from cause


def _wrong_role(role, protocol):
    text = f"Cannot create a {role} socket with a {protocol} context"
    return failed("CALLED_A_FUNCTION_YOU_SHOULD_NOT_CALL", text)


def is_address(name):
    try:
        return bool(ipaddress.ip_address(name.partition("%")[0]))
    except ValueError:
        return False
