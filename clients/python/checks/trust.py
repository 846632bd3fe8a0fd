"""Who is trusted, and what a refusal says."""

import portcullis
from checks import check, environment, pki, refusal
from portcullis import types

# Self-signed; nobody has its key.
STRANGER = """
-----BEGIN CERTIFICATE-----
MIIBrDCCAVGgAwIBAgIUROfu7YuhvZLartobOYgQDjyYB50wCgYIKoZIzj0EAwIw
KzEpMCcGA1UEAwwgQW4gYXV0aG9yaXR5IHRoYXQgc2lnbmVkIG5vdGhpbmcwHhcN
MjYxMTI0MTk1NjE5WhcNMzYxMTIxMTk1NjE5WjArMSkwJwYDVQQDDCBBbiBhdXRo
b3JpdHkgdGhhdCBzaWduZWQgbm90aGluZzBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABNfjTU1lcfgpw5ckp28rsPoki8ovmyInCZUZ/prwLq6UoAo310QQarop2mVT
jdMfMWSDMmZ568kKxlvQI+xGKtujUzBRMB0GA1UdDgQWBBTM1XJ3RlZ7KyJiXBL9
sHCIjoxCZzAfBgNVHSMEGDAWgBTM1XJ3RlZ7KyJiXBL9sHCIjoxCZzAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQD9KaZ6Fti0754CuRaUKpT94Daz
Ury+7KYWNqulb0NxggIhANh6IEn+O0YetkFGr6tWz6u8QJRs0V+IzuHd01rSskrw
-----END CERTIFICATE-----
"""


@check
def a_strange_authority_is_refused(server):
    context = portcullis.create_default_context(cadata=STRANGER)
    failure = refusal(portcullis.CertificateError, portcullis.connect, server, context=context)
    assert failure.error.value.reason == types.CertificateReason.UNKNOWN_AUTHORITY
    assert "authority" in str(failure), failure


@check
def a_wrong_name_is_refused(server):
    wrong = {"server_hostname": "wrong.invalid"}
    failure = refusal(portcullis.CertificateError, portcullis.connect, server, **wrong)
    assert failure.error.value.reason == types.CertificateReason.WRONG_NAME
    assert "wrong.invalid" in str(failure), failure


@check
def what_cannot_be_loaded_is_told(server):
    context = portcullis.Context()
    failure = refusal(portcullis.TLSError, context.load_verify_locations, "no-such-file.pem")
    assert failure.error.value.reason == types.ConfigurationReason.NOT_FOUND
    assert "no-such-file.pem" in str(failure), failure
    bare, here = portcullis.Context(server_side=True), ("127.0.0.1", 0)
    failure = refusal(portcullis.TLSError, portcullis.create_server, here, context=bare)
    assert failure.error.value.item == types.ConfigurationItem.CERTIFICATE_CHAIN


@check
def a_refusal_has_what_ssl_has(server):
    context = portcullis.create_default_context(cadata=STRANGER)
    failure = refusal(
        portcullis.SSLCertVerificationError, portcullis.connect, server, context=context
    )
    assert isinstance(failure, portcullis.SSLError) and isinstance(failure, ValueError)
    assert failure.reason == "CERTIFICATE_VERIFY_FAILED" and failure.verify_code == 20
    assert failure.verify_message == str(failure) and failure.errno == 1


@check
def a_refusal_says_who_is_trusted(server):
    def told(context=None):
        kind, connect = portcullis.CertificateError, portcullis.connect
        return str(refusal(kind, connect, server, context=context))

    assert "cadata" in told(portcullis.create_default_context(cadata=STRANGER))
    with environment(SSL_CERT_FILE=None, SSL_CERT_DIR=None):
        assert "the web roots that are built in" in told()
    # Trust that leads to no refusal here: what a refusal would say.
    ours = pki("ca.pem")
    assert ours in portcullis.create_default_context(cafile=ours)._searched()
    with environment(SSL_CERT_FILE=ours, SSL_CERT_DIR="no-such"):
        said = portcullis.create_default_context()._searched()
    assert f"SSL_CERT_FILE={ours}, SSL_CERT_DIR=no-such (not there)" in said, said


@check
def the_environment_names_directories(server):
    own = pki("")
    with environment(SSL_CERT_FILE=None, SSL_CERT_DIR=f"{own}no-such:{own}:"):
        portcullis.connect(server).close()
        context = portcullis.Context(portcullis.PROTOCOL_TLS_CLIENT)
        context.load_default_certs()
        portcullis.connect(server, context=context).close()
    # A file that is not there is harmless beside a directory that is.
    with environment(SSL_CERT_FILE=f"{own}no-such.pem", SSL_CERT_DIR=own):
        portcullis.connect(server).close()
    with environment(SSL_CERT_FILE=None, SSL_CERT_DIR=f"{own}no-such"):
        failure = refusal(portcullis.TLSError, portcullis.connect, server)
        assert failure.error.value.item == types.ConfigurationItem.TRUST_ROOTS
        assert f"SSL_CERT_DIR={own}no-such (not there)" in str(failure), failure
    with environment(SSL_CERT_FILE=f"{own}no-such.pem", SSL_CERT_DIR=None):
        failure = refusal(FileNotFoundError, portcullis.connect, server)
        assert f"SSL_CERT_FILE={own}no-such.pem (not there)" in str(failure), failure
    # Empty variables count as unset: the web roots are used, which do not know this server.
    with environment(SSL_CERT_FILE="", SSL_CERT_DIR=":"):
        assert "web roots" in str(refusal(portcullis.CertificateError, portcullis.connect, server))


@check
def what_is_no_certificate_is_told_with_its_variable(server):
    with environment(SSL_CERT_FILE=pki("key.pem"), SSL_CERT_DIR=None):
        failure = refusal(portcullis.TLSError, portcullis.create_default_context)
        assert failure.error.value.reason == types.ConfigurationReason.NO_CERTIFICATE
        assert "named by SSL_CERT_FILE" in str(failure), failure


@check
def contents_are_in_no_text(server):
    with open(pki("key.pem")) as file:
        key = file.read()
    with open(pki("cert.pem")) as file:
        chain = file.read()
    body = key.splitlines()[1]
    context = portcullis.create_default_context()
    pem = "PEM text where a path belongs; pass bytes"
    refused = [
        (pem, context.load_cert_chain, pki("cert.pem"), key),
        (pem, context.load_cert_chain, chain, pki("key.pem")),
        (pem, context.load_cert_chain, chain + key),
        (pem, context.load_verify_locations, chain),
        (pem, context.load_verify_locations, None, chain),
        (pem, context.load_cert_chain, pki("cert.pem"), "".join(key.splitlines())),
        (pem, context.load_cert_chain, pki("cert.pem"), "\n".join(key.splitlines()[1:-1])),
        (pem, context.load_cert_chain, pki("cert.pem"), "".join(key.splitlines()[1:-1])),
        ("characters", context.load_cert_chain, pki("cert.pem"), "/" + body * 100),
        ("", context.load_cert_chain, pki("cert.pem"), pki("key.pem"), b"\xff secret"),
        ("", context.load_cert_chain, pki("cert.pem"), pki("key.pem"), "\ud800 secret"),
        ("", context.load_verify_locations, None, None, key),
        ("", context.load_verify_locations, None, None, key.encode()),
    ]
    for text, function, *arguments in refused:
        failure = refusal((ValueError, OSError), function, *arguments)
        told = f"{failure} {failure!r} {failure.__context__!r} {failure.__cause__!r}"
        assert text in told and body not in told and "secret" not in told, told
        assert "BEGIN" not in told, told
    with environment(SSL_CERT_FILE=chain):
        assert pem in str(refusal(ValueError, portcullis.create_default_context))
    # The same contents as bytes are accepted.
    context.load_cert_chain(chain.encode(), key.encode())
    context.load_verify_locations(cafile=chain.encode())
    assert body not in repr(context) + repr(vars(portcullis.TLSError))


@check
def names_in_other_scripts_are_sent_in_ascii(server):
    for name, ascii_name in {
        "bücher.invalid": "xn--bcher-kva.invalid",
        "BÜCHER\u3002invalid": "xn--bcher-kva.invalid",
        # Not `fass.invalid`, which is another name.
        "faß.invalid": "xn--fa-hia.invalid",
        "βόλος.invalid": "xn--nxasmm1c.invalid",
    }.items():
        kind, other = portcullis.CertificateError, {"server_hostname": name}
        failure = refusal(kind, portcullis.connect, server, **other)
        assert failure.error.value.expected_name == ascii_name, failure
    for name in ("a\u200db.invalid", "ß ß.invalid", "ü" * 70 + ".invalid", "ü..invalid"):
        refusal((OSError, ValueError), portcullis.connect, server, server_hostname=name)


@check
def other_names_are_verified_by_one_context(server):
    context = portcullis.create_default_context()
    for _ in range(2):
        tls = portcullis.connect(
            ("127.0.0.1", server[1]), context=context, server_hostname="localhost"
        )
        assert tls.verify_result() is None and tls.server_hostname == "localhost"
        tls.close()
        wrong = {"context": context, "server_hostname": "wrong.invalid"}
        refusal(portcullis.CertificateError, portcullis.connect, server, **wrong)
    for empty in ("", ".localhost"):
        refusal(ValueError, portcullis.connect, server, server_hostname=empty)
    refusal(TypeError, portcullis.connect, server, server_hostname=5)
