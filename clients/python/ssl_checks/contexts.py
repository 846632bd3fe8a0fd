"""`SSLContext`, and the rest of the module."""

import os
import ssl

from ssl_checks import PEER, check, file, refusal

# A context may be made where no component is there yet: while a module is imported.
EARLY = ssl.create_default_context()
EARLY.minimum_version = ssl.TLSVersion.TLSv1_3


@check
def a_context_may_be_made_early():
    assert EARLY.verify_mode == ssl.CERT_REQUIRED
    PEER.secure("echo", EARLY).close()
    failure = refusal(ssl.SSLError, PEER.secure, "echo12", EARLY)
    assert "PROTOCOL" in failure.reason, failure


@check
def settings_may_change_after_a_connection():
    context = ssl.create_default_context()
    PEER.secure("echo12", context).close()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    refusal(ssl.SSLError, PEER.secure, "echo12", context)
    with PEER.secure("echo", context) as tls:
        assert tls.version() == "TLSv1.3"
    context.set_ciphers("TLS_AES_128_GCM_SHA256")
    with PEER.secure("echo", context) as tls:
        assert tls.cipher()[0] == "TLS_AES_128_GCM_SHA256"
    refusal(ssl.SSLError, ssl.create_default_context().set_ciphers, "NOSUCH")


@check
def what_is_weaker_is_refused():
    context = ssl.create_default_context()
    refusal(ValueError, setattr, context, "maximum_version", ssl.TLSVersion.TLSv1_1)
    refusal(NotImplementedError, setattr, context, "hostname_checks_common_name", True)
    refusal(NotImplementedError, setattr, context, "post_handshake_auth", True)
    refusal(ValueError, ssl.SSLContext, ssl.PROTOCOL_TLSv1)
    # A lower floor opens nothing.
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.options &= ~ssl.OP_NO_TLSv1
    PEER.secure("echo", context).close()


@check
def files_that_do_not_do_are_told():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    refusal(FileNotFoundError, context.load_cert_chain, "nowhere.pem")
    refusal(FileNotFoundError, context.load_verify_locations, "nowhere.pem")
    failure = refusal(ssl.SSLError, context.load_cert_chain, file("ca.pem"), file("key.pem"))
    assert failure.reason == "KEY_VALUES_MISMATCH", failure
    context.load_cert_chain(file("cert.pem"), file("key.pem"))
    with open(file("ca.pem")) as opened:
        context.load_verify_locations(cadata=opened.read())
    assert context.cert_store_stats()["x509_ca"] == 1 and context.get_ca_certs()[0]["subject"]
    refusal(ssl.SSLError, context.load_verify_locations, cadata=b"no certificate")


@check
def keys_are_logged_where_it_is_said():
    context = ssl.create_default_context()
    path = file("keys.log")
    try:
        context.keylog_filename = path
    except OSError:
        # The host shows the folder to be read alone, which is told at once.
        assert context.keylog_filename is None
        return
    PEER.secure("echo", context).close()
    with open(path) as log:
        assert "CLIENT_TRAFFIC_SECRET_0" in log.read()
    os.remove(path)


@check
def the_module_says_what_it_is():
    assert "Portcullis" in ssl.OPENSSL_VERSION and ssl.HAS_TLSv1_3 and not ssl.HAS_TLSv1
    assert len(ssl.RAND_bytes(16)) == 16 and ssl.RAND_status()
    assert ssl.get_default_verify_paths().cafile == os.environ["SSL_CERT_FILE"]
    assert ssl.Purpose.SERVER_AUTH.oid == "1.3.6.1.5.5.7.3.1"
