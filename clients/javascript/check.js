/**
 * Checks of the wrapper against a TLS server that echoes, for a component and for Node.
 *
 * @module
 */

import { checkArguments } from './check-arguments.js';
import { equal, patterned as bytes, refused, Report, same, take } from './check-harness.js';
import { checkOverlap } from './check-overlap.js';
import { checkSession } from './check-session.js';

/** What is checked, and against what; `checkAll` sets it. */
let tls, server, check;

/**
 * Prints `ok NAME` or `not ok NAME: why` for each check, and returns how many failed.
 * @param {object} functions what `portcullis()` returns
 * @param {{ host: string, port: number, ca?: string, cert?: string, key?: string,
 *   within?: (environment: object) => object }} options paths; with `ca`, it is also checked that
 *   the server is refused without it, and with `cert` and `key` a listener is checked; `within`
 *   returns the functions for another environment
 * @param {(line: string) => void} print @returns {Promise<number>}
 */
export async function checkAll(functions, { host, port, ca, cert, key, within }, print) {
  const report = new Report(print);
  [tls, server, check] = [functions, { host, port, ca }, report.check];
  await check('connect', async () => (await tls.connect(server)).close());
  if (report.failed === 0) {
    await checkClient();
    await checkStreams();
    await checkErrors();
    await checkArguments(check, tls, server, { cert, key, within });
    await checkSession(check, tls, server, { cert, key });
    if (cert) {
      await checkListener(cert, key);
      await checkOverlap(check, tls, { cert, key });
    }
  }
  return report.failed;
}

async function checkClient() {
  const connection = await tls.connect(server);
  for (const length of [1, 1000, 16_384, 16_385, 1_048_576]) {
    await check(`${length} bytes there and back`, async () => {
      const sent = bytes(length);
      const [taken] = await Promise.all([take(connection, length), connection.write(sent)]);
      same(taken, sent);
    });
  }
  await check('writes keep their order', async () => {
    connection.write('one ');
    connection.write('two');
    equal(new TextDecoder().decode(await take(connection, 7)), 'one two');
  });
  await check('facts', () => {
    equal(connection.version, 'tls13');
    equal(/^TLS_[A-Z0-9_]+$/.test(connection.cipherSuite), true);
    equal(tls.supportedGroups().includes(connection.group), true);
    equal(connection.peerCertificates[0][0], 0x30);
    equal(connection.authorized, true);
    equal(connection.authorizationError, null);
    equal(connection.remoteAddress.port, server.port);
    equal(connection.localAddress.port > 0, true);
    equal(connection.isTruncated, false);
  });
  await check('a race with a timer of the engine is lost by a silent peer', async () => {
    const silent = connection.read().then(() => 'read');
    const timer = new Promise((done) => setTimeout(done, 50, 'timer'));
    equal(await Promise.race([silent, timer]), 'timer');
    await connection.write('x');
    equal(await silent, 'read');
  });
  await check('the end comes after close_notify', async () => {
    await connection.closeOutput();
    equal(await connection.read(), null);
    equal(await connection.read(), null);
    await refused(() => connection.write('late'), 'closed');
  });
  await check('close, twice, keeps the facts', async () => {
    await connection.close();
    await connection.close();
    equal(connection.version, 'tls13');
    await refused(() => connection.read(), 'closed');
  });
}

async function checkStreams() {
  await check('web streams, both ways', async () => {
    const connection = await tls.connect(server);
    const sent = bytes(300_000);
    const writer = connection.writable.getWriter();
    const written = writer.write(sent).then(() => writer.close());
    const parts = [];
    const reader = connection.readable.getReader();
    for (let step; !(step = await reader.read()).done;) parts.push(...step.value);
    await written;
    same(Uint8Array.from(parts), sent);
    await connection.close();
  });
  await check('an async iterator ends', async () => {
    const connection = await tls.connect(server);
    await connection.write('iterate');
    await connection.closeOutput();
    let text = '';
    for await (const plaintext of connection) text += new TextDecoder().decode(plaintext);
    equal(text, 'iterate');
    await connection.close();
  });
  await check('two connections at once, of one context', async () => {
    const { host, port, ca } = server;
    const shared = tls.context('client', { ca, maxVersion: 'tls12' });
    const both = await Promise.all([1, 2].map(() => tls.connect({ host, port, context: shared })));
    await both[0].write('first');
    await both[1].write('other');
    const texts = await Promise.all(both.map((connection) => take(connection, 5)));
    equal(texts.map((text) => new TextDecoder().decode(text)).join(), 'first,other');
    equal(both[0].version, 'tls12');
    await Promise.all(both.map((connection) => connection.close()));
  });
}

async function checkErrors() {
  /** A claim that a connection with these options is refused with this error. */
  const refusedWith = (options, code, reason, nodeCode) => async () => {
    const error = await refused(() => tls.connect({ ...server, ...options }), code, reason);
    equal(error.nodeCode, nodeCode);
  };
  await check('a wrong name is refused', refusedWith(
    { verifyName: 'wrong.invalid' }, 'certificate', 'wrong-name', 'ERR_TLS_CERT_ALTNAME_INVALID'));
  if (server.ca) {
    await check('an unknown authority is refused', refusedWith(
      { ca: [] }, 'certificate', 'unknown-authority', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'));
  }
  await check('unverified goes on, and says so', async () => {
    const connection = await tls.connect({ ...server, ca: [], verify: 'unverified' });
    equal(connection.authorized, false);
    connection.abort();
    equal((await refused(() => connection.write('late'), 'closed')).nodeCode, 'ERR_SOCKET_CLOSED');
  });
  await check('a read timer is told, and is not fatal', async () => {
    const connection = await tls.connect({ ...server, timeouts: { read: 500 } });
    equal((await refused(() => connection.read(), 'timeout')).nodeCode, 'ETIMEDOUT');
    await connection.write('y');
    equal((await take(connection, 1))[0], 121);
    await connection.close();
  });
  await check('a file that is not there is told', refusedWith(
    { ca: 'not/there.pem' }, 'invalid-configuration', 'not-found', 'ENOENT'));
  await check('a server without a certificate is told', () =>
    refused(() => tls.listen({}), 'invalid-configuration', 'missing'));
}

async function checkListener(cert, key) {
  await check('a listener and its client, in one component', async () => {
    const listener = await tls.listen({ cert, key });
    const serve = async () => {
      for await (const connection of listener) {
        await connection.readable.pipeTo(connection.writable);
        await connection.close();
        listener.close();
      }
    };
    const ask = async () => {
      const { ip, port } = listener.address;
      const connection = await tls.connect({ host: ip, port, ca: cert, unverifiedName: true });
      await connection.write('served');
      equal(new TextDecoder().decode(await take(connection, 6)), 'served');
      await connection.closeOutput();
      equal(await connection.read(), null);
      await connection.close();
    };
    await Promise.all([serve(), ask()]);
    await refused(() => listener.accept(), 'closed');
  });
}
