"""The standard library's own protocols over a connection, and its files.

The server echoes, so a connection that sends the server's lines in place of the client's gets them
back, by TLS both ways.
"""

import email.message
import email.policy
import email.utils
import encodings.latin_1  # What is not imported is not in a component.
import ftplib
import http.client
import http.server
import imaplib
import io
import poplib
import smtplib
import urllib.error
import urllib.request
from socket import SHUT_WR

import portcullis
from checks import check, receive, refusal


class Scripted(portcullis.TLSSocket):
    """A connection that sends one of the server's lines in place of each thing to send."""

    def sendall(self, plaintext, flags=0):
        self.sent.append(bytes(plaintext))
        if self.lines:
            # IMAP's lines begin with the tag of the command.
            tag = bytes(plaintext).partition(b" ")[0]
            super().sendall(self.lines.pop(0).replace(b"TAG", tag))


def scripted(server, *lines, greeting=b""):
    tls = portcullis.connect(server, timeout=30)
    tls.sendall(greeting)
    # Programs do this that want a method of their own.
    tls.__class__ = Scripted
    tls.sent, tls.lines = [], list(lines)
    return tls


@check
def http_client_keeps_a_connection(server):
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nworld\r\n0\r\n\r\n"
    connection = http.client.HTTPConnection("localhost")
    connection.sock = tls = scripted(server, answer, chunked, b"", answer)
    for body in (b"hello", b"world"):
        connection.request("GET", "/")
        assert connection.getresponse().read() == body
    connection.request("POST", "/", body=io.BytesIO(b"posted"), headers={"Content-Length": "6"})
    assert connection.getresponse().read() == b"hello"
    connection.close()
    assert tls.sent[0].startswith(b"GET / HTTP/1.1") and b"posted" in tls.sent


@check
def urllib_fetches(server):
    moved = b"HTTP/1.1 302 Found\r\nLocation: https://localhost/b\r\nContent-Length: 0\r\n\r\n"
    missing = b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"
    found = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\npage"
    answers = [moved, found, missing]

    class Connection(http.client.HTTPConnection):
        def connect(self):
            self.sock = scripted(server, answers.pop(0))

    class Handler(urllib.request.AbstractHTTPHandler):
        def https_open(self, request):
            return self.do_open(Connection, request)

        https_request = urllib.request.AbstractHTTPHandler.do_request_

    opener = urllib.request.build_opener(Handler)
    with opener.open("https://localhost/a", timeout=30) as response:
        assert response.read() == b"page" and response.url.endswith("/b")
    failure = refusal(urllib.error.HTTPError, opener.open, "https://localhost/c")
    assert failure.code == 404 and failure.read() == b"no"


@check
def http_server_answers(server):
    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = 30

        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"served")

        def log_message(self, *_):
            pass

    tls = portcullis.connect(server)
    tls.sendall(b"GET /path HTTP/1.0\r\n\r\n")
    Handler(tls, ("localhost", 1), None)
    tls.shutdown(SHUT_WR)
    assert tls.makefile("rb").read().endswith(b"served")
    tls.close()


@check
def mail_is_fetched_and_sent(server):
    fetched = b"* 1 FETCH (RFC822 {100000}\r\n" + b"x" * 100_000 + b")\r\nTAG OK done\r\n"
    lines = [
        b"* CAPABILITY IMAP4REV1\r\nTAG OK done\r\n",
        b"* 3 EXISTS\r\nTAG OK done\r\n",
        fetched,
        b"* BYE\r\nTAG OK done\r\n",
    ]

    class Imap(imaplib.IMAP4):
        def _create_socket(self, timeout):
            return scripted(server, *lines, greeting=b"* PREAUTH IMAP4rev1 ready\r\n")

    imap = Imap("localhost")
    assert imap.select()[1] == [b"3"]
    assert len(imap.fetch("1", "(RFC822)")[1][0][1]) == 100_000
    imap.logout()

    class Pop(poplib.POP3):
        def _create_socket(self, timeout):
            return scripted(
                server,
                b"+OK 2 300\r\n",
                b"+OK\r\nline\r\n.\r\n",
                b"+OK bye\r\n",
                greeting=b"+OK hi\r\n",
            )

    pop = Pop("localhost")
    assert pop.stat() == (2, 300) and pop.retr(1)[1] == [b"line"]
    pop.quit()

    class Smtp(smtplib.SMTP):
        def _get_socket(self, host, port, timeout):
            ok = [b"250 ok\r\n"] * 3
            self.tls = scripted(
                server,
                *ok,
                b"354 go\r\n",
                b"250 got it\r\n",
                b"221 bye\r\n",
                greeting=b"220 hi\r\n",
            )
            return self.tls

    message = email.message.EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.com", "b@example.com", "Hi"
    message.set_content("Hello\n" * 1000)
    with Smtp("localhost", 465, local_hostname="localhost") as smtp:
        smtp.send_message(message)
        assert any(b"Hello" in sent for sent in smtp.tls.sent)


@check
def ftplib_asks_for_the_address(server):
    ftp = ftplib.FTP()
    ftp.sock = scripted(
        server, b"227 Entering (10,0,0,1,4,1)\r\n", b"221 bye\r\n", greeting=b"220 hi\r\n"
    )
    ftp.af = ftp.sock.family
    ftp.file = ftp.sock.makefile("r", encoding=ftp.encoding)
    ftp.welcome = ftp.getresp()
    assert ftp.makepasv() == (server[0].replace("localhost", "127.0.0.1"), 1025)
    ftp.quit()


@check
def files_have_all_modes(server):
    with portcullis.connect(server) as tls:
        for mode, options in {
            "rwb": {},
            "wb": {"buffering": 10},
            "w": {"encoding": "latin-1"},
            "rw": {"errors": "strict", "newline": ""},
            "b": {},
            "": {},
        }.items():
            file = tls.makefile(mode, **options)
            assert repr(file) and not file.closed
            if "w" in mode:
                file.write(b"line\n" if "b" in mode else "line\n")
                file.flush()
                line = file.readline() if "r" in mode else receive(tls, 5)
                assert line in (b"line\n", "line\n")
            refusal(OSError, file.fileno)
            file.close()
            file.close()
        refusal(ValueError, tls.makefile, "a")
        refusal(ValueError, tls.makefile, "r", 0)
        raw = tls.makefile("rb", 0)
        tls.sendall(b"unbuffered")
        buffer = bytearray(2)
        assert raw.readinto(buffer) == 2 and buffer == b"un" and raw.read(8) == b"buffered"
        raw.close()


@check
def a_file_that_ran_into_a_timeout_says_so_again(server):
    with portcullis.connect(server, timeout=0.05) as tls:
        file = tls.makefile("rb")
        refusal(TimeoutError, file.read, 1)
        tls.settimeout(30)
        tls.sendall(b"x")
        # As with `socket`, since the file may have lost half of a line.
        assert "timed out object" in str(refusal(OSError, file.read, 1))
        assert tls.recv(1) == b"x"
