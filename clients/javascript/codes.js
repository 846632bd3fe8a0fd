/**
 * The names that Node and OpenSSL have for the failures of `portcullis:tls`. Each table has every
 * member of its set in `wit/types.wit`, and undefined where neither has a name.
 *
 * @module
 */

/** Of `certificate-reason`: what Node's `tls` puts into `code` and into `authorizationError`. */
export const CERTIFICATE = {
  'bad-encoding': undefined,
  'bad-signature': 'CERT_SIGNATURE_FAILURE',
  expired: 'CERT_HAS_EXPIRED',
  missing: 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE',
  'not-checked': undefined,
  'not-yet-valid': 'CERT_NOT_YET_VALID',
  'pin-mismatch': undefined,
  'raw-key-untrusted': 'RPK_UNTRUSTED',
  'rejected-by-caller': 'APPLICATION_VERIFICATION',
  'revocation-list-bad': 'CRL_SIGNATURE_FAILURE',
  'revocation-list-expired': 'CRL_HAS_EXPIRED',
  'revocation-unknown': 'UNABLE_TO_GET_CRL',
  revoked: 'CERT_REVOKED',
  'staple-bad': 'OCSP_VERIFY_FAILED',
  'staple-missing': 'OCSP_VERIFY_NEEDED',
  'too-costly': undefined,
  'transparency-missing': 'NO_VALID_SCTS',
  'unhandled-extension': 'UNHANDLED_CRITICAL_EXTENSION',
  'unknown-authority': 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'unsupported-algorithm': 'UNSUPPORTED_SIGNATURE_ALGORITHM',
  'wrong-name': 'ERR_TLS_CERT_ALTNAME_INVALID',
  'wrong-policy': 'NO_EXPLICIT_POLICY',
  'wrong-purpose': 'INVALID_PURPOSE',
  other: 'UNSPECIFIED',
};

/** Of `protocol-reason`. */
export const PROTOCOL = {
  'bad-compression': 'ERR_SSL_BAD_DECOMPRESSION',
  'bad-record': 'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC',
  'certificate-unsolicited': 'ERR_SSL_UNEXPECTED_MESSAGE',
  downgrade: 'ERR_SSL_INAPPROPRIATE_FALLBACK',
  'ech-rejected': undefined,
  'illegal-parameter': undefined,
  malformed: 'ERR_SSL_LENGTH_MISMATCH',
  'missing-extension': undefined,
  'no-application-protocol': 'ERR_SSL_NO_APPLICATION_PROTOCOL',
  'no-common-parameters': 'ERR_SSL_NO_SHARED_CIPHER',
  'no-common-version': 'ERR_SSL_UNSUPPORTED_PROTOCOL',
  'not-tls': 'ERR_SSL_WRONG_VERSION_NUMBER',
  'plain-http': 'ERR_SSL_HTTP_REQUEST',
  'too-large': 'ERR_SSL_EXCESSIVE_MESSAGE_SIZE',
  'unexpected-message': 'ERR_SSL_UNEXPECTED_MESSAGE',
  'unknown-psk-identity': 'ERR_SSL_PSK_IDENTITY_NOT_FOUND',
  'unrecognized-name': undefined,
  'unsolicited-extension': 'ERR_SSL_UNSOLICITED_EXTENSION',
  other: undefined,
};

/** Of `network-code`: what Node's `net` and `dns` put into `code`. */
export const NETWORK = {
  'access-denied': 'EACCES',
  'address-in-use': 'EADDRINUSE',
  'address-not-bindable': 'EADDRNOTAVAIL',
  'connection-aborted': 'ECONNABORTED',
  'connection-broken': 'EPIPE',
  'connection-refused': 'ECONNREFUSED',
  'connection-reset': 'ECONNRESET',
  'name-unresolvable': 'ENOTFOUND',
  'new-socket-limit': 'EMFILE',
  'not-supported': 'ENOTSUP',
  'out-of-memory': 'ENOMEM',
  'permanent-resolver-failure': 'EAI_FAIL',
  'remote-unreachable': 'EHOSTUNREACH',
  'temporary-resolver-failure': 'EAI_AGAIN',
  'timed-out': 'ETIMEDOUT',
  other: undefined,
};

/** Of `configuration-reason`: what `tls.createSecureContext` and `fs` put into `code`. */
export const CONFIGURATION = {
  'access-denied': 'EACCES',
  'bad-signature': undefined,
  conflict: undefined,
  duplicate: undefined,
  empty: undefined,
  encrypted: 'ERR_OSSL_UNSUPPORTED',
  expired: undefined,
  'key-mismatch': 'ERR_OSSL_X509_KEY_VALUES_MISMATCH',
  malformed: undefined,
  missing: undefined,
  'no-certificate': 'ERR_OSSL_PEM_NO_START_LINE',
  'no-cipher-match': 'ERR_SSL_NO_CIPHER_MATCH',
  'no-private-key': 'ERR_OSSL_UNSUPPORTED',
  'no-usable-group': 'ERR_SSL_NO_SUITABLE_GROUPS',
  'not-yet-valid': undefined,
  'not-found': 'ENOENT',
  unreadable: undefined,
  unsupported: 'ERR_OSSL_UNSUPPORTED',
  'unsupported-key-type': 'ERR_OSSL_UNSUPPORTED',
  'unsupported-security-level': undefined,
  'passphrase-missing': 'ERR_MISSING_PASSPHRASE',
  'passphrase-wrong': 'ERR_OSSL_BAD_DECRYPT',
  'too-costly': undefined,
  'unknown-authority': undefined,
  'unknown-name': 'ERR_CRYPTO_OPERATION_FAILED',
  other: undefined,
};

/** Of `timer`. */
export const TIMEOUT = {
  connect: 'ETIMEDOUT',
  handshake: 'ERR_TLS_HANDSHAKE_TIMEOUT',
  read: 'ETIMEDOUT',
  shutdown: 'ETIMEDOUT',
  write: 'ETIMEDOUT',
  resolve: 'EAI_AGAIN',
  idle: 'ETIMEDOUT',
  accept: 'ETIMEDOUT',
};

/** Of the peer's alert, by its number. OpenSSL names those of SSL 3.0 by that version. */
const ALERT = {
  10: 'SSLV3_ALERT_UNEXPECTED_MESSAGE',
  20: 'SSLV3_ALERT_BAD_RECORD_MAC',
  21: 'TLSV1_ALERT_DECRYPTION_FAILED',
  22: 'TLSV1_ALERT_RECORD_OVERFLOW',
  30: 'SSLV3_ALERT_DECOMPRESSION_FAILURE',
  40: 'SSLV3_ALERT_HANDSHAKE_FAILURE',
  41: 'SSLV3_ALERT_NO_CERTIFICATE',
  42: 'SSLV3_ALERT_BAD_CERTIFICATE',
  43: 'SSLV3_ALERT_UNSUPPORTED_CERTIFICATE',
  44: 'SSLV3_ALERT_CERTIFICATE_REVOKED',
  45: 'SSLV3_ALERT_CERTIFICATE_EXPIRED',
  46: 'SSLV3_ALERT_CERTIFICATE_UNKNOWN',
  47: 'SSLV3_ALERT_ILLEGAL_PARAMETER',
  48: 'TLSV1_ALERT_UNKNOWN_CA',
  49: 'TLSV1_ALERT_ACCESS_DENIED',
  50: 'TLSV1_ALERT_DECODE_ERROR',
  51: 'TLSV1_ALERT_DECRYPT_ERROR',
  60: 'TLSV1_ALERT_EXPORT_RESTRICTION',
  70: 'TLSV1_ALERT_PROTOCOL_VERSION',
  71: 'TLSV1_ALERT_INSUFFICIENT_SECURITY',
  80: 'TLSV1_ALERT_INTERNAL_ERROR',
  86: 'TLSV1_ALERT_INAPPROPRIATE_FALLBACK',
  90: 'TLSV1_ALERT_USER_CANCELLED',
  100: 'TLSV1_ALERT_NO_RENEGOTIATION',
  109: 'TLSV13_ALERT_MISSING_EXTENSION',
  110: 'TLSV1_UNSUPPORTED_EXTENSION',
  111: 'TLSV1_CERTIFICATE_UNOBTAINABLE',
  112: 'TLSV1_UNRECOGNIZED_NAME',
  113: 'TLSV1_BAD_CERTIFICATE_STATUS_RESPONSE',
  114: 'TLSV1_BAD_CERTIFICATE_HASH_VALUE',
  115: 'TLSV1_ALERT_UNKNOWN_PSK_IDENTITY',
  116: 'TLSV13_ALERT_CERTIFICATE_REQUIRED',
  120: 'TLSV1_ALERT_NO_APPLICATION_PROTOCOL',
};

const alert = (number) => ALERT[number] && `ERR_SSL_${ALERT[number]}`;

/** Of `error`: a name, or a function that finds it by the value that the case holds. */
export const ERROR = {
  'want-read': undefined,
  'want-write': undefined,
  'want-connect': undefined,
  'want-accept': undefined,
  'want-x509-lookup': undefined,
  'want-context': undefined,
  'want-signature': undefined,
  'want-verification': undefined,
  closed: 'ERR_SOCKET_CLOSED',
  truncated: 'ERR_SSL_UNEXPECTED_EOF_WHILE_READING',
  timeout: (timer) => TIMEOUT[timer],
  certificate: ({ reason }) => CERTIFICATE[reason],
  'alert-received': alert,
  protocol: ({ reason }) => PROTOCOL[reason],
  network: ({ code }) => NETWORK[code],
  'invalid-configuration': ({ reason }) => CONFIGURATION[reason],
  'unsupported-protocol': 'ERR_TLS_INVALID_PROTOCOL_METHOD',
  'invalid-argument': 'ERR_INVALID_ARG_VALUE',
  sealed: undefined,
  'not-supported': undefined,
  'early-data-rejected': undefined,
  other: undefined,
};

/**
 * The name of an error, if there is one.
 * @param {{ tag: string, val?: unknown }} error a `types.error` @returns {string | undefined}
 */
export function nodeCode({ tag, val }) {
  const found = ERROR[tag];
  return typeof found === 'function' ? found(val) : found;
}
