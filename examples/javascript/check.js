/**
 * Checks the wrapper: `check HOST PORT [CERT KEY]`, where a TLS server echoes; see `checkAll`. With
 * `SSL_CERT_FILE` it trusts the certificates of that file in place of the web roots.
 */

import { getArguments, getEnvironment } from 'wasi:cli/environment@0.2.12';
import { getStdout } from 'wasi:cli/stdout@0.2.12';

import { checkAll } from '../../clients/javascript/check.js';
import * as tls from '../../clients/javascript/component.js';
import { portcullis } from '../../clients/javascript/portcullis.js';

function print(line) {
  getStdout().blockingWriteAndFlush(new TextEncoder().encode(`${line}\n`));
}

/** What `wasmtime run` starts; to throw is to fail. */
export const run = {
  async run() {
    const [host, port, cert, key] = getArguments().slice(1);
    const { SSL_CERT_FILE: ca } = Object.fromEntries(getEnvironment());
    const within = (variables) =>
      portcullis({ ...tls.interfaces, environment: () => variables });
    const server = { host, port: Number(port), ca, cert, key, within };
    if (await checkAll(tls, server, print)) throw undefined;
  },
};
