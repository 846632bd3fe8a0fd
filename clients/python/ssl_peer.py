"""Servers for ssl_check.py, on the `ssl` of a native Python: PORT CERT KEY CA.

At PORT it tells the ports of all of them as a line of JSON, and connects to a port that it is told,
as a client with TLS. Each server speaks just as much of its protocol as the check asks for.
"""

import http.server
import json
import socket
import socketserver
import ssl
import sys
import threading

PAGE = b"hello from a page\n"
MESSAGE = b"Subject: hello\r\n\r\nhello from a mailbox\r\n"
PORT, CERT, KEY, CA = int(sys.argv[1]), *sys.argv[2:]
SECONDS = 60


def server_context(*, asks=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERT, KEY)
    context.set_alpn_protocols(["h2", "http/1.1"])
    if asks:
        context.load_verify_locations(CA)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


OF_TLS, ASKS = server_context(), server_context(asks=True)
OF_TLS12 = server_context()
OF_TLS12.maximum_version = ssl.TLSVersion.TLSv1_2


class Lines(socketserver.StreamRequestHandler):
    """Lines of text, in TLS from the start or from `start_tls` on."""

    context, timeout = None, SECONDS

    def setup(self):
        super().setup()
        if self.context is not None:
            self.start_tls(self.context)

    def start_tls(self, context=OF_TLS):
        self.request = self.connection = context.wrap_socket(self.connection, server_side=True)
        super().setup()

    def handle(self):
        try:
            self.talk()
        except OSError:
            pass  # A client that refuses the certificate.

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def lines(self):
        while line := self.rfile.readline():
            yield line.decode().rstrip("\r\n")


class Echo(Lines):
    context = OF_TLS

    def talk(self):
        while plaintext := self.connection.recv(65536):
            self.connection.sendall(plaintext)
        self.connection.unwrap()


class Echo12(Echo):
    context = OF_TLS12


class Mutual(Echo):
    context = ASKS


class Cut(Lines):
    """Ends the connection without close_notify."""

    context = OF_TLS

    def talk(self):
        self.connection.recv(1)
        self.connection.sendall(b"cut")
        # The socket below TLS, which sends nothing more.
        socket.socket(fileno=self.connection.detach()).close()


class Silent(Lines):
    """Never says anything."""

    def talk(self):
        while self.connection.recv(65536):
            pass


class Clear(Lines):
    """Goes on in the clear after TLS."""

    context = OF_TLS

    def talk(self):
        self.say(next(self.lines()))
        clear = self.connection.unwrap()
        clear.sendall(b"in the clear")


class Smtp(Lines):
    def talk(self, greets=True):
        if greets:
            self.say("220 mail.test")
        in_body = False
        for line in self.lines():
            word = line.upper()
            if in_body:
                in_body = line != "."
                if not in_body:
                    self.say("250 taken")
            elif word.startswith("EHLO"):
                self.say("250-mail.test\r\n250 STARTTLS")
            elif word == "STARTTLS":
                self.say("220 go on")
                self.start_tls()
                return self.talk(greets=False)
            elif word == "DATA":
                in_body = True
                self.say("354 go on")
            else:
                self.say("221 bye" if word == "QUIT" else "250 ok")


class Smtps(Smtp):
    context = OF_TLS


class Imap(Lines):
    def talk(self, greets=True):
        if greets:
            self.say("* OK ready")
        for line in self.lines():
            tag, word = line.split()[:2]
            word = word.upper()
            if word == "CAPABILITY":
                self.say("* CAPABILITY IMAP4REV1 STARTTLS")
            elif word == "SELECT":
                self.say("* 1 EXISTS")
            elif word == "FETCH":
                self.wfile.write(b"* 1 FETCH (RFC822 {%d}\r\n" % len(MESSAGE) + MESSAGE + b")\r\n")
            elif word == "LOGOUT":
                self.say("* BYE")
            self.say(f"{tag} OK done")
            if word == "STARTTLS":
                self.start_tls()
                return self.talk(greets=False)


class Imaps(Imap):
    context = OF_TLS


class Pop(Lines):
    def talk(self, greets=True):
        if greets:
            self.say("+OK ready")
        for line in self.lines():
            word = line.split()[0].upper()
            if word == "CAPA":
                self.say("+OK\r\nSTLS\r\n.")
            elif word == "RETR":
                self.wfile.write(b"+OK\r\n" + MESSAGE + b".\r\n")
            else:
                self.say("+OK 1 40")
            if word == "STLS":
                self.start_tls()
                return self.talk(greets=False)


class Ftp(Lines):
    def talk(self, greets=True):
        if greets:
            self.say("220 ready")
        for line in self.lines():
            word, _, rest = line.partition(" ")
            if word == "PASV":
                self.passive = socket.create_server(("127.0.0.1", 0))
                port = self.passive.getsockname()[1]
                self.say(f"227 Passive (127,0,0,1,{port >> 8},{port & 255})")
            elif word == "RETR":
                self.say("150 here it comes")
                connection, _ = self.passive.accept()
                with OF_TLS.wrap_socket(connection, server_side=True) as transfer:
                    transfer.sendall(PAGE * 5000)
                    transfer.unwrap()
                self.say("226 done")
            elif word == "AUTH":
                self.say("234 go on")
                self.start_tls()
                return self.talk(greets=False)
            else:
                self.say({"USER": "331 go on", "PASS": "230 in", "QUIT": "221 bye"}.get(word, "200 ok"))


class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(PAGE * 20000 if self.path == "/long" else PAGE)

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class SecurePage(Page):
    def setup(self):
        self.request = OF_TLS.wrap_socket(self.request, server_side=True)
        super().setup()


class Control(Lines):
    timeout = None

    def talk(self):
        self.say(json.dumps(PORTS))
        for line in self.lines():
            port, name = line.split()
            self.say(be_client(int(port), name))


def be_client(port, name):
    """Ask a server of the check for a page, by this name; what has come of it, in a line."""
    context = ssl.create_default_context(cafile=CA)
    try:
        with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
            with context.wrap_socket(connection, server_hostname=name) as tls:
                tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
                page = tls.makefile("rb").read()
                version = tls.version()
                tls.unwrap()
                return version + page.rpartition(b"\r")[2].decode().replace("\n", " ")
    except ssl.SSLError as failure:
        return f"failed {failure.reason}"
    except OSError as failure:
        return repr(failure)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads, request_queue_size, allow_reuse_address = True, 64, True

    def handle_error(self, *_):
        # A client that does not trust the certificate ends the handshake.
        pass


SERVERS = {
    "clear": Clear,
    "cut": Cut,
    "echo": Echo,
    "echo12": Echo12,
    "ftp": Ftp,
    "http": Page,
    "https": SecurePage,
    "imap": Imap,
    "imaps": Imaps,
    "mutual": Mutual,
    "pop": Pop,
    "silent": Silent,
    "smtp": Smtp,
    "smtps": Smtps,
}
PORTS = {}
for of_server, handler in SERVERS.items():
    server = Server(("127.0.0.1", 0), handler)
    port = PORTS[of_server] = server.server_address[1]
    # The other address is not in the certificate.
    for serving in server, Server(("127.0.0.2", port), handler):
        threading.Thread(target=serving.serve_forever, daemon=True).start()
Server(("127.0.0.1", PORT), Control).serve_forever()
