"""Sends a mail over SMTP with STARTTLS: HOST PORT FROM TO SUBJECT, the body on standard input.

It is the standard library's `smtplib.SMTP`; only the two methods that open a connection and secure
it are replaced. With `SSL_CERT_FILE` it trusts the certificates of that file in place of the web
roots.
"""

import email.message
import email.policy  # The standard library imports it when it is too late: see README.md.
import email.utils
import smtplib
import sys

from portcullis_plain import PlainSocket
from wit_world import exports


class SMTP(smtplib.SMTP):
    """`smtplib.SMTP`, in the clear by wasi:sockets, and then made secure by portcullis."""

    def _get_socket(self, host, port, timeout):
        return PlainSocket((host, port), timeout)

    def starttls(self, *, context=None):
        """Change to TLS, verify the server, and forget what it said in the clear (RFC 3207)."""
        self.ehlo_or_helo_if_needed()
        if not self.has_extn("starttls"):
            raise smtplib.SMTPNotSupportedError("the server offers no STARTTLS; nothing was sent")
        code, reply = self.docmd("STARTTLS")
        if code != 220:
            raise smtplib.SMTPResponseException(code, reply)
        self.sock = self.sock.start_tls(self._host, context)
        self.file = None
        self.helo_resp = self.ehlo_resp = None
        self.esmtp_features = {}
        self.does_esmtp = False
        return code, reply


def main(arguments):
    """Send the mail that the arguments describe."""
    if len(arguments) != 5 or not arguments[1].isdecimal():
        sys.exit("usage: send_mail HOST PORT FROM TO SUBJECT < BODY")
    host, port, sender, recipient, subject = arguments
    mail = email.message.EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, recipient, subject
    mail["Date"] = email.utils.formatdate()
    mail.set_content(sys.stdin.read())
    try:
        with SMTP(host, int(port), local_hostname="localhost", timeout=60) as server:
            server.starttls()
            server.send_message(mail)
    except (OSError, smtplib.SMTPException) as failure:
        sys.exit(f"smtp://{host}:{port}: {failure}")


class Run(exports.Run):
    """What `wasmtime run` and `portcullis run` start."""

    def run(self):
        main(sys.argv[1:])
