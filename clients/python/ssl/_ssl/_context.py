"""`_SSLContext`: settings as `ssl` has them, and the contexts of the component that they come to.

A context of the component is sealed by its first connection, one of `ssl` can be changed for ever. So
the settings are kept here, and each connection of a client has a context of its own, with what was
loaded once in common. That also makes it so that a session is resumed only where it is handed over.

Nothing here calls the component before it has to: a module may make a context while it is imported,
which is when the program is built, and no component is there.
"""

import operator
import os
import warnings

from wit_world.imports import context as _wit

from . import _certificate, _connection, _constants as numbers, _wire
from ._errors import SSLError, failed, failure, unverified
from portcullis import _Handle, _passphrase, _reason, _try, types

_CLIENT, _SERVER = types.Role.CLIENT, types.Role.SERVER
_12, _13 = numbers.PROTO_TLSv1_2, numbers.PROTO_TLSv1_3
_LOWEST, _HIGHEST = numbers.PROTO_MINIMUM_SUPPORTED, numbers.PROTO_MAXIMUM_SUPPORTED
_VERSIONS = {_12: types.Version.TLS12, _13: types.Version.TLS13}
_OBSOLETE = {
    numbers.PROTO_SSLv3: "SSLv3",
    numbers.PROTO_TLSv1: "TLSv1",
    numbers.PROTO_TLSv1_1: "TLSv1_1",
}
_OLD_PROTOCOLS = {
    numbers.PROTOCOL_TLS: "PROTOCOL_TLS",
    numbers.PROTOCOL_TLSv1_2: "PROTOCOL_TLSv1_2",
}
_OLD_OPTIONS = (
    numbers.OP_NO_SSLv3
    | numbers.OP_NO_TLSv1
    | numbers.OP_NO_TLSv1_1
    | numbers.OP_NO_TLSv1_2
    | numbers.OP_NO_TLSv1_3
)
_ROLES = {
    numbers.PROTOCOL_TLS: (_CLIENT, _SERVER),
    numbers.PROTOCOL_TLSv1_2: (_CLIENT, _SERVER),
    numbers.PROTOCOL_TLS_CLIENT: (_CLIENT,),
    numbers.PROTOCOL_TLS_SERVER: (_SERVER,),
}
_CURVES = {
    "prime256v1": "secp256r1",
    "p-256": "secp256r1",
    "p-384": "secp384r1",
    "secp256r1": "secp256r1",
    "secp384r1": "secp384r1",
    "x25519": "x25519",
}
_LONGEST_PASSWORD = 1024
_COUNTED = (
    *("number", "connect", "connect_good", "connect_renegotiate"),
    *("accept", "accept_good", "accept_renegotiate"),
    *("hits", "misses", "timeouts", "cache_full"),
)
_DEFAULT_OPTIONS = (
    numbers.OP_ALL
    | numbers.OP_NO_SSLv3
    | numbers.OP_NO_COMPRESSION
    | numbers.OP_CIPHER_SERVER_PREFERENCE
    | numbers.OP_ENABLE_MIDDLEBOX_COMPAT
)


class _SSLContext:
    """How connections are to be made."""

    __module__ = "_ssl"

    def __new__(cls, protocol, /):
        protocol = operator.index(protocol)
        if protocol not in _ROLES:
            raise ValueError(f"invalid or unsupported protocol version {protocol}")
        if protocol in _OLD_PROTOCOLS:
            _deprecated(f"ssl.{_OLD_PROTOCOLS[protocol]} is deprecated")
        self = super().__new__(cls)
        self._protocol, self._roles = protocol, _ROLES[protocol]
        is_client = protocol == numbers.PROTOCOL_TLS_CLIENT
        self._hostname = is_client
        self._mode = numbers.CERT_REQUIRED if is_client else numbers.CERT_NONE
        self._flags, self._options = numbers.VERIFY_X509_TRUSTED_FIRST, _DEFAULT_OPTIONS
        self._name_flags = numbers.HOSTFLAG_NEVER_CHECK_SUBJECT
        self._lowest, self._highest = _12, _HIGHEST
        if protocol == numbers.PROTOCOL_TLSv1_2:
            self._highest = _12
        self._ciphers = self._groups = self._sni = self._keys_file = self._key_log = None
        self._alpn, self._tickets = [], 2
        # What was loaded, as functions that load it into a context of the component.
        self._identity, self._roots, self._lists = None, [], []
        self._trusted, self._places, self._wants_default = [], [], False
        self._web_roots = 0
        self._drafts, self._made = {}, {}
        self._stats = dict.fromkeys(_COUNTED, 0)
        return self

    # Settings

    @property
    def protocol(self):
        return self._protocol

    @property
    def verify_mode(self):
        return self._mode

    @verify_mode.setter
    def verify_mode(self, mode):
        mode = operator.index(mode)
        if mode not in (numbers.CERT_NONE, numbers.CERT_OPTIONAL, numbers.CERT_REQUIRED):
            raise ValueError("invalid value for verify_mode")
        if mode == numbers.CERT_NONE and self._hostname:
            raise ValueError("Cannot set verify_mode to CERT_NONE when check_hostname is enabled.")
        self._set("_mode", mode)

    @property
    def check_hostname(self):
        return self._hostname

    @check_hostname.setter
    def check_hostname(self, check):
        check = bool(check)
        if check and self._mode == numbers.CERT_NONE:
            self._set("_mode", numbers.CERT_REQUIRED)
        self._set("_hostname", check)

    @property
    def _host_flags(self):
        return self._name_flags

    @_host_flags.setter
    def _host_flags(self, flags):
        if not operator.index(flags) & numbers.HOSTFLAG_NEVER_CHECK_SUBJECT:
            raise NotImplementedError(
                "a common name is no host name here: the certificate needs a subjectAltName"
            )
        self._name_flags = flags

    @property
    def verify_flags(self):
        return self._flags

    @verify_flags.setter
    def verify_flags(self, flags):
        self._set("_flags", operator.index(flags))

    @property
    def options(self):
        return self._options

    @options.setter
    def options(self, options):
        options = operator.index(options)
        if not 0 <= options < 1 << 64:
            raise OverflowError("options are a number of 64 bits without a sign")
        if options & ~self._options & _OLD_OPTIONS:
            _deprecated("ssl.OP_NO_SSL*/ssl.OP_NO_TLS* options are deprecated")
        self._set("_options", options)

    @property
    def minimum_version(self):
        return self._lowest

    @minimum_version.setter
    def minimum_version(self, version):
        version = self._version(version)
        # A lower floor permits nothing more than TLS 1.2.
        self._set("_lowest", _13 if version == _HIGHEST else version)

    @property
    def maximum_version(self):
        return self._highest

    @maximum_version.setter
    def maximum_version(self, version):
        version = self._version(version)
        if version in _OBSOLETE:
            text = f"Unsupported TLS/SSL version {version:#x}: TLS 1.2 is the oldest here"
            raise ValueError(text)
        self._set("_highest", _12 if version == _LOWEST else version)

    def _version(self, version):
        version = operator.index(version)
        if version not in (_LOWEST, _HIGHEST, *_OBSOLETE, *_VERSIONS):
            raise ValueError(f"Unsupported TLS/SSL version {version:#x}")
        if version in _OBSOLETE:
            _deprecated(f"ssl.TLSVersion.{_OBSOLETE[version]} is deprecated")
        if self._protocol == numbers.PROTOCOL_TLSv1_2:
            raise ValueError(
                "The context's protocol doesn't support modification of highest and lowest version."
            )
        return version

    @property
    def num_tickets(self):
        return self._tickets

    @num_tickets.setter
    def num_tickets(self, number):
        number = operator.index(number)
        if number < 0:
            raise ValueError("value must be non-negative")
        if number > 16:
            raise ValueError("failed to set num tickets: at most 16")
        if self._protocol != numbers.PROTOCOL_TLS_SERVER:
            raise ValueError("SSLContext is not a server context.")
        self._set("_tickets", number)

    @property
    def security_level(self):
        return 2

    @property
    def post_handshake_auth(self):
        """None, as where OpenSSL does not have it: a client shows its certificate at once."""

    @post_handshake_auth.setter
    def post_handshake_auth(self, wanted):
        if wanted:
            raise NotImplementedError("a client shows its certificate in the handshake only")

    @property
    def _msg_callback(self):
        return None

    @_msg_callback.setter
    def _msg_callback(self, function):
        if function is not None:
            raise NotImplementedError("messages of TLS cannot be watched; see keylog_filename")

    @property
    def sni_callback(self):
        return self._sni

    @sni_callback.setter
    def sni_callback(self, function):
        if self._protocol == numbers.PROTOCOL_TLS_CLIENT:
            raise ValueError("sni_callback cannot be set on TLS_CLIENT context")
        if function is not None and not callable(function):
            raise TypeError("not a callable object")
        self._set("_sni", function)

    @property
    def keylog_filename(self):
        return self._keys_file

    @keylog_filename.setter
    def keylog_filename(self, path):
        if path is not None:
            path = os.fspath(path)
            # Now, not in the midst of a handshake, it is seen whether it can be written.
            with open(path, "a") as file:
                if not file.tell():
                    file.write("# TLS secrets log file, generated by Portcullis / Python\n")
        self._set("_keys_file", path)

    def set_ciphers(self, cipherlist, /):
        if not isinstance(cipherlist, str):
            raise TypeError(f"argument must be str, not {type(cipherlist).__name__}")
        with self._draft(self._roles[0]).copy() as probe:
            _load(probe.set_versions, *self._versions())
            _load(probe.set_cipher_list, [cipherlist])
        self._set("_ciphers", cipherlist)

    def get_ciphers(self):
        suites = self._base(self._roles[0]).cipher_suites()
        by_name = {suite[0]: suite for suite in numbers.SUITES.values()}
        return [_described(by_name[name]) for name in suites if name in by_name]

    def set_ecdh_curve(self, name, /):
        if isinstance(name, bytes):
            name = os.fsdecode(name)
        if not isinstance(name, str):
            raise TypeError(f"argument must be str or bytes, not {type(name).__name__}")
        if name.lower() not in _CURVES:
            raise ValueError(f"unknown elliptic curve name '{name}': here are {', '.join(_CURVES)}")
        self._set("_groups", [_CURVES[name.lower()]])

    def _set_alpn_protocols(self, protocols, /):
        rest, names = bytes(protocols), []
        while rest:
            length = rest[0]
            names.append(rest[1 : 1 + length].decode("ascii"))
            rest = rest[1 + length :]
        self._set("_alpn", names)

    def load_dh_params(self, path, /):
        """Nothing, once the file is one: no suite here has finite-field DH."""
        with open(_path(path, "path"), "rb") as file:
            if b"-----BEGIN DH PARAMETERS-----" not in file.read():
                raise failed("NO_START_LINE", "no start line: no DH parameters", library="PEM")

    def set_psk_client_callback(self, callback):
        raise NotImplementedError("there are no pre-shared keys; use certificates")

    def set_psk_server_callback(self, callback, identity_hint=None):
        raise NotImplementedError("there are no pre-shared keys; use certificates")

    # What is loaded

    def load_cert_chain(self, certfile, keyfile=None, password=None):
        if certfile is None:
            raise TypeError("certfile should be a valid filesystem path")
        chain = _path(certfile, "certfile")
        key = chain if keyfile is None else _path(keyfile, "keyfile")
        ask = password if callable(password) else None
        secret = None if ask else _password(password, "password should be a string or callable")
        sources = [_wit.Source_Path(chain), _wit.Source_Path(key)]
        draft = self._draft(self._roles[0])
        _, error = _try(draft.load_identity, *sources, secret)
        if ask and _reason(error) == types.ConfigurationReason.PASSPHRASE_MISSING:
            secret = _password(ask(), "password callback must return a string")
            _, error = _try(draft.load_identity, *sources, secret)
        if error is not None:
            of_key = error.value.item == types.ConfigurationItem.PRIVATE_KEY
            raise failure(error, path=key if of_key else chain)
        self._identity = (*sources, secret)
        for role in self._drafts:
            if role != self._roles[0]:
                _load(self._drafts[role].get()[0].load_identity, *self._identity)
        self._made.clear()

    def load_verify_locations(self, cafile=None, capath=None, cadata=None):
        if cafile is None and capath is None and cadata is None:
            raise TypeError("cafile, capath and cadata cannot be all omitted")
        if cafile is not None:
            cafile = _path(cafile, "cafile")
            with open(cafile, "rb") as file:
                found, lists = _certificate.in_pem(file.read())
            if not found and not lists:
                text = f"no certificate or crl found: {cafile}"
                raise failed("NO_CERTIFICATE_OR_CRL_FOUND", text)
            self._trust(found, lists, cafile)
        if capath is not None:
            self._trust_directory(_path(capath, "capath"))
        if cadata is not None:
            self._trust(*_data(cadata), "what was given as cadata")

    def set_default_verify_paths(self):
        # What they hold is looked for when it is needed: here it may be the build that runs.
        self._wants_default = True
        self._drafts.clear()
        self._made.clear()

    def get_ca_certs(self, binary_form=False):
        self._draft(self._roles[0])
        found = [der for der in self._trusted if _certificate.is_authority(der)]
        return found if binary_form else [_certificate.decode(der) for der in found]

    def cert_store_stats(self):
        self._draft(self._roles[0])
        authorities = sum(map(_certificate.is_authority, self._trusted))
        return {
            "x509": len(self._trusted) + self._web_roots,
            "crl": len(self._lists),
            "x509_ca": authorities + self._web_roots,
        }

    def session_stats(self):
        return dict(self._stats)

    def _trust(self, certificates, lists, place):
        """Trust these; on failure nothing has changed but that some are trusted."""
        draft = self._draft(self._roles[0])
        for der in certificates:
            _load(draft.add_trust_roots, _wit.Source_Bytes(der))
        self._places.append(place)
        new = [der for der in dict.fromkeys(certificates) if der not in self._trusted]
        self._trusted.extend(new)
        self._lists.extend(der for der in dict.fromkeys(lists) if der not in self._lists)
        self._forget()

    def _trust_directory(self, path):
        """Trust what files in a directory hold; one that is not there is passed over."""
        self._places.append(path)
        try:
            names = sorted(os.listdir(path))
        except OSError:
            names = []
        for name in names:
            try:
                with open(os.path.join(path, name), "rb") as file:
                    found, lists = _certificate.in_pem(file.read())
            except (OSError, SSLError):
                continue
            self._roots.extend(found)
            self._lists.extend(der for der in lists if der not in self._lists)
        self._forget()

    def _load_default(self):
        """Trust what the environment names, else the web roots."""
        self._wants_default = False
        file = os.environ.get("SSL_CERT_FILE")
        directories = [path for path in os.environ.get("SSL_CERT_DIR", "").split(":") if path]
        if not file and not directories:
            self._web_roots = 1
            self._places.append("the web roots that are built in")
            return
        if file:
            self._places.append(f"SSL_CERT_FILE={file}")
            try:
                with open(file, "rb") as opened:
                    found, lists = _certificate.in_pem(opened.read())
            except (OSError, SSLError):
                # As OpenSSL does; what is not trusted is refused.
                found, lists = [], []
            self._trusted.extend(der for der in found if der not in self._trusted)
            self._lists.extend(der for der in lists if der not in self._lists)
        for path in directories:
            self._trust_directory(path)

    # What they come to

    def _set(self, name, value):
        setattr(self, name, value)
        self._made.clear()

    def _forget(self):
        """Make anew what is derived of what was loaded."""
        self._drafts.clear()
        self._made.clear()

    def _draft(self, role):
        """A context of the component, with what was loaded and without settings."""
        if self._wants_default:
            self._load_default()
        if role not in self._drafts:
            draft = _wit.Context.unverified(role)
            if self._web_roots:
                self._web_roots = _load(draft.add_web_roots)
            for der in self._trusted:
                _load(draft.add_trust_roots, _wit.Source_Bytes(der))
            for der in self._roots:
                # Of a directory, a file that holds no certificate is passed over.
                _try(draft.add_trust_roots, _wit.Source_Bytes(der))
            if self._identity is not None:
                _load(draft.load_identity, *self._identity)
            self._drafts[role] = _Handle(draft)
        return self._drafts[role].get()[0]

    def _base(self, role):
        """A context of the component with all settings, to be copied."""
        if role not in self._made:
            draft = self._draft(role)
            if self._keys_file is not None:
                # Of the draft, whose copies all have the same log.
                self._key_log = _Handle(_load(draft.log_keys))
            base = draft.copy()
            self._configure(base, role)
            self._made[role] = _Handle(base)
        return self._made[role].get()[0]

    def _configure(self, base, role):
        is_server = role == _SERVER
        verify = {
            numbers.CERT_NONE: _wit.Verify.UNVERIFIED,
            # A client takes it as required.
            numbers.CERT_OPTIONAL: _wit.Verify.OPTIONAL if is_server else _wit.Verify.REQUIRED,
            numbers.CERT_REQUIRED: _wit.Verify.REQUIRED,
        }
        _load(base.set_verify, verify[self._mode])
        if self._flags & numbers.VERIFY_CRL_CHECK_LEAF:
            scope = _wit.RevocationScope.OWN_CERTIFICATE
            if self._flags & numbers.VERIFY_CRL_CHECK_CHAIN == numbers.VERIFY_CRL_CHECK_CHAIN:
                scope = _wit.RevocationScope.CHAIN
            _load(base.set_revocation_check, scope, _wit.UnknownRevocation.REFUSED)
            for der in self._lists:
                _load(base.add_revocation_lists, _wit.Source_Bytes(der))
        _load(base.set_versions, *self._versions())
        if self._ciphers is not None:
            _load(base.set_cipher_list, [self._ciphers])
        if self._groups is not None:
            _load(base.set_groups, self._groups)
        if self._alpn:
            _load(base.set_alpn, self._alpn)
        if self._options & numbers.OP_IGNORE_UNEXPECTED_EOF:
            _load(base.set_truncation, _wit.Truncation.TOLERATED)
        if is_server:
            _load(base.set_alpn_mismatch, _wit.AlpnMismatch.TOLERATED)
            own = self._options & numbers.OP_CIPHER_SERVER_PREFERENCE
            _load(base.set_suite_preference, _SERVER if own else _CLIENT)
            no_tickets = self._options & numbers.OP_NO_TICKET
            _load(base.set_ticket_count, 0 if no_tickets else self._tickets)
        else:
            # For one server, and the sessions of one connection.
            _load(base.set_session_cache, 8)

    def _versions(self):
        left = [
            version
            for version, no in ((_12, numbers.OP_NO_TLSv1_2), (_13, numbers.OP_NO_TLSv1_3))
            if self._lowest <= version and not self._options & no
            if self._highest == _HIGHEST or version <= self._highest
        ]
        if not left:
            raise failed("NO_PROTOCOLS_AVAILABLE", "no version is left: there are TLS 1.2 and 1.3")
        return _VERSIONS[left[0]], _VERSIONS[left[-1]]

    def _for_client(self, name):
        """The context of a connection to the server of this name, and the name to verify."""
        self._refuse_all()
        made = self._base(_CLIENT).copy()
        if self._hostname:
            return made, name
        _load(made.set_verify_name, _wit.VerifyName_Unverified())
        is_sent = name is not None and not _connection.is_address(name)
        sent = _wit.ServerName_Name(name) if is_sent else _wit.ServerName_Off()
        _load(made.set_server_name, sent)
        return made, None

    def _for_server(self, asks):
        """The context of connections of a server; it asks for another one if there is a callback."""
        self._refuse_all()
        if self._identity is None and not asks:
            raise failed("NO_SHARED_CIPHER", "no shared cipher: a server needs load_cert_chain")
        if not asks:
            return self._base(_SERVER)
        if "asks" not in self._made:
            made = self._base(_SERVER).copy()
            _load(made.ask_for_context)
            self._made["asks"] = _Handle(made)
        return self._made["asks"].get()[0]

    def _refuse_all(self):
        """Where nobody can be verified, do not begin."""
        if self._mode == numbers.CERT_NONE:
            return
        self._draft(self._roles[0])
        if not self._trusted and not self._roots and not self._web_roots:
            where = ", ".join(self._places) or "nothing was loaded"
            more = f"no authority is trusted, searched: {where}; call load_default_certs or "
            more += "load_verify_locations"
            raise unverified(20, "unable to get local issuer certificate", more)
        if self._flags & numbers.VERIFY_CRL_CHECK_LEAF and not self._lists:
            more = "verify_flags ask for revocation lists; give some to load_verify_locations"
            raise unverified(3, "unable to get certificate CRL", more)

    def _write_keys(self):
        if self._key_log is None or self._keys_file is None:
            return
        if lines := self._key_log.get()[0].take_lines():
            with open(self._keys_file, "a") as file:
                file.writelines(f"{line}\n" for line in lines)

    def _wrap_socket(self, sock, server_side, server_hostname=None, *, owner=None, session=None):
        wire = _wire.OfSocket(sock)
        return _connection._SSLSocket._of(self, wire, server_side, server_hostname, owner, session)

    def _wrap_bio(
        self, incoming, outgoing, server_side, server_hostname=None, *, owner=None, session=None
    ):
        wire = _wire.OfBuffers(incoming, outgoing)
        return _connection._SSLSocket._of(self, wire, server_side, server_hostname, owner, session)


def _load(function, *arguments):
    result, error = _try(function, *arguments)
    if error is not None:
        raise failure(error)
    return result


def _path(path, what):
    try:
        path = os.fsdecode(os.fspath(path))
    except TypeError:
        raise TypeError(f"{what} should be a valid filesystem path") from None
    if "\0" in path:
        raise ValueError("embedded null character")
    return path


def _password(password, wrong):
    if password is None and "callback" not in wrong:
        return None
    if not isinstance(password, (str, bytes, bytearray)):
        raise TypeError(wrong)
    secret = _passphrase(password)
    if len(secret.encode()) > _LONGEST_PASSWORD:
        raise ValueError(f"password cannot be longer than {_LONGEST_PASSWORD} bytes")
    return secret


def _data(cadata):
    """Certificates and lists of `cadata`: text is PEM, bytes are DER."""
    if isinstance(cadata, str):
        if not cadata.isascii():
            raise TypeError("cadata should be an ASCII string or a bytes-like object")
        if not cadata:
            raise ValueError("Empty certificate data")
        found, lists = _certificate.in_pem(cadata.encode())
        if not found and not lists:
            text = "no start line: cadata does not contain a certificate"
            raise failed("NO_START_LINE", text, library="PEM")
        return found, lists
    try:
        contents = bytes(memoryview(cadata))
    except TypeError:
        raise TypeError("cadata should be an ASCII string or a bytes-like object") from None
    if not contents:
        raise ValueError("Empty certificate data")
    return _certificate.in_der(contents), []


def _deprecated(text):
    # Told of the line that uses `ssl`, which calls this.
    warnings.warn(text, DeprecationWarning, stacklevel=4)


def _described(suite):
    name, number, bits = suite
    is_13 = name.startswith("TLS_")
    symmetric = "chacha20-poly1305" if "CHACHA20" in name else f"aes-{bits}-gcm"
    authentication = "auth-any" if is_13 else f"auth-{name.split('-')[1].lower()}"
    version = "TLSv1.3" if is_13 else "TLSv1.2"
    return {
        "id": 0x3000000 | number,
        "name": name,
        "protocol": version,
        "description": f"{name} {version} Enc={symmetric}({bits}) Mac=AEAD",
        "strength_bits": bits,
        "alg_bits": bits,
        "aead": True,
        "symmetric": symmetric,
        "digest": None,
        "kea": "kx-any" if is_13 else "kx-ecdhe",
        "auth": authentication,
    }
