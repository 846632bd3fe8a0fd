/**
 * Fetches a page over HTTPS in Node, through the component that `jco transpile` made a module of:
 * `node node.mjs HOST PORT PATH`. With `SSL_CERT_FILE` it trusts the certificates of that file in
 * place of the web roots.
 */

import { readFileSync } from 'node:fs';

import { monotonicClock } from '@bytecodealliance/preview2-shim/clocks';
import { poll } from '@bytecodealliance/preview2-shim/io';

import { context, listener, port, types } from './build/portcullis/portcullis.js';
import { portcullis, TlsError } from '../../clients/javascript/portcullis.js';

const tls = portcullis({ context, listener, port, types, monotonicClock, poll });

async function fetchPage(host, port, path) {
  const file = process.env.SSL_CERT_FILE;
  const connection = await tls.connect({ host, port, ca: file && readFileSync(file) });
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
