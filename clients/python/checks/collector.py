"""Nothing traps, in whatever order the garbage collector finds objects."""

import contextlib
import gc
import weakref

import portcullis
from checks import check, pki, receive, refusal, server_context
from portcullis_plain import PlainSocket


def collected(function, *arguments):
    """Let the function make garbage, and collect it; repeatedly, for the order differs."""
    for _ in range(3):
        function(*arguments)
        gc.collect()


class Circle:
    """An object in a circle with what it holds, which it uses when it is collected."""

    log = []

    def __init__(self, **things):
        self.__dict__.update(things, me=self)

    def __del__(self):
        self.last(self)
        self.log.append("gone")


def made(last, **things):
    Circle.last = staticmethod(last)
    Circle(**things)


@check
def what_is_gone_is_let_go(server):
    def kept():
        gc.collect()
        return len(portcullis._RESOURCES)

    before = kept()
    tls = portcullis.connect(server)
    assert kept() > before
    tls.close()
    del tls
    assert kept() == before
    tls = PlainSocket(server).start_tls("localhost")
    tls.me = tls
    assert kept() > before
    del tls
    assert kept() == before and not portcullis._REVIVED


@check
def a_circle_closes_its_connection(server):
    Circle.log.clear()
    collected(lambda: made(lambda it: it.tls.close(), tls=portcullis.connect(server)))
    assert Circle.log == ["gone"] * 3


@check
def a_circle_says_goodbye(server):
    def goodbye(it):
        it.tls.sendall(b"bye")
        assert receive(it.tls, 3) == b"bye"
        it.tls.close()

    Circle.log.clear()
    collected(lambda: made(goodbye, tls=portcullis.connect(server)))
    assert Circle.log == ["gone"] * 3


@check
def a_circle_looks_at_the_facts(server):
    def look(it):
        it.tls.close()
        assert it.facts.version() == it.tls.facts.version() is not None
        assert it.tls.verify_result() is None

    def things():
        tls = portcullis.connect(server)
        made(look, facts=tls.facts, tls=tls)

    Circle.log.clear()
    collected(things)
    assert Circle.log == ["gone"] * 3


@check
def a_circle_drops_its_connection(server):
    collected(lambda: made(lambda it: None, tls=portcullis.connect(server)))

    def of_itself():
        tls = portcullis.connect(server)
        tls.me = tls

    collected(of_itself)


@check
def a_circle_uses_contexts_and_servers(server):
    def use(it):
        portcullis.connect(server, context=it.context).close()
        it.here.getsockname()
        it.here.close()

    def things():
        here = portcullis.create_server(("127.0.0.1", 0), context=server_context())
        made(use, context=portcullis.create_default_context(), here=here)

    Circle.log.clear()
    collected(things)
    assert Circle.log == ["gone"] * 3


@check
def an_unflushed_file_goes_with_its_connection(server):
    def unflushed():
        tls = portcullis.connect(server)
        file = tls.makefile("wb")
        tls.file, tls.me = file, tls
        file.write(b"x")

    def closed_before():
        tls = portcullis.connect(server)
        tls.file = tls.makefile("rwb")
        tls.file.write(b"x")
        tls.close()

    collected(unflushed)
    collected(closed_before)


@check
def what_is_brought_back_is_usable(server):
    back = []
    made(lambda it: back.append(it.tls), tls=portcullis.connect(server))
    gc.collect()
    gc.collect()
    back[0].sendall(b"alive")
    assert receive(back[0], 5) == b"alive"
    # It is freed when it becomes garbage once more.
    back.append(back.pop())
    kept = len(portcullis._RESOURCES)
    back[0].me = back[0]
    back.clear()
    gc.collect()
    assert len(portcullis._RESOURCES) < kept and not portcullis._REVIVED


@check
def exceptions_keep_nothing_in_the_wrong_order(server):
    def failing(make):
        connection = make()
        connection.settimeout(0.01)
        try:
            connection.recv(1)
        except OSError as failure:
            kept = failure
            connection.kept = kept
        raw = getattr(connection, "port", None)
        return raw and None

    collected(failing, lambda: portcullis.connect(server))
    collected(failing, lambda: PlainSocket(server))


@check
def plain_connections_go_in_any_order(server):
    collected(lambda: made(lambda it: it.plain.sendall(b"bye"), plain=PlainSocket(server)))
    collected(lambda: made(lambda it: it.plain.close(), plain=PlainSocket(server)))
    collected(lambda: made(lambda it: None, plain=PlainSocket(server)))


@check
def connections_that_began_in_the_clear_go_in_any_order(server):
    def started(last):
        made(last, tls=PlainSocket(server).start_tls("localhost"))

    collected(started, lambda it: None)
    collected(started, lambda it: it.tls.close())
    collected(started, lambda it: it.tls.sendall(b"bye"))

    def refused():
        plain = PlainSocket(server)
        try:
            plain.start_tls("wrong.invalid")
        except portcullis.CertificateError as failure:
            plain.failure = failure
        else:
            raise AssertionError("not refused")

    collected(refused)
    # The raw port outlives the connection that it belonged to.
    tls = PlainSocket(server).start_tls("localhost")
    port = tls.port
    tls.close()
    del tls
    gc.collect()
    with port.session() as session:
        assert session.version() is not None


@check
def weak_references_die_before_the_connection(server):
    gone = []
    tls = portcullis.connect(server)
    tls.me = tls
    watch = weakref.ref(tls, lambda _: gone.append(1))
    weakref.finalize(tls, gone.append, 2)
    del tls
    gc.collect()
    assert sorted(gone) == [1, 2] and watch() is None


@check
def generators_that_are_left_let_go(server):
    def lines():
        with portcullis.connect(server) as tls:
            yield tls

    def left():
        generator = lines()
        next(generator)
        box = [generator]
        box.append(box)

    collected(left)


@check
def nothing_traps_while_much_is_collected(server):
    threshold = gc.get_threshold()
    gc.set_threshold(1)
    try:
        with portcullis.connect(server, timeout=30) as tls:
            for number in range(50):
                with contextlib.suppress(BlockingIOError):
                    portcullis.connect(server, timeout=0).recv(1)
                tls.sendall(b"%d" % number)
                tls.recv(10)
    finally:
        gc.set_threshold(*threshold)
    refusal(OSError, portcullis.Context().load_cert_chain, pki("no-such.pem"))
