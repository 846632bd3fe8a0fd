/**
 * What a client says first, as values.
 *
 * @module
 */

import { dispose } from './engine.js';

/**
 * What a client has said. Nothing of it is verified. Numbers are those of IANA's registries, in the
 * order in which they were sent, those that stand for nothing (GREASE) included.
 * @typedef {object} Hello
 * @property {string | undefined} serverName The server's name in SNI.
 * @property {string[]} alpn The application protocols that are offered.
 * @property {number} legacyVersion The version in the head, which is 0x0303 for TLS 1.3 too.
 * @property {number[]} versions The versions that are offered: 0x0304 is TLS 1.3. Empty if the
 *   client lists none: then `legacyVersion` is the highest.
 * @property {number[]} cipherSuites The cipher suites that are offered.
 * @property {number[]} groups The key exchange groups that are offered.
 * @property {number[]} signatureSchemes The signature schemes that are offered.
 * @property {number[]} extensions The types of all extensions.
 */

/** A `client-hello` as values; it is freed. @param {object} hello @returns {Hello} */
export function helloOf(hello) {
  try {
    return {
      serverName: hello.serverName(),
      alpn: hello.alpn(),
      legacyVersion: hello.legacyVersion(),
      versions: [...hello.versions()],
      cipherSuites: [...hello.cipherSuites()],
      groups: [...hello.groups()],
      signatureSchemes: [...hello.signatureSchemes()],
      extensions: [...hello.extensions()],
    };
  } finally {
    dispose(hello);
  }
}
