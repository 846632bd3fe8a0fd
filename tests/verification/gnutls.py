"""What GnuTLS says of the chains in a folder, as a client or server of its own would ask it.

Its library is called as it is, for `certtool` takes no time. For each case a line: its number,
`accepted` or `refused`, and why.
"""

import ctypes
import os
import sys

HOSTNAME, PURPOSE = 1, 2
# The profile of the priority string NORMAL: keys of 1024 bits are enough.
FLAGS = 2 << 24
PURPOSES = {"server": b"1.3.6.1.5.5.7.3.1", "client": b"1.3.6.1.5.5.7.3.2"}

gnutls = ctypes.CDLL("libgnutls.so.30")


class Datum(ctypes.Structure):
    _fields_ = [("data", ctypes.c_char_p), ("size", ctypes.c_uint)]


class Typed(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("data", ctypes.c_char_p), ("size", ctypes.c_uint)]


NOW = 0


@ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p)
def clock(_):
    return NOW


gnutls.gnutls_global_set_time_function(clock)
gnutls.gnutls_strerror.restype = ctypes.c_char_p


class Malformed(Exception):
    pass


def certificates(path):
    """The certificates of a file, each as GnuTLS has parsed it."""
    found = []
    with open(path, "rb") as file:
        blocks = file.read().split(b"-----END CERTIFICATE-----\n")[:-1]
    for block in blocks:
        pem = block + b"-----END CERTIFICATE-----\n"
        certificate = ctypes.c_void_p()
        gnutls.gnutls_x509_crt_init(ctypes.byref(certificate))
        datum = Datum(pem, len(pem))
        result = gnutls.gnutls_x509_crt_import(certificate, ctypes.byref(datum), 1)
        if result < 0:
            raise Malformed(gnutls.gnutls_strerror(result).decode())
        found.append(certificate)
    return (ctypes.c_void_p * len(found))(*found)


def verdict(folder, purpose, host):
    roots = certificates(os.path.join(folder, "roots.pem"))
    own = certificates(os.path.join(folder, "own.pem"))
    others = certificates(os.path.join(folder, "others.pem"))
    chain = (ctypes.c_void_p * (len(own) + len(others)))(*own, *others)
    trusted = ctypes.c_void_p()
    gnutls.gnutls_x509_trust_list_init(ctypes.byref(trusted), 0)
    gnutls.gnutls_x509_trust_list_add_cas(trusted, roots, len(roots), 0)
    asked = [Typed(PURPOSE, PURPOSES[purpose], 0)]
    if host:
        asked.append(Typed(HOSTNAME, host.encode(), 0))
    asked = (Typed * len(asked))(*asked)
    status = ctypes.c_uint()
    result = gnutls.gnutls_x509_trust_list_verify_crt2(
        trusted, chain, len(chain), asked, len(asked), FLAGS, ctypes.byref(status), None
    )
    if result < 0:
        raise Malformed(gnutls.gnutls_strerror(result).decode())
    if status.value == 0:
        return "accepted", ""
    text = Datum()
    gnutls.gnutls_certificate_verification_status_print(status, 1, ctypes.byref(text), 0)
    return "refused", text.data.decode()


def main(folder):
    global NOW
    with open(os.path.join(folder, "cases.tsv"), encoding="utf-8") as cases:
        for line in cases:
            number, _, purpose, host, time = line.rstrip("\n").split("\t")[:5]
            NOW = int(time)
            try:
                found, why = verdict(os.path.join(folder, number), purpose, host)
            except Malformed as malformed:
                found, why = "refused", str(malformed)
            print(number, found, " ".join(why.split()), sep="\t")


main(sys.argv[1])
