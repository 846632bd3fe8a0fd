/**
 * A certificate taken apart, with the words of Node's `X509Certificate`.
 *
 * @module
 */

import { dispose } from './engine.js';
import { typeError } from './values.js';

/**
 * What a certificate says, as its issuer wrote it: nothing of it is believed because it is here.
 * @typedef {object} Certificate
 * @property {string} subject Whom it was made out to, as text of RFC 4514: `CN=Example,O=Org`.
 * @property {string} issuer Who made it out.
 * @property {string} serialNumber Hexadecimal digits in capitals, as Node writes it.
 * @property {Date} validFromDate The first second that it is valid.
 * @property {Date} validToDate The last one.
 * @property {string[]} dnsNames The DNS names that it is for; escaped, as the other names are.
 * @property {string[]} ipAddresses The IP addresses that it is for.
 * @property {string[]} emailAddresses The mail addresses that it is for.
 * @property {string[]} uris The URIs that it is for.
 * @property {boolean} ca Whether it says that it is an authority's.
 * @property {string} fingerprint256 The SHA-256 of it, as Node writes it: `AB:CD`, in capitals.
 * @property {string} publicKeyFingerprint256 The SHA-256 of its key, which the option `pins` takes.
 * @property {Uint8Array} raw The whole as DER.
 */

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
const date = (seconds) => new Date(Number(seconds) * 1000);

/** The digits of a number in two's complement, whole bytes of them. */
function digits(bytes) {
  const number = BigInt.asIntN(bytes.length * 8, BigInt(`0x${hex(bytes) || 0}`));
  const text = (number < 0n ? -number : number).toString(16).toUpperCase();
  return (number < 0n ? '-' : '') + (text.length % 2 ? `0${text}` : text);
}

/**
 * Returns the function that takes a certificate apart, from DER.
 * @param {object} [bindings] the interface `certificate`
 * @param {(operation: () => T) => T} call makes an error of the component's a TlsError
 * @returns {(der: Uint8Array) => Certificate}
 */
export function parser(bindings, call) {
  return (der) => {
    if (!bindings) throw typeError('portcullis() needs certificate, an object of its bindings');
    const parsed = call(() => bindings.Certificate.parse(der));
    try {
      return {
        subject: parsed.subject(),
        issuer: parsed.issuer(),
        serialNumber: digits(parsed.serialNumber()),
        validFromDate: date(parsed.notBefore()),
        validToDate: date(parsed.notAfter()),
        dnsNames: parsed.dnsNames(),
        ipAddresses: parsed.ipAddresses(),
        emailAddresses: parsed.emailAddresses(),
        uris: parsed.uris(),
        ca: parsed.isAuthority(),
        fingerprint256: hex(parsed.fingerprint()).toUpperCase().match(/../g).join(':'),
        publicKeyFingerprint256: hex(parsed.publicKeyFingerprint()),
        raw: der,
      };
    } finally {
      dispose(parsed);
    }
  };
}
