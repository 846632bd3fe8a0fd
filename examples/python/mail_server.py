"""A mail server to try things with: PORT CERT KEY; it demands STARTTLS and keeps nothing.

It prints `listening`, then each message that it gets as one line of JSON. For Python itself, not
for a component; it needs aiosmtpd.
"""

import json
import signal
import ssl
import sys

from aiosmtpd.controller import Controller


class Printer:
    """What aiosmtpd hands messages to."""

    async def handle_DATA(self, server, session, envelope):
        """Print the message."""
        message = {
            "tls": session.ssl is not None,
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "content": envelope.content.decode(errors="replace"),
        }
        print(json.dumps(message), flush=True)
        return "250 printed"


def main(port, chain, key):
    """Serve until killed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    controller = Controller(
        Printer(), hostname="127.0.0.1", port=int(port), tls_context=context, require_starttls=True
    )
    controller.start()
    print("listening", flush=True)
    signal.pause()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: mail_server.py PORT CERT KEY")
    main(*sys.argv[1:])
