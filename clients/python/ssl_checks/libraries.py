"""The standard library's own protocols."""

import asyncio
import concurrent.futures.thread
import email.message
import email.policy  # What the library imports late.
import ftplib
import http.client
import imaplib
import poplib
import smtplib
import ssl
import sys
import urllib.error
import urllib.request

from ssl_checks import (
    OTHER,
    PAGE,
    PEER,
    SECONDS,
    UNTRUSTED,
    WRONG_ADDRESS,
    WRONG_NAME,
    check,
    refusal,
    refused,
    stranger,
)


@check
def urllib_request_fetches_a_page():
    with urllib.request.urlopen(PEER.url(), timeout=SECONDS) as response:
        assert response.status == 200 and response.read() == PAGE
    with urllib.request.urlopen(PEER.url("/long"), context=ssl.create_default_context()) as response:
        assert response.read() == PAGE * 20000


@check
def urllib_request_is_refused():
    failure = refusal(urllib.error.URLError, urllib.request.urlopen, PEER.url(host=OTHER))
    assert isinstance(failure.reason, ssl.SSLCertVerificationError)
    assert failure.reason.verify_code == WRONG_ADDRESS, failure.reason.verify_code
    refused(UNTRUSTED, urllib.request.urlopen, PEER.url(), context=stranger())


@check
def http_client_keeps_a_connection():
    connection = http.client.HTTPSConnection("localhost", PEER.port("https"), timeout=SECONDS)
    for body in (b"posted", b"x" * 300_000):
        connection.request("POST", "/", body=body)
        assert connection.getresponse().read() == body
    connection.request("GET", "/")
    assert connection.getresponse().read() == PAGE
    # `http/1.1` is what it asks for.
    assert connection.sock.selected_alpn_protocol() == "http/1.1"
    connection.close()


@check
def http_client_is_refused():
    def fetch(host, context=None):
        http.client.HTTPSConnection(host, PEER.port("https"), context=context).request("GET", "/")

    fetch("localhost")
    refused(WRONG_ADDRESS, fetch, OTHER)
    refused(UNTRUSTED, fetch, "localhost", stranger())


def mail():
    message = email.message.EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@mail.test", "b@mail.test", "Hi"
    message.set_content("Hello\n" * 1000)
    return message


def by_starttls(host="localhost", context=None):
    with smtplib.SMTP(host, PEER.port("smtp"), "me", SECONDS) as smtp:
        smtp.starttls(context=context or ssl.create_default_context())
        assert smtp.send_message(mail()) == {} and smtp.sock.version() == "TLSv1.3"


def by_smtps(host="localhost", context=None):
    context = context or ssl.create_default_context()
    with smtplib.SMTP_SSL(host, PEER.port("smtps"), "me", timeout=SECONDS, context=context) as smtp:
        assert smtp.send_message(mail()) == {}


@check
def smtplib_sends_by_starttls():
    by_starttls()


@check
def smtplib_sends_by_smtps():
    by_smtps()


@check
def smtplib_is_refused():
    for send in by_starttls, by_smtps:
        refused(WRONG_ADDRESS, send, OTHER)
        refused(UNTRUSTED, send, context=stranger())


def from_imap(name, host="localhost", context=None):
    context = context or ssl.create_default_context()
    if name == "imaps":
        imap = imaplib.IMAP4_SSL(host, PEER.port(name), ssl_context=context, timeout=SECONDS)
    else:
        imap = imaplib.IMAP4(host, PEER.port(name), timeout=SECONDS)
        imap.starttls(context)
    imap.login("me", "secret")
    assert imap.select()[1] == [b"1"]
    assert b"hello from a mailbox" in imap.fetch("1", "(RFC822)")[1][0][1]
    imap.logout()


@check
def imaplib_fetches_by_starttls():
    from_imap("imap")


@check
def imaplib_fetches_by_imaps():
    from_imap("imaps")


@check
def imaplib_is_refused():
    for name in "imap", "imaps":
        refused(WRONG_ADDRESS, from_imap, name, OTHER)
        refused(UNTRUSTED, from_imap, name, context=stranger())


def from_pop(host="localhost", context=None):
    pop = poplib.POP3(host, PEER.port("pop"), timeout=SECONDS)
    pop.stls(context or ssl.create_default_context())
    assert b"hello from a mailbox" in pop.retr(1)[1]
    pop.quit()


@check
def poplib_fetches_by_stls():
    from_pop()


@check
def poplib_is_refused():
    refused(WRONG_ADDRESS, from_pop, OTHER)
    refused(UNTRUSTED, from_pop, context=stranger())


def from_ftp(host="localhost", context=None):
    context = context or ssl.create_default_context()
    ftp = ftplib.FTP_TLS(timeout=SECONDS, context=context)
    ftp.connect(host, PEER.port("ftp"))
    ftp.login("me", "secret")
    ftp.prot_p()
    parts = []
    ftp.retrbinary("RETR page", parts.append)
    assert b"".join(parts) == PAGE * 5000
    ftp.quit()


@check
def ftplib_fetches_with_both_connections_secure():
    from_ftp()


@check
def ftplib_is_refused():
    refused(WRONG_ADDRESS, from_ftp, OTHER)
    refused(UNTRUSTED, from_ftp, context=stranger())


async def by_asyncio(name="localhost", context=None, upgrades=False):
    # An address: names are looked up in a thread, and a component has none.
    context = context or ssl.create_default_context()
    settings = {} if upgrades else {"ssl": context, "server_hostname": name}
    address = "127.0.0.1", PEER.port("https")
    reader, writer = await asyncio.open_connection(*address, **settings)
    if upgrades:
        await writer.start_tls(context, server_hostname=name)
    writer.write(b"GET /long HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    page = await reader.read()
    assert page.endswith(PAGE * 20000)
    assert writer.get_extra_info("peercert")["subjectAltName"]
    writer.close()
    await writer.wait_closed()


@check
def asyncio_opens_connections():
    async def several():
        await asyncio.gather(*(by_asyncio() for _ in range(3)))

    asyncio.run(several())
    asyncio.run(by_asyncio(upgrades=True))


@check
def asyncio_is_refused():
    for upgrades in False, True:
        refused(WRONG_NAME, asyncio.run, by_asyncio("other.test", upgrades=upgrades))
        refused(UNTRUSTED, asyncio.run, by_asyncio(context=stranger(), upgrades=upgrades))


@check
def asyncio_looks_no_names_up():
    if sys.platform != "wasi":
        return

    async def by_name():
        await asyncio.open_connection("localhost", PEER.port("https"), ssl=True)

    assert "can't start new thread" in str(refusal(RuntimeError, asyncio.run, by_name()))
