/**
 * Fetches a page over HTTPS: `https-client HOST PORT PATH`. With `SSL_CERT_FILE` or `SSL_CERT_DIR`
 * it trusts the certificates that they name in place of the web roots, as the wrapper does.
 */

import { getArguments } from 'wasi:cli/environment@0.2.12';
import { getStderr } from 'wasi:cli/stderr@0.2.12';
import { getStdout } from 'wasi:cli/stdout@0.2.12';

import { connect } from '../../clients/javascript/component.js';

async function fetchPage(host, port, path) {
  const connection = await connect({ host, port });
  await connection.write(`GET ${path} HTTP/1.0\r\nHost: ${host}\r\n\r\n`);
  const stdout = getStdout();
  for await (const plaintext of connection) {
    print(stdout, plaintext);
  }
  await connection.close();
}

/** Writes all; WASI takes 4096 bytes a call. */
function print(stream, bytes) {
  for (let from = 0; from < bytes.length; from += 4096) {
    stream.blockingWriteAndFlush(bytes.subarray(from, from + 4096));
  }
}

const complain = (line) => print(getStderr(), new TextEncoder().encode(`${line}\n`));

/** What `wasmtime run` starts; to throw is to fail. */
export const run = {
  async run() {
    const [host, port, path] = getArguments().slice(1);
    if (path === undefined) {
      complain('usage: https-client HOST PORT PATH');
      throw undefined;
    }
    try {
      await fetchPage(host, Number(port), path);
    } catch (error) {
      complain(`https://${host}:${port}${path}: ${error.message}`);
      throw undefined;
    }
  },
};
