/**
 * Fetches a page over HTTPS in Node, through the component that `jco transpile` made a module of:
 * `node node.mjs HOST PORT PATH`. With `SSL_CERT_FILE` or `SSL_CERT_DIR` it trusts the certificates
 * that they name in place of the web roots, as the wrapper does.
 */

import { monotonicClock } from '@bytecodealliance/preview2-shim/clocks';
import { poll, streams } from '@bytecodealliance/preview2-shim/io';

import { context, errors, listener, port } from './build/portcullis/portcullis.js';
import { portcullis, TlsError } from '../../clients/javascript/portcullis.js';

const tls = portcullis({ context, errors, listener, port, monotonicClock, poll, streams });

async function fetchPage(host, port, path) {
  const connection = await tls.connect({ host, port });
  await connection.write(`GET ${path} HTTP/1.0\r\nHost: ${host}\r\n\r\n`);
  for await (const plaintext of connection) {
    process.stdout.write(plaintext);
  }
  await connection.close();
}

const [host, number, path] = process.argv.slice(2);
if (path === undefined) {
  console.error('usage: node node.mjs HOST PORT PATH');
  process.exit(2);
}
try {
  await fetchPage(host, Number(number), path);
} catch (error) {
  if (!(error instanceof TlsError)) throw error;
  console.error(`https://${host}:${number}${path}: ${error.message}`);
  process.exitCode = 1;
}
