"""Packages of PyPI, written in Python alone."""

import os
import socket
import ssl
import warnings

with warnings.catch_warnings():
    # It tells that this is not OpenSSL.
    warnings.simplefilter("ignore")
    # It tries IPv6 by a socket while it is imported, which is when the program is built: the component
    # would keep a handle of the network that is gone.
    socket.has_ipv6 = False
    import urllib3

    socket.has_ipv6 = urllib3.util.connection.HAS_IPV6 = True
import httpcore  # What httpx imports late.
import httpx
import requests
import requests.adapters

from ssl_checks import (
    OTHER,
    PAGE,
    PEER,
    SECONDS,
    UNTRUSTED,
    WRONG_ADDRESS,
    check,
    refusal,
    refused,
    stranger,
)


def by_urllib3(host="localhost", context=None):
    with urllib3.PoolManager(ssl_context=context, retries=False, timeout=SECONDS) as pool:
        response = pool.request("GET", PEER.url(host=host))
        assert response.status == 200 and response.data == PAGE
        assert pool.request("POST", PEER.url(host=host), body=b"posted").data == b"posted"


@check
def urllib3_fetches_a_page():
    by_urllib3()
    by_urllib3(context=ssl.create_default_context())


@check
def urllib3_is_refused():
    # It compares names itself where `ssl` is not OpenSSL's.
    failure = refusal(urllib3.exceptions.SSLError, by_urllib3, OTHER)
    assert f"hostname '{OTHER}' doesn't match" in str(failure)
    refusal(urllib3.exceptions.SSLError, by_urllib3, context=stranger())
    refused(UNTRUSTED, by_urllib3, context=stranger())


@check
def requests_fetches_a_page():
    # The roots of certifi are a file, which is not in a component.
    response = requests.get(PEER.url(), verify=os.environ["SSL_CERT_FILE"], timeout=SECONDS)
    assert response.status_code == 200 and response.content == PAGE
    with requests.Session() as session:
        session.verify = os.environ["SSL_CERT_FILE"]
        for _ in range(2):
            assert session.post(PEER.url(), data=b"posted").content == b"posted"


class Webs(requests.adapters.HTTPAdapter):
    """The web's authorities that are built in, in the place of a file."""

    def init_poolmanager(self, *arguments, **settings):
        super().init_poolmanager(*arguments, ssl_context=stranger(), **settings)

    def cert_verify(self, connection, *_):
        connection.cert_reqs = "CERT_REQUIRED"


@check
def requests_is_refused():
    trusted = os.environ["SSL_CERT_FILE"]
    url = PEER.url(host=OTHER)
    failure = refusal(requests.exceptions.SSLError, requests.get, url, verify=trusted)
    assert f"hostname '{OTHER}' doesn't match" in str(failure)
    with requests.Session() as session:
        session.mount("https://", Webs())
        refusal(requests.exceptions.SSLError, session.get, PEER.url())
        refused(UNTRUSTED, session.get, PEER.url())


def by_httpx(host="localhost", context=True):
    with httpx.Client(verify=context, timeout=SECONDS) as client:
        response = client.get(PEER.url(host=host))
        assert response.status_code == 200 and response.content == PAGE


@check
def httpx_fetches_a_page():
    by_httpx(context=ssl.create_default_context())
    by_httpx()


@check
def httpx_is_refused():
    refusal(httpx.ConnectError, by_httpx, OTHER)
    refused(WRONG_ADDRESS, by_httpx, OTHER)
    refused(UNTRUSTED, by_httpx, context=stranger())
