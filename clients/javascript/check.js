/**
 * Checks of the wrapper against a TLS server that echoes, for a component and for Node.
 *
 * @module
 */

import { TlsError } from './portcullis.js';

/** What is checked, and against what; `checkAll` sets it. */
let tls, server, print;
let failed = 0;

/**
 * Prints `ok NAME` or `not ok NAME: why` for each check, and returns how many failed.
 * @param {object} functions what `portcullis()` returns
 * @param {{ host: string, port: number, ca?: Source, cert?: Source, key?: Source }} options with
 *   `ca`, that it is needed is checked too; with `cert` and `key`, a listener is
 * @param {(line: string) => void} write @returns {Promise<number>}
 */
export async function checkAll(functions, { host, port, ca, cert, key }, write) {
  [tls, server, print] = [functions, { host, port, ca }, write];
  await check('connect', async () => (await tls.connect(server)).close());
  if (failed === 0) {
    await checkClient();
    await checkStreams();
    await checkErrors();
    if (cert) await checkListener(cert, key);
  }
  return failed;
}

async function check(name, claim) {
  try {
    await claim();
    print(`ok ${name}`);
  } catch (error) {
    failed += 1;
    print(`not ok ${name}: ${error?.stack && !(error instanceof TlsError) ? error.stack : error}`);
  }
}

function equal(found, expected) {
  if (found !== expected) throw new Error(`found ${found}, expected ${expected}`);
}

/** Whether it fails with this code, with a message, and with this reason if one is given. */
async function refused(operation, code, reason) {
  const error = await operation().then(() => 'no error', (error) => error);
  if (!(error instanceof TlsError)) throw error;
  equal(error.code, code);
  equal(error.value?.reason, reason);
  if (!error.message || error.message === code) throw new Error('there is no message');
}

/** So many bytes, each of which depends on its place. */
const bytes = (length) => Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8)) & 255);

/** What the peer sends until that many bytes, or the end. */
async function take(connection, length) {
  const taken = new Uint8Array(length);
  let at = 0;
  for (let chunk; at < length && (chunk = await connection.read(length - at)); at += chunk.length) {
    taken.set(chunk, at);
  }
  equal(at, length);
  return taken;
}

function same(found, expected) {
  equal(found.length, expected.length);
  const at = found.findIndex((byte, at) => byte !== expected[at]);
  if (at >= 0) throw new Error(`byte ${at} differs`);
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
    equal(/^(x25519|secp)/.test(connection.group), true);
    equal(connection.peerCertificates[0][0], 0x30);
    equal(connection.peerVerified, true);
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
  /** Claims that a connection with these options is refused so. */
  const refusedWith = (options, code, reason) => () =>
    refused(() => tls.connect({ ...server, ...options }), code, reason);
  const wrong = { verifyName: 'wrong.invalid' };
  await check('a wrong name is refused', refusedWith(wrong, 'certificate', 'wrong-name'));
  if (server.ca) {
    const refusal = refusedWith({ ca: [] }, 'certificate', 'unknown-authority');
    await check('an unknown authority is refused', refusal);
  }
  await check('unverified goes on, and says so', async () => {
    const connection = await tls.connect({ ...server, ca: [], verify: 'unverified' });
    equal(connection.peerVerified, false);
    connection.abort();
    await refused(() => connection.write('late'), 'closed');
  });
  await check('a read timer is told, and is not fatal', async () => {
    const connection = await tls.connect({ ...server, timeouts: { read: 500 } });
    await refused(() => connection.read(), 'timeout');
    await connection.write('y');
    equal((await take(connection, 1))[0], 121);
    await connection.close();
  });
  const absent = refusedWith({ ca: 'not/there.pem' }, 'invalid-configuration', 'not-found');
  await check('a file that is not there is told', absent);
  await check('a server without a certificate is told', () =>
    refused(() => tls.listen({}), 'invalid-configuration', 'missing'));
  await check('an option that does not exist is told', async () => {
    const error = await tls.connect({ ...server, verfy: 'required' }).catch((error) => error);
    equal(error instanceof TypeError, true);
  });
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
