"""What certificates say, in the dictionaries of `ssl`; the component verifies them."""

import binascii
import ipaddress
import re

from . import _constants as numbers
from ._errors import failed

# OpenSSL's numbers and names of objects: number, short name, long name.
_OBJECTS = {
    "1.2.840.113549.1.9.1": (48, "emailAddress", "emailAddress"),
    "1.3.6.1.4.1.311.60.2.1.1": (955, "jurisdictionL", "jurisdictionLocalityName"),
    "1.3.6.1.4.1.311.60.2.1.2": (956, "jurisdictionST", "jurisdictionStateOrProvinceName"),
    "1.3.6.1.4.1.311.60.2.1.3": (957, "jurisdictionC", "jurisdictionCountryName"),
    "1.3.6.1.5.5.7.3.1": (129, "serverAuth", "TLS Web Server Authentication"),
    "1.3.6.1.5.5.7.3.2": (130, "clientAuth", "TLS Web Client Authentication"),
    "1.3.6.1.5.5.7.3.3": (131, "codeSigning", "Code Signing"),
    "1.3.6.1.5.5.7.3.4": (132, "emailProtection", "E-mail Protection"),
    "1.3.6.1.5.5.7.3.8": (133, "timeStamping", "Time Stamping"),
    "1.3.6.1.5.5.7.3.9": (180, "OCSPSigning", "OCSP Signing"),
    "0.9.2342.19200300.100.1.1": (458, "UID", "userId"),
    "0.9.2342.19200300.100.1.25": (391, "DC", "domainComponent"),
    "2.5.4.3": (13, "CN", "commonName"),
    "2.5.4.4": (100, "SN", "surname"),
    "2.5.4.5": (105, "serialNumber", "serialNumber"),
    "2.5.4.6": (14, "C", "countryName"),
    "2.5.4.7": (15, "L", "localityName"),
    "2.5.4.8": (16, "ST", "stateOrProvinceName"),
    "2.5.4.9": (660, "street", "streetAddress"),
    "2.5.4.10": (17, "O", "organizationName"),
    "2.5.4.11": (18, "OU", "organizationalUnitName"),
    "2.5.4.12": (106, "title", "title"),
    "2.5.4.13": (107, "description", "description"),
    "2.5.4.15": (860, "businessCategory", "businessCategory"),
    "2.5.4.17": (661, "postalCode", "postalCode"),
    "2.5.4.41": (173, "name", "name"),
    "2.5.4.42": (99, "GN", "givenName"),
    "2.5.4.43": (101, "initials", "initials"),
    "2.5.4.44": (509, "generationQualifier", "generationQualifier"),
    "2.5.4.46": (174, "dnQualifier", "dnQualifier"),
    "2.5.4.65": (510, "pseudonym", "pseudonym"),
    "2.5.4.97": (1089, "organizationIdentifier", "organizationIdentifier"),
}
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_PEM = re.compile(
    rb"-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE|X509 CRL)-----(.*?)-----END \1-----", re.DOTALL
)
_ENCODINGS = {0x14: "latin-1", 0x1C: "utf-32-be", 0x1E: "utf-16-be"}
_OCSP, _ISSUERS = "1.3.6.1.5.5.7.48.1", "1.3.6.1.5.5.7.48.2"


def txt2obj(txt, name=False):
    """Number, short name, long name and OID of an object, by its OID, or also by its names."""
    for oid, (number, *names) in _OBJECTS.items():
        if txt == oid or name and txt in names:
            return number, *names, oid
    raise ValueError(f"unknown object '{txt[:100]}'")


def nid2obj(nid):
    """The same by OpenSSL's number."""
    if nid < 0:
        raise ValueError("NID must be positive")
    for oid, (number, *names) in _OBJECTS.items():
        if number == nid:
            return number, *names, oid
    raise ValueError(f"unknown NID {nid}")


def in_pem(text):
    """The certificates in PEM and the revocation lists, each as DER."""
    found, lists = [], []
    for label, body in _PEM.findall(text):
        try:
            der = binascii.a2b_base64(body)
        except binascii.Error:
            text = "PEM lib: bad base64 decode"
            raise failed("BAD_BASE64_DECODE", text, library="PEM") from None
        if label == b"TRUSTED CERTIFICATE":
            # What OpenSSL adds stands behind the certificate.
            der = der[: _Element(der).end]
        (lists if label == b"X509 CRL" else found).append(der)
    return found, lists


def in_der(contents):
    """The certificates in DER, one behind the other."""
    found = []
    while contents:
        try:
            end = _Element(contents).end
            decode(contents[:end])
        except (IndexError, ValueError):
            text = "not enough data: cadata does not contain a certificate"
            raise failed("NOT_ENOUGH_DATA", text, library="ASN1") from None
        found.append(contents[:end])
        contents = contents[end:]
    return found


def decode(der):
    """What a certificate says. Raises ValueError or IndexError where it cannot be read."""
    fields = next(iter(_Element(der))).parts()
    version = int.from_bytes(next(iter(fields.pop(0))).value) if fields[0].tag == 0xA0 else 0
    number = int.from_bytes(fields[0].value, "big", signed=True)
    digits = f"{abs(number):X}"
    begin, end = fields[3]
    said = {
        "subject": _name(fields[4]),
        "issuer": _name(fields[2]),
        "version": version + 1,
        "serialNumber": "-" * (number < 0) + "0" * (len(digits) % 2) + digits,
        "notBefore": _moment(begin),
        "notAfter": _moment(end),
    }
    extensions = dict(_extensions(fields))
    if "2.5.29.17" in extensions:
        names = tuple(_general_name(name) for name in _Element(extensions["2.5.29.17"]))
        said |= {"subjectAltName": names} if names else {}
    access = list(_access(extensions))
    found = {
        "OCSP": tuple(uri for method, uri in access if method == _OCSP),
        "caIssuers": tuple(uri for method, uri in access if method == _ISSUERS),
        "crlDistributionPoints": tuple(_distribution_points(extensions)),
    }
    return said | {key: uris for key, uris in found.items() if uris}


def is_authority(der):
    """Whether it says that it is an authority's, or is too old to say (version 1)."""
    fields = next(iter(_Element(der))).parts()
    if fields[0].tag != 0xA0:
        return True
    constraints = dict(_extensions(fields)).get("2.5.29.19")
    if constraints is None:
        return False
    return any(part.tag == 0x01 and part.value != b"\0" for part in _Element(constraints))


class Certificate:
    """A certificate of the peer's."""

    __module__ = "_ssl"

    def __new__(cls, *_, **__):
        raise TypeError("cannot create '_ssl.Certificate' instances")

    @classmethod
    def _of(cls, der):
        made = object.__new__(cls)
        made._der = der
        return made

    def public_bytes(self, format=numbers.ENCODING_PEM):
        """The certificate as PEM text or as DER."""
        if format == numbers.ENCODING_DER:
            return self._der
        if format == numbers.ENCODING_PEM:
            body = binascii.b2a_base64(self._der, newline=False).decode()
            lines = [body[at : at + 64] for at in range(0, len(body), 64)]
            return "\n".join(
                ["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""]
            )
        raise ValueError("Unsupported format")

    def get_info(self):
        """What it says."""
        return decode(self._der)

    def __eq__(self, other):
        return self._der == other._der if isinstance(other, Certificate) else NotImplemented

    def __hash__(self):
        return hash(self._der)

    def __repr__(self):
        return f"<_ssl.Certificate {self.get_info()['subject']}>"


class _Element:
    """A value of DER at the beginning of the bytes: its tag, its contents and where it ends."""

    def __init__(self, contents):
        self.tag, length, start = contents[0], contents[1], 2
        if length & 0x80:
            start += length & 0x7F
            length = int.from_bytes(contents[2:start], "big")
        self.end = start + length
        self.value = bytes(contents[start : self.end])
        if len(self.value) != length:
            raise ValueError("DER that is cut short")

    def __iter__(self):
        """What it is made of."""
        rest = self.value
        while rest:
            part = _Element(rest)
            yield part
            rest = rest[part.end :]

    def parts(self):
        return list(self)


def _oid(value):
    arcs, arc = [], 0
    for byte in value:
        arc = arc << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def _text(element):
    encoding = _ENCODINGS.get(element.tag, "utf-8")
    return element.value.decode(encoding, errors="backslashreplace")


def _name(element):
    """The parts of a name, and of each part what it consists of."""
    return tuple(tuple(_attribute(*attribute) for attribute in part) for part in element)


def _attribute(kind, value):
    oid = _oid(kind.value)
    return _OBJECTS[oid][2] if oid in _OBJECTS else oid, _text(value)


def _moment(element):
    digits = element.value.decode("ascii")
    if element.tag == 0x17:
        # RFC 5280 section 4.1.2.5.1
        digits = ("20" if digits < "50" else "19") + digits
    year, month, day = digits[:4], int(digits[4:6]), int(digits[6:8])
    clock = f"{digits[8:10]}:{digits[10:12]}:{digits[12:14]}"
    return f"{_MONTHS[month - 1]} {day:2} {clock} {year} GMT"


def _extensions(fields):
    for field in fields:
        if field.tag == 0xA3:
            for oid, *_, value in next(iter(field)):
                yield _oid(oid.value), value.value


def _general_name(name):
    kinds = {0x81: "email", 0x82: "DNS", 0x86: "URI"}
    if name.tag in kinds:
        return kinds[name.tag], name.value.decode(errors="backslashreplace")
    if name.tag == 0xA4:
        return "DirName", _name(next(iter(name)))
    if name.tag == 0x87:
        return "IP Address", _address(name.value)
    if name.tag == 0x88:
        return "Registered ID", _oid(name.value)
    others = {0xA0: "othername", 0xA3: "X400Name", 0xA5: "EdiPartyName"}
    return others.get(name.tag, "othername"), "<unsupported>"


def _address(value):
    if len(value) == 4:
        return str(ipaddress.IPv4Address(value))
    if len(value) == 16:
        return ":".join(f"{int.from_bytes(value[at : at + 2]):X}" for at in range(0, 16, 2))
    return "<invalid>"


def _access(extensions):
    """The URIs of the issuer's services, each after its method."""
    if value := extensions.get("1.3.6.1.5.5.7.1.1"):
        for method, location in _Element(value):
            if location.tag == 0x86:
                yield _oid(method.value), _text(location)


def _distribution_points(extensions):
    if value := extensions.get("2.5.29.31"):
        for point in _Element(value):
            for names in (whole for part in point if part.tag == 0xA0 for whole in part):
                yield from (_text(name) for name in names if name.tag == 0x86)
