"""Settings: each of them works or is refused, and none is swallowed."""

import portcullis
from checks import assign, check, pair, pki, refusal, server_context, together
from portcullis import types
from wit_world.imports.context import supported_groups


@check
def a_context_chooses_version_suite_and_groups(server):
    context = portcullis.create_default_context()
    context.set_versions("TLSv1.3", "TLSv1.3")
    assert context.set_ciphers("TLS_AES_128_GCM_SHA256:no-such-suite") == ["no-such-suite"]
    context.set_groups("P-256:X25519")
    with portcullis.connect(server, context=context) as tls:
        assert tls.cipher() == ("TLS_AES_128_GCM_SHA256", "TLSv1.3", 128)
        assert tls.group() == "secp256r1"
    assert isinstance(refusal(portcullis.TLSError, context.set_versions).error, types.Error_Sealed)


@check
def groups_go_by_names_of_iana_and_openssl(server):
    context, known = portcullis.create_default_context(), supported_groups()
    assert known == ["X25519MLKEM768", "SecP256r1MLKEM768", "x25519", "secp256r1", "secp384r1"]
    assert context.context.groups() == known
    for groups, names in {
        "P-384:p-256": ["secp384r1", "secp256r1"],
        "prime256v1:X25519mlkem768": ["secp256r1", "X25519MLKEM768"],
        ":".join(known[::-1]).upper(): known[::-1],
    }.items():
        context.set_groups(groups)
        assert context.context.groups() == names, groups
    before = context.context.groups()
    for groups in ("x448", "P-256:brainpoolP256r1", "x25519:", ""):
        failure = refusal(ValueError, context.set_groups, groups)
        assert isinstance(failure, portcullis.InvalidArgument), failure
        assert failure.error.value.item == types.ConfigurationItem.GROUPS
        assert failure.error.value.reason == types.ConfigurationReason.UNKNOWN_NAME
        told = str(failure)
        assert groups.rpartition(":")[2] in told and all(name in told for name in known), told
    failure = refusal(ValueError, context.set_ecdh_curve, "P-256:secp256r1")
    assert failure.error.value.reason == types.ConfigurationReason.DUPLICATE
    assert context.context.groups() == before
    for group in known:
        context = portcullis.create_default_context()
        context.set_groups(group)
        # The server of the checks may lack a group; the one of `pair` has all of them.
        with pair(context) as (client, server):
            assert client.group() is None
            together((client, client.do_handshake), (server, server.do_handshake))
            assert client.group() == server.group() == group


@check
def both_sides_tell_the_protocol_that_they_agree_on(server):
    def met(ours, theirs):
        client, of_server = portcullis.create_default_context(), server_context()
        client.set_alpn_protocols(ours)
        of_server.set_alpn_protocols(theirs)
        return pair(client, of_server)

    for ours, theirs, agreed in (
        (["h2", "http/1.1"], ["http/1.1", "h2"], "http/1.1"),
        (("mqtt",), ("mqtt",), "mqtt"),
        ([], ["h2"], None),
    ):
        with met(ours, theirs) as (client, of_server):
            assert client.selected_alpn_protocol() is None
            assert client.get_channel_binding("tls-exporter") is None
            together((client, client.do_handshake), (of_server, of_server.do_handshake))
            assert client.selected_alpn_protocol() == of_server.selected_alpn_protocol() == agreed
            assert client.session_reused is of_server.session_reused is False
            for name in portcullis.CHANNEL_BINDING_TYPES:
                binding = client.get_channel_binding(name)
                assert len(binding) == 32 and binding == of_server.get_channel_binding(name)
            refusal(ValueError, client.get_channel_binding)
            refusal(ValueError, client.get_channel_binding, "tls-other")
    context = portcullis.create_default_context()
    for wrong in ("h2", b"h2", 5, [5]):
        refusal(TypeError, context.set_alpn_protocols, wrong)
    for wrong in ([""], ["x" * 256], ["h2", "h2"]):
        refusal(portcullis.TLSError, context.set_alpn_protocols, wrong)
    assert context.context.alpn() == []


@check
def what_is_not_there_cannot_be_set(server):
    context = portcullis.create_default_context()
    for name in ("verifymode", "minimum", "alpn_protocols", "psk_client_callback"):
        refusal(AttributeError, assign, context, name, 1)
    for name, value in {
        "post_handshake_auth": True,
        "hostname_checks_common_name": True,
    }.items():
        refusal(NotImplementedError, assign, context, name, value)
    # Values that ask for nothing are accepted.
    context.keylog_filename, context.post_handshake_auth = None, False
    assert context.keylog_filename is None and context.post_handshake_auth is False


@check
def a_client_that_verifies_nothing_has_to_say_so_twice(server):
    context = portcullis.create_default_context(cafile=pki("ca.pem"))
    assert context.verify_mode == portcullis.CERT_REQUIRED and context.check_hostname is True
    refusal(ValueError, assign, context, "verify_mode", portcullis.CERT_NONE)
    context.check_hostname = False
    wrong = {"server_hostname": "wrong.invalid"}
    portcullis.connect(server, context=context, **wrong).close()
    context = portcullis.Context()
    refusal(portcullis.CertificateError, portcullis.connect, server, context=context)
    context = portcullis.Context()
    context.check_hostname = False
    refusal(portcullis.CertificateError, portcullis.connect, server, context=context)
    context = portcullis.Context()
    context.check_hostname = False
    context.verify_mode = portcullis.CERT_NONE
    with portcullis.connect(server, context=context, **wrong) as tls:
        reason = tls.verify_result().error.value.reason
        assert reason == types.CertificateReason.NOT_CHECKED
    refusal(portcullis.TLSError, assign, context, "verify_mode", portcullis.CERT_REQUIRED)
    context = context.copy()
    assert context.verify_mode == portcullis.CERT_NONE
    context.check_hostname = True
    assert context.verify_mode == portcullis.CERT_REQUIRED
    refusal(portcullis.CertificateError, portcullis.connect, server, context=context)
    # `ssl` has no optional verification by clients either: it is as good as required.
    context = portcullis.Context()
    context.verify_mode = portcullis.CERT_OPTIONAL
    refusal(portcullis.CertificateError, portcullis.connect, server, context=context)
    refusal(ValueError, assign, context, "verify_mode", 3)


@check
def revocation_is_looked_at_where_flags_ask_for_it(server):
    leaf, chain = portcullis.VERIFY_CRL_CHECK_LEAF, portcullis.VERIFY_CRL_CHECK_CHAIN
    always = portcullis.create_default_context().verify_flags

    def context(*names, flags=None, before=False):
        made = portcullis.create_default_context()
        if before:
            made.verify_flags |= flags
        for name in names:
            made.load_verify_locations(pki(name))
        if flags is not None and not before:
            made.verify_flags |= flags
        return made

    def met(made):
        with portcullis.connect(server, context=made):
            return made.verify_flags

    def why(made):
        return refusal(portcullis.CertificateError, met, made).error.value.reason

    # As in `ssl`, lists count for nothing until they are asked for.
    assert met(context("lists/server.pem")) == always
    for flags in (leaf, chain):
        for before in (False, True):
            revoked = context("lists/server.pem", flags=flags, before=before)
            assert why(revoked.copy()) == why(revoked) == types.CertificateReason.REVOKED
            assert met(context("lists/nothing.pem", flags=flags, before=before)) == always | flags
    failure = refusal(portcullis.TLSError, met, context(flags=leaf))
    assert failure.error.value.item == types.ConfigurationItem.REVOCATION_LISTS
    asked = context("lists/nothing.pem", flags=leaf)
    refusal(ValueError, assign, asked, "verify_flags", always)
    # A list is no authority.
    data = open(pki("lists/nothing.pem")).read()
    listed = portcullis.Context()
    listed.load_verify_locations(cadata=data)
    with open(pki("ca.pem")) as authority:
        listed.load_verify_locations(cadata=data + authority.read())
    listed.verify_flags |= chain
    assert met(listed) == always | chain
    refusal(portcullis.TLSError, portcullis.Context().load_verify_locations, pki("key.pem"))


@check
def a_server_that_requires_certificates_gets_them(server):
    def met(mode, client):
        demanding = server_context()
        demanding.load_verify_locations(pki("ca.pem"))
        demanding.verify_mode = mode
        with pair(client, demanding) as (client, server):
            shakes = (client, client.do_handshake), (server, server.do_handshake)
            together(*shakes)
            return server.getpeercert(True)

    anonymous = portcullis.create_default_context
    known = portcullis.create_default_context()
    known.load_cert_chain(pki("cert.pem"), pki("key.pem"))
    assert met(portcullis.CERT_NONE, known) is None
    assert met(portcullis.CERT_OPTIONAL, anonymous()) is None
    for mode in (portcullis.CERT_OPTIONAL, portcullis.CERT_REQUIRED):
        # A copy of the sealed context has what was loaded.
        assert met(mode, known.copy()) == met(mode, known)
    failure = refusal(portcullis.CertificateError, met, portcullis.CERT_REQUIRED, anonymous())
    assert failure.error.value.reason == types.CertificateReason.MISSING
    refusal(ValueError, assign, server_context(), "check_hostname", True)


@check
def versions_are_those_of_ssl(server):
    low, high = portcullis.TLSVersion.TLSv1_2, portcullis.TLSVersion.TLSv1_3

    def version(**settings):
        context = portcullis.create_default_context()
        for name, value in settings.items():
            assign(context, name, value)
        with portcullis.connect(server, context=context) as tls:
            return tls.version()

    assert version() == version(minimum_version=high) == "TLSv1.3"
    assert version(maximum_version=low) == version(minimum_version=low, maximum_version=771)
    assert version(maximum_version=low) == "TLSv1.2"
    assert version(minimum_version=portcullis.TLSVersion.MAXIMUM_SUPPORTED) == "TLSv1.3"
    assert version(maximum_version=portcullis.TLSVersion.MINIMUM_SUPPORTED) == "TLSv1.2"
    always = portcullis.create_default_context().options
    assert version(options=always | portcullis.OP_NO_TLSv1_3) == "TLSv1.2"
    assert version(options=always | portcullis.OP_NO_TLSv1 | portcullis.OP_ALL) == "TLSv1.3"
    context = portcullis.create_default_context()
    context.minimum_version = high
    refusal(ValueError, assign, context, "maximum_version", low)
    refusal(ValueError, assign, context, "options", always | portcullis.OP_NO_TLSv1_3)
    for old in ("SSLv3", "TLSv1", "TLSv1_1"):
        refusal(ValueError, assign, context, "minimum_version", portcullis.TLSVersion[old])
        refusal(ValueError, assign, context, "maximum_version", portcullis.TLSVersion[old])
    for option in (portcullis.OP_NO_TICKET, portcullis.OP_CIPHER_SERVER_PREFERENCE, 4):
        refusal(ValueError, assign, context, "options", always | option)
    refusal(ValueError, assign, context, "options", always & ~portcullis.OP_NO_SSLv3)
    for flag in (portcullis.VERIFY_ALLOW_PROXY_CERTS, portcullis.VERIFY_X509_STRICT):
        refusal(ValueError, assign, context, "verify_flags", context.verify_flags | flag)
    context.verify_flags &= ~portcullis.VERIFY_X509_STRICT
    assert context.minimum_version == high and context.options == always
    refusal(ValueError, portcullis.Context, 2)
    refusal(ValueError, portcullis.Context, 5)
    assert portcullis.SSLContext(portcullis.PROTOCOL_TLS_SERVER).protocol == 17


@check
def an_end_without_close_notify_is_tolerated_if_asked_for(server):
    for asked in (False, True):
        context = portcullis.create_default_context()
        if asked:
            context.options |= portcullis.OP_IGNORE_UNEXPECTED_EOF
        with pair(context) as (client, server):
            together((client, client.do_handshake), (server, server.do_handshake))
            together((server, server.send, b"half"), (client, client.recv, 4))
            assert not client.facts.is_truncated()
            # Dropping the handle sends nothing to the peer.
            server._handle = None
            if asked:
                assert together((client, client.recv, 1)) == [b""]
            else:
                refusal(portcullis.SSLEOFError, together, (client, client.recv, 1))
            # An attacker may have cut it, whether that is tolerated or not.
            assert client.facts.is_truncated() and not server.facts.is_truncated()


@check
def a_password_is_text_bytes_or_a_function(server):
    asked = []

    def password():
        asked.append(1)
        return b"secret"

    context = portcullis.Context()
    # The function is not called for a key that needs no password.
    context.load_cert_chain(pki("cert.pem"), pki("key.pem"), password)
    context.load_cert_chain(pki("cert.pem"), pki("key.pem"), bytearray(b"unused"))
    assert not asked
    refusal(TypeError, context.load_cert_chain, pki("cert.pem"), pki("key.pem"), 5)
    refusal(TypeError, context.load_cert_chain, None)
    refusal(TypeError, context.load_verify_locations)
    refusal(FileNotFoundError, context.load_cert_chain, "no-such-file.pem")
    failure = refusal(portcullis.TLSError, context.load_cert_chain, pki("ca.pem"), pki("key.pem"))
    assert failure.error.value.reason == types.ConfigurationReason.KEY_MISMATCH


@check
def wrap_socket_tells_what_it_takes(server):
    import socket

    context = portcullis.create_default_context()
    for other in (socket.socket, object):
        failure = refusal(TypeError, context.wrap_socket, other(), server_hostname="localhost")
        assert "PlainSocket" in str(failure), failure
    with portcullis.connect(server) as tls:
        refusal(TypeError, context.wrap_socket, tls, server_hostname="localhost")
    refusal(TypeError, portcullis.connect, server, context="no context")
    refusal(TypeError, portcullis.connect, server, context)
    refusal(ValueError, portcullis.connect, server, context=server_context())
