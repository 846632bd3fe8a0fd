"""The result of verification, where a connection goes on in spite of it."""

import portcullis
from checks import assign, check, pair, pki, refusal, server_context, together
from checks.trust import STRANGER
from portcullis import types
from wit_world.imports.context import Verify


def deferred(context):
    context.defer_verification()
    return context


def reason(tls):
    """Why a peer's certificate has not passed."""
    failure = tls.verify_result()
    assert isinstance(failure, portcullis.CertificateError) and str(failure)
    return failure.error.value.reason


@check
def a_client_that_defers_verification_is_told_what_it_found(server):
    def met(context, **names):
        with portcullis.connect(server, context=context, **names) as tls:
            # The connection works as any other.
            tls.sendall(b"x")
            assert tls.recv(1) == b"x"
        return tls

    tls = met(deferred(portcullis.create_default_context(cadata=STRANGER)))
    assert reason(tls) == types.CertificateReason.UNKNOWN_AUTHORITY
    failure = tls.verify_result()
    assert failure.verify_code == 20 and "cadata" in str(failure), failure
    # The result is a value, which may also be raised.
    assert refusal(portcullis.SSLCertVerificationError, throw, failure) is failure
    context = deferred(portcullis.create_default_context())
    tls = met(context, server_hostname="wrong.invalid")
    assert reason(tls) == types.CertificateReason.WRONG_NAME
    assert tls.verify_result().error.value.expected_name == "wrong.invalid"
    assert "localhost" in tls.verify_result().error.value.names
    # The same context, and a certificate that passes.
    assert met(context).verify_result() is None
    # A copy of the sealed context defers verification too.
    assert reason(met(context.copy(), server_hostname="wrong.invalid"))
    # For a client, `optional` of the component does the same.
    context = portcullis.create_default_context(cadata=STRANGER)
    context.context.set_verify(Verify.OPTIONAL)
    assert reason(met(context)) == types.CertificateReason.UNKNOWN_AUTHORITY


def throw(failure):
    raise failure


@check
def deferred_verification_ends_with_another_mode(server):
    context = deferred(portcullis.create_default_context(cadata=STRANGER))
    assert context.verify_mode == portcullis.CERT_OPTIONAL and context.check_hostname
    assert context.copy().verify_mode == portcullis.CERT_OPTIONAL
    refusal(ValueError, assign, context, "verify_mode", portcullis.CERT_NONE)
    for mode in (portcullis.CERT_REQUIRED, portcullis.CERT_OPTIONAL):
        strict = context.copy()
        strict.verify_mode = mode
        refusal(portcullis.CertificateError, portcullis.connect, server, context=strict)
    context.context.seal()
    assert isinstance(
        refusal(portcullis.TLSError, context.defer_verification).error, types.Error_Sealed
    )


@check
def before_the_handshake_nothing_is_checked(server):
    with portcullis.connect(server, do_handshake_on_connect=False) as tls:
        assert reason(tls) == types.CertificateReason.NOT_CHECKED
        tls.do_handshake()
        assert tls.verify_result() is None


@check
def a_server_that_defers_verification_is_told_what_it_found(server):
    def met(client, demanding):
        with pair(client, demanding) as (client, server):
            together((client, client.do_handshake), (server, server.do_handshake))
            together((client, client.send, b"x"), (server, server.recv, 1))
        return server

    def demanding(**trusted):
        context = server_context()
        context.load_verify_locations(**trusted)
        return deferred(context)

    known = portcullis.create_default_context()
    known.load_cert_chain(pki("cert.pem"), pki("key.pem"))
    tls = met(known.copy(), demanding(cafile=pki("ca.pem")))
    assert tls.verify_result() is None and tls.getpeercert(True)
    tls = met(known.copy(), demanding(cadata=STRANGER))
    assert reason(tls) == types.CertificateReason.UNKNOWN_AUTHORITY and tls.getpeercert(True)
    tls = met(portcullis.create_default_context(), demanding(cafile=pki("ca.pem")))
    assert reason(tls) == types.CertificateReason.MISSING and tls.getpeercert(True) is None
    # With `CERT_OPTIONAL` a missing certificate is accepted and reported, and one that does not
    # pass is refused.
    optional = demanding(cadata=STRANGER)
    optional.verify_mode = portcullis.CERT_OPTIONAL
    tls = met(portcullis.create_default_context(), optional.copy())
    assert reason(tls) == types.CertificateReason.MISSING
    failure = refusal(OSError, met, known.copy(), optional)
    assert failure.error.value.reason == types.CertificateReason.UNKNOWN_AUTHORITY
    # No certificate is asked for.
    tls = met(known, server_context())
    assert reason(tls) == types.CertificateReason.NOT_CHECKED
