/**
 * Fetches a page over HTTPS in Node: `node fetch.js HOST PORT PATH`. With `SSL_CERT_FILE` or
 * `SSL_CERT_DIR` it trusts the certificates that they name in place of the web roots.
 */

import { connect, TlsError } from './node.js';

const [host, port, path] = process.argv.slice(2);
if (path === undefined) {
  console.error('usage: node fetch.js HOST PORT PATH');
  process.exit(2);
}
try {
  const connection = await connect({ host, port: Number(port) });
  await connection.write(`GET ${path} HTTP/1.0\r\nHost: ${host}\r\n\r\n`);
  for await (const plaintext of connection) {
    process.stdout.write(plaintext);
  }
  await connection.close();
} catch (error) {
  if (!(error instanceof TlsError)) throw error;
  console.error(`https://${host}:${port}${path}: ${error.message}`);
  process.exitCode = 1;
}
