"""What a server chooses by what the client asks for, and what contexts count and log."""

import contextlib

import portcullis
from checks import (
    accepted,
    assign,
    check,
    fails,
    pair,
    pki,
    refusal,
    server_context,
    together,
)
from portcullis import types
from wit_world.imports.context import ServerName_Name, ServerName_Off


def asking(function):
    context = server_context()
    context.sni_callback = function
    return context


def met(of_server, name="localhost", **options):
    """Shake hands, asking for a name that is not verified; returns both ends."""
    client = portcullis.create_default_context()
    client.check_hostname = False
    client.context.set_server_name(ServerName_Name(name) if name else ServerName_Off())
    with pair(client, of_server) as (client, server):
        together((client, client.do_handshake), (server, server.do_handshake))
        together((client, client.send, b"x"), (server, server.recv, 1))
    return client, server


@check
def a_callback_chooses_the_context(server):
    other, asked = server_context(), []
    other.set_alpn_protocols(["h2"])
    other.set_versions("TLSv1.2", "TLSv1.2")

    def choose(connection, name, context):
        asked.append((name, context))
        assert connection.context is context and connection.version() is None
        if name == "other.test":
            connection.context = other

    own = asking(choose)
    assert own.sni_callback is choose
    for name, version in (
        ("localhost", types.Version.TLS13),
        ("other.test", types.Version.TLS12),
        (None, types.Version.TLS13),
    ):
        client, of_server = met(own, name)
        assert client.facts.version() == of_server.facts.version() == version
        assert of_server.context is (other if name == "other.test" else own)
    assert asked == [("localhost", own), ("other.test", own), (None, own)]
    assert own.session_stats()["accept_good"] == 2 and other.session_stats()["accept_good"] == 1
    # A copy has the callback, and one context may be changed to go on without a call.
    assert own.copy().sni_callback is choose
    own.sni_callback = None
    met(own)
    own.set_servername_callback(choose)
    met(own)
    assert len(asked) == 4


@check
def a_callback_needs_no_certificate_of_the_context(server):
    other = server_context()
    bare = portcullis.Context(server_side=True)
    bare.sni_callback = lambda connection, name, _: setattr(connection, "context", other)
    met(bare)
    # Where it chooses none, there is nothing to go on with.
    bare = portcullis.Context(server_side=True)
    bare.sni_callback = lambda *_: None
    failure = refusal(portcullis.TLSError, met, bare)
    assert failure.error == types.Error_AlertReceived(80) or (
        failure.error.value.item == types.ConfigurationItem.CERTIFICATE_CHAIN
    ), failure


@check
def a_callback_refuses_by_an_alert(server):
    def told(answer):
        """What both ends are told."""
        with pair(of_server=asking(lambda *_: answer)) as (client, of_server):
            return together(
                fails(of_server, of_server.do_handshake), fails(client, client.do_handshake)
            )

    for answer, alert in (
        (portcullis.ALERT_DESCRIPTION_UNRECOGNIZED_NAME, 112),
        (49, 49),
        (0, 80),
        (1000, 80),
        ("text", 80),
    ):
        of_server, client = told(answer)
        assert client.error == types.Error_AlertReceived(alert), (answer, client)
        assert isinstance(of_server.error, types.Error_Protocol), of_server
        assert isinstance(of_server.__cause__, TypeError) == isinstance(answer, str)


@check
def a_callback_that_fails_refuses(server):
    def choose(*_):
        raise KeyError("nothing for this name")

    with pair(of_server=asking(choose)) as (client, of_server):
        failure, told = together(
            fails(of_server, of_server.do_handshake), fails(client, client.do_handshake)
        )
    assert isinstance(failure.__cause__, KeyError) and "sni_callback" in str(failure)
    assert told.error == types.Error_AlertReceived(40)


@check
def a_callback_is_for_servers_that_are_not_in_use(server):
    client = portcullis.create_default_context()
    refusal(ValueError, assign, client, "sni_callback", print)
    context = server_context()
    refusal(TypeError, assign, context, "sni_callback", 5)
    context.sni_callback = None
    met(context)
    failure = refusal(portcullis.TLSError, assign, context, "sni_callback", print)
    assert isinstance(failure.error, types.Error_Sealed)
    with portcullis.connect(server) as tls:
        refusal(ValueError, assign, tls, "context", client)

    def wrong(connection, *_):
        connection.context = client

    failure = refusal(portcullis.TLSError, met, asking(wrong))
    assert failure.error == types.Error_AlertReceived(40) or failure.__cause__


@check
def tickets_are_counted_and_chosen(server):
    context = server_context()
    assert context.num_tickets == 2
    context.num_tickets = 0
    assert context.num_tickets == 0 and context.copy().num_tickets == 0
    for wrong in (-1, 17, 1 << 40):
        refusal(ValueError, assign, context, "num_tickets", wrong)
    refusal(TypeError, assign, context, "num_tickets", "2")
    refusal(ValueError, assign, portcullis.create_default_context(), "num_tickets", 2)
    for tickets, hits in ((0, 0), (2, 1)):
        of_server, of_client = server_context(), portcullis.create_default_context()
        of_server.num_tickets = tickets
        assert of_server.session_stats() == {"accept_good": 0, "hits": 0}
        with portcullis.create_server(("localhost", 0), context=of_server) as here:
            for _ in range(2):
                with another(here, of_client) as ends:
                    reused = tuple(end.session_reused for end in ends)
        assert reused == (bool(hits), bool(hits))
        assert of_server.session_stats() == {"accept_good": 2, "hits": hits}
        assert of_client.session_stats() == {"connect_good": 2, "hits": hits}


@contextlib.contextmanager
def another(here, context):
    """Another connection with the same contexts, of which the client has read the tickets."""
    here.settimeout(0)
    address = ("localhost", here.getsockname()[1])
    with portcullis.connect(address, timeout=0, context=context) as client:
        with accepted(client, here) as server:
            together((client, client.do_handshake), (server, server.do_handshake))
            together((server, server.send, b"x"), (client, client.recv, 1))
            yield client, server


@check
def both_sides_export_the_same_keys(server):
    with pair() as (client, server):
        refusal(ValueError, client.export_keying_material, "EXPORTER-x", 32)
        together((client, client.do_handshake), (server, server.do_handshake))
        for context in (None, b"", b"context"):
            keys = client.export_keying_material("EXPORTER-x", 40, context)
            assert keys == server.export_keying_material("EXPORTER-x", 40, context=context)
            assert len(keys) == 40
        assert keys != client.export_keying_material("EXPORTER-x", 40)
        refusal(ValueError, client.export_keying_material, "EXPORTER-x", 0)
        refusal(ValueError, client.export_keying_material, "EXPORTER-x", -1)
        refusal(TypeError, client.export_keying_material, b"EXPORTER-x", 32)


@check
def secrets_are_appended_to_a_file(server):
    name, of_server = pki("keys.log"), server_context()
    try:
        of_server.keylog_filename = name
    except PermissionError:
        print("SKIPPED: the directory of the certificates cannot be written")
        return
    with open(name, "w"):
        pass
    assert of_server.keylog_filename == name and server_context().keylog_filename is None
    met(of_server)
    with open(name) as file:
        lines = file.read().splitlines()
    assert any(line.startswith("SERVER_TRAFFIC_SECRET_0 ") for line in lines), lines
    of_server.keylog_filename = None
    met(of_server)
    with open(name) as file:
        assert file.read().splitlines() == lines
    met(server_context())
    failure = refusal(OSError, assign, server_context(), "keylog_filename", pki("no-such/keys"))
    assert not isinstance(failure, portcullis.TLSError) and of_server.keylog_filename is None
