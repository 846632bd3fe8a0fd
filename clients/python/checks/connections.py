"""What a connection does, as `socket` and `ssl` have it."""

import errno
import io
import os
import selectors
import socket
import time
from socket import SHUT_RD, SHUT_RDWR, SHUT_WR

import portcullis
from checks import SECONDS, check, receive, refusal
from checks import server_context as context_of_server
from portcullis import types
from wit_world.imports.context import supported_groups


@check
def sizes_from_0_to_1_mib_come_back(server):
    with portcullis.connect(server) as tls:
        for size in (0, 1, 100, 16384, 16385, 65536, 1 << 20):
            plaintext = os.urandom(size)
            # In pieces: to write all of it first would wait for a server that waits for its reader.
            for start in range(0, size, 16384):
                piece = plaintext[start : start + 16384]
                tls.sendall(piece)
                assert receive(tls, len(piece)) == piece, size


@check
def send_tells_how_much_it_took(server):
    with portcullis.connect(server) as tls:
        assert tls.send(memoryview(b"take this")[5:]) == 4
        assert receive(tls, 4) == b"this"
        assert tls.send(b"") == 0 and tls.recv(0) == b""


@check
def recv_into_fills_a_buffer(server):
    with portcullis.connect(server) as tls:
        tls.sendall(b"abcdef")
        buffer = bytearray(b"........")
        assert tls.recv_into(buffer, 2) == 2 and buffer == b"ab......"
        assert tls.recv_into(memoryview(buffer)[4:]) == 4 and buffer == b"ab..cdef"
        try:
            tls.recv_into(buffer, 9)
        except ValueError:
            return
        raise AssertionError("more bytes than the buffer holds")


@check
def makefile_reads_lines_and_writes(server):
    with portcullis.connect(server) as tls:
        lines, output = tls.makefile("rb"), tls.makefile("wb")
        output.write(b"one\ntwo\nrest")
        output.flush()
        assert lines.readline() == b"one\n" and lines.readline() == b"two\n"
        assert lines.read(4) == b"rest"
        both = tls.makefile("rwb", 0)
        assert isinstance(both, io.RawIOBase) and both.write(b"raw") == 3
        assert both.read(3) == b"raw"
        with tls.makefile("rw", encoding="utf-8", newline="\n") as text:
            text.write("drei Wörter da\n")
            text.flush()
            assert text.readline() == "drei Wörter da\n"


@check
def a_file_outlives_close(server):
    tls = portcullis.connect(server)
    file = tls.makefile("rb")
    tls.sendall(b"line\n")
    tls.close()
    assert file.readline() == b"line\n"
    file.close()
    assert isinstance(refusal(portcullis.TLSError, tls.recv, 1).error, types.Error_Closed)


@check
def a_timeout_leaves_the_connection_usable(server):
    with portcullis.connect(server, timeout=30) as tls:
        tls.settimeout(0.2)
        start = time.monotonic()
        failure = refusal(portcullis.TLSTimeout, tls.recv, 1)
        assert 0.15 < time.monotonic() - start < 10
        assert isinstance(failure, TimeoutError) and isinstance(failure, portcullis.TLSError)
        assert failure.error == types.Error_Timeout(types.Timer.READ) and str(failure)
        tls.settimeout(None)
        tls.sendall(b"still here")
        assert receive(tls, 10) == b"still here"


@check
def the_facts_of_a_connection_are_told(server):
    with portcullis.connect(server) as tls:
        assert tls.version() in ("TLSv1.2", "TLSv1.3")
        name, version, bits = tls.cipher()
        assert name.startswith("TLS_") and version == tls.version() and bits in (128, 256)
        certificate = tls.getpeercert(binary_form=True)
        assert certificate[0] == 0x30 and tls.get_unverified_chain()[0] == certificate
        assert tls.getpeername()[1] == server[1] and tls.getsockname()[1] > 0
        assert tls.group() in supported_groups() and tls.verify_result() is None


@check
def the_facts_of_a_connection_outlive_it(server):
    tls = portcullis.connect(server)
    version, group, chain = tls.facts.version(), tls.group(), tls.get_unverified_chain()
    assert version in types.Version and group and chain
    tls.close()
    # As in `ssl`, these say that there is no connection.
    assert tls.version() is None and tls.cipher() is None and tls.group() is None
    assert tls.facts.version() == version and tls.facts.group() == group
    assert tls.facts.cipher_suite().startswith("TLS_")
    assert tls.get_unverified_chain() == chain and tls.verify_result() is None
    facts = tls.facts
    del tls
    assert facts.version() == version and not facts.is_truncated()
    # There are no facts of a handshake that never ran.
    with portcullis.connect(server, do_handshake_on_connect=False) as tls:
        assert tls.version() is None and tls.cipher() is None and tls.group() is None
        refusal(ValueError, tls.getpeercert, True)
    assert tls.facts.version() is None
    reason = tls.verify_result().error.value.reason
    assert reason == types.CertificateReason.NOT_CHECKED


@check
def what_is_closed_is_ready_at_once(server):
    tls = portcullis.connect(server)
    here = portcullis.create_server(("127.0.0.1", 0), context=context_of_server())
    port, listener = tls.port, here.listener
    tls.close()
    here.close()
    for subscribe in (port.subscribe, port.subscribe_write, listener.subscribe):
        with subscribe() as ready:
            assert ready.ready()
    with portcullis.Selector() as selector:
        selector.register(tls, selectors.EVENT_READ)
        selector.register(here, selectors.EVENT_READ)
        assert {key.fileobj for key, _ in selector.select(30)} == {tls, here}


@check
def the_context_manager_closes(server):
    with portcullis.connect(server) as tls:
        pass
    assert isinstance(refusal(portcullis.TLSError, tls.send, b"x").error, types.Error_Closed)
    with portcullis.connect(server) as tls:
        tls.unwrap()


@check
def the_end_of_the_stream_reads_as_nothing(server):
    with portcullis.connect(server) as tls:
        tls.sendall(b"the last")
        tls.shutdown(SHUT_WR)
        assert tls.makefile("rb").read() == b"the last"
        assert tls.recv(1) == b"" and tls.recv_into(bytearray(1)) == 0
        assert not tls.facts.is_truncated()
        assert isinstance(refusal(portcullis.TLSError, tls.send, b"x").error, types.Error_Closed)


@check
def names_and_errors_are_those_of_socket(server):
    with portcullis.connect(server) as tls:
        assert tls.gettimeout() is None and tls.timeout is None and tls.getblocking()
        tls.settimeout(5)
        assert tls.gettimeout() == 5.0
        assert tls.family in (2, tls.family) and tls.selected_alpn_protocol() is None
        assert isinstance(refusal(OSError, tls.fileno), io.UnsupportedOperation)
        refusal(OSError, tls.detach)
        assert refusal(OSError, tls.setsockopt, 6, 1, 1).errno == errno.ENOPROTOOPT
        assert tls.write(b"written") == 7 and tls.read(7) == b"written"
        buffer = bytearray(4)
        tls.sendall(b"four")
        assert tls.read(4, buffer) == 4 and buffer == b"four"
        assert repr(tls) == "<portcullis.TLSSocket>" and "_handle" not in repr(tls)
        assert tls.context.check_hostname and not tls.server_side
    assert tls.fileno() == -1 and tls.version() is None and tls.cipher() is None
    for function in (tls.getpeername, tls.getsockname, tls.do_handshake, tls.unwrap):
        assert refusal(OSError, function).errno == errno.EBADF, function
    assert refusal(OSError, tls.settimeout, 1).errno == errno.EBADF
    assert refusal(OSError, tls.shutdown, SHUT_WR).errno == errno.EBADF
    assert refusal(OSError, tls.recv, 1).errno == errno.EBADF


@check
def failures_have_the_classes_and_numbers_of_socket(server):
    with portcullis.create_server(("127.0.0.1", 0), context=context_of_server()) as here:
        nobody = here.getsockname()
        assert refusal(OSError, portcullis.create_server, nobody, context=context_of_server())
    failure = refusal(ConnectionRefusedError, portcullis.connect, nobody)
    assert failure.errno == errno.ECONNREFUSED and isinstance(failure, portcullis.TLSError)
    assert str(failure) and not str(failure).startswith("[")
    failure = refusal(socket.gaierror, portcullis.connect, ("no-such-host.invalid", 443))
    assert isinstance(failure, portcullis.TLSError) and failure.errno, failure
    with portcullis.connect(server) as tls:
        tls.shutdown(SHUT_WR)
        assert refusal(BrokenPipeError, tls.send, b"x").errno == errno.EPIPE
        assert refusal(OSError, tls.shutdown, 77).errno == errno.EINVAL


@check
def timers_that_are_not_there_are_refused(server):
    with portcullis.connect(server, timeout=30) as tls:
        for timer in (types.Timer.RESOLVE, types.Timer.IDLE, types.Timer.ACCEPT):
            for target in (tls.port, portcullis.Context().context):
                failure = refusal(OSError, portcullis._call, target.set_timeout, timer, 1000)
                assert isinstance(failure, NotImplementedError), repr(failure)
                assert isinstance(failure.error, types.Error_NotSupported)


@check
def a_socket_that_does_not_wait_says_so(server):
    with portcullis.connect(server) as tls:
        for set_it in (lambda: tls.settimeout(0), lambda: tls.setblocking(False)):
            set_it()
            assert tls.gettimeout() == 0 and not tls.getblocking()
            failure = refusal(portcullis.SSLWantReadError, tls.recv, 1)
            assert failure.errno == errno.EAGAIN and isinstance(failure, portcullis.SSLError)
            # redis-py, which has no `ssl` here, looks at the class.
            assert failure.__class__ is BlockingIOError
            assert tls.makefile("rb", 0).read(1) is None
            tls.setblocking(True)
            assert tls.gettimeout() is None
        tls.sendall(b"and back")
        assert receive(tls, 8) == b"and back"
        tls.settimeout(0)
        sent = 0
        try:
            while sent < 1 << 30:
                sent += tls.send(bytes(1 << 16))
        except portcullis.SSLWantWriteError as failure:
            assert failure.errno == errno.EAGAIN
        assert 0 < sent < 1 << 30, sent
        with portcullis.Selector() as selector:
            selector.register(tls, selectors.EVENT_READ)
            received = 0
            while received < sent:
                assert selector.select(30)
                try:
                    received += len(tls.recv(1 << 16))
                except BlockingIOError:
                    pass


@check
def shutdown_of_both_ends_reading(server):
    with portcullis.connect(server) as tls:
        tls.shutdown(SHUT_RD)
        assert tls.recv(1) == b"" and tls.makefile("rb").read() == b""
        tls.sendall(b"x")
        tls.shutdown(SHUT_RDWR)
        assert tls.recv(1) in (b"x", b"")
        refusal(BrokenPipeError, tls.send, b"x")


@check
def pending_is_what_can_be_read(server):
    with portcullis.connect(server) as tls:
        assert tls.pending() == 0
        tls.sendall(b"x" * 100)
        first = tls.recv(1)
        assert first == b"x"
        while not (ahead := tls.pending()):
            pass
        assert len(receive(tls, ahead)) == ahead
        receive(tls, 99 - ahead)
        assert tls.pending() == 0
        tls.shutdown(SHUT_WR)
        assert tls.recv() == b"" and tls.pending() == 0


@check
def what_arrives_is_seen_without_waiting(server):
    with portcullis.connect(server) as tls, portcullis.Selector() as selector:
        selector.register(tls, selectors.EVENT_READ)
        for look in (tls.pending, lambda: selector.select(0)):
            assert tls.pending() == 0
            # More looks than a host may allow without a wait in between.
            assert not any(look() for _ in range(500))
            tls.sendall(b"x")
            deadline = time.monotonic() + SECONDS
            while not look():
                assert time.monotonic() < deadline, "never seen"
            assert tls.recv(1) == b"x"


@check
def a_world_without_clocks_has_no_timeouts(server):
    with portcullis.connect(server) as tls, portcullis.Selector() as selector:
        selector.register(tls, selectors.EVENT_READ)
        # This byte comes behind the tickets, which make the connection ready too.
        tls.sendall(b"x")
        assert tls.recv(1) == b"x"
        clock, portcullis._clock = portcullis._clock, None
        try:
            assert tls.pending() == 0 and selector.select(0) == []
            refusal(NotImplementedError, selector.select, 1)
            tls.sendall(b"abc")
            assert selector.select() and tls.recv(1) == b"a"
            assert selector.select(0) and tls.pending() == 2
        finally:
            portcullis._clock = clock


@check
def a_file_is_sent(server):
    with portcullis.connect(server) as tls:
        assert tls.sendfile(io.BytesIO(b"a file's contents"), offset=2) == 15
        assert receive(tls, 15) == b"file's contents"


@check
def fifty_reconnects_with_one_context(server):
    context = portcullis.create_default_context()
    for _ in range(50):
        with portcullis.connect(server, context=context) as tls:
            tls.sendall(b"again")
            assert receive(tls, 5) == b"again"
