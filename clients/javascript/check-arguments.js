/**
 * Checks of arguments: none is taken for something else, none is ignored, and no error contains
 * one.
 *
 * @module
 */

import { decoded, equal, failure, includes, refused, take, unwanted } from './check-harness.js';

const KEY = '-----BEGIN PRIVATE KEY-----\nU0VDUkVU\n-----END PRIVATE KEY-----\n';

/** Each value, and the text that it is sent as: its bytes, whatever the size of its elements. */
const WRITABLE = {
  'a string as UTF-8': ['\u00e9', '\u00e9'],
  'a Uint16Array': [new Uint16Array([0x4241, 0x4443]), 'ABCD'],
  'a DataView of a part': [new DataView(new TextEncoder().encode('-part-').buffer, 1, 4), 'part'],
  'a subarray': [new TextEncoder().encode('-sub-').subarray(1, 4), 'sub'],
  'an ArrayBuffer': [new TextEncoder().encode('buffer').buffer, 'buffer'],
};
const UNWRITABLE = [undefined, null, 5, true, {}, [1, 2], () => 'x', 5n, new Date()];

/**
 * @param {Function} check @param {object} tls @param {object} server an echo server
 * @param {{ cert?: string, within?: Function }} own as for `checkAll`
 */
export async function checkArguments(check, tls, server, { cert, within }) {
  await checkTrafficOf(check, tls, server);
  await checkOptions(check, tls, server);
  await checkSecrets(check, tls, server, cert);
  if (within && server.ca && cert) await checkEnvironment(check, server, cert, within);
}

async function checkTrafficOf(check, tls, server) {
  const connection = await tls.connect(server);
  for (const [name, [value, text]] of Object.entries(WRITABLE)) {
    await check(`${name} is sent whole`, async () => {
      await connection.write(value);
      equal(decoded(await take(connection, new TextEncoder().encode(text).length)), text);
    });
  }
  await check('a view of shared memory is sent whole', async () => {
    if (!globalThis.SharedArrayBuffer) return;
    const shared = new Uint8Array(new SharedArrayBuffer(3)).fill(120);
    await connection.write(shared);
    await connection.write(shared.buffer);
    equal(decoded(await take(connection, 6)), 'xxxxxx');
  });
  await check('200 000 bytes of a Uint16Array are sent whole', async () => {
    const sent = Uint16Array.from({ length: 100_000 }, (_, at) => at);
    const [taken] = await Promise.all([take(connection, 200_000), connection.write(sent)]);
    equal(new Uint16Array(taken.buffer).findIndex((found, at) => found !== (at & 0xffff)), -1);
  });
  await check('a buffer may be used again at once', async () => {
    const buffer = new TextEncoder().encode('before');
    const written = connection.write(buffer);
    buffer.fill(0);
    await written;
    equal(decoded(await take(connection, 6)), 'before');
  });
  await check('what is no bytes is refused, and sends nothing', async () => {
    for (const value of UNWRITABLE) {
      await unwanted(() => connection.write(value), TypeError, 'what is written must be');
    }
    await connection.write('still here');
    equal(decoded(await take(connection, 10)), 'still here');
  });
  await check('a length that is none is refused, and takes nothing', async () => {
    for (const length of [0, -1, 1.5, NaN, Infinity, 2 ** 60]) {
      await unwanted(() => connection.read(length), RangeError, 'length');
    }
    for (const length of ['1', null, 1n, {}]) {
      await unwanted(() => connection.read(length), TypeError, 'length');
    }
    await connection.write('z');
    equal(decoded(await connection.read(2 ** 40)), 'z');
  });
  await connection.close();
}

async function checkOptions(check, tls, server) {
  const told = (options, kind, ...parts) => () =>
    unwanted(() => tls.connect({ ...server, ...options }), kind, ...parts);
  const wrong = {
    'a misspelt option': [{ verfy: 'required' }, TypeError, 'verfy'],
    'an option in other letters': [{ servername: 'x' }, TypeError, 'servername', 'serverName'],
    'an option of Node': [
      { rejectUnauthorized: false }, TypeError, "verify: 'deferred'", "verify: 'unverified'"],
    "Node's groups": [{ ecdhCurve: 'P-256' }, TypeError, 'ecdhCurve', 'groups'],
    "Node's ALPN": [{ ALPNProtocols: ['h2'] }, TypeError, 'ALPNProtocols', 'use alpn'],
    'a protocol that is no text': [{ alpn: ['h2', 2] }, TypeError, 'alpn[1]', 'a number'],
    'verify: false': [{ verify: false }, TypeError, 'required', 'deferred', 'false'],
    'verify: null': [{ verify: null }, TypeError, 'required', 'null'],
    'a string in place of true': [{ unverifiedName: 'false' }, TypeError, 'unverifiedName'],
    'ca: null': [{ ca: null }, TypeError, 'ca', 'null'],
    'a number in a list': [{ ca: [server.ca, 5] }, TypeError, 'ca[1]'],
    'a version that is none': [{ minVersion: 'TLSv1.2' }, TypeError, 'minVersion', 'tls12'],
    'a group that is no text': [{ groups: ['x25519', 29] }, TypeError, 'groups[1]', 'a number'],
    'a signature scheme that is no text': [{ sigalgs: [1027] }, TypeError, 'sigalgs[0]'],
    "Node's callback for names": [{ SNICallback: () => {} }, TypeError, 'use chooseContext'],
    'a pin that is none': [{ pins: 'ab'.repeat(31) }, TypeError, 'pins', '64', '32 bytes'],
    'a fingerprint with colons': [{ pins: ['AB:'.repeat(32)] }, TypeError, 'pins[0]', '64'],
    'a pin of 31 bytes': [{ pins: new Uint8Array(31) }, TypeError, 'pins must be', '32 bytes'],
    'no pin': [{ pins: [] }, TypeError, 'pins must not be empty'],
    'no list': [{ crl: [] }, TypeError, 'crl must not be empty'],
    'lists for nothing': [{ verify: 'unverified', crl: 'list.pem' }, TypeError, 'crl beside'],
    'pins for nothing': [
      { verify: 'unverified', pins: 'ab'.repeat(32) }, TypeError, 'pins beside'],
    'a record of 63 bytes': [{ maxSendFragment: 63 }, RangeError, 'maxSendFragment', '64 to'],
    'another name for it': [{ recordSize: 64 }, TypeError, 'use maxSendFragment'],
    'too many sessions': [{ sessions: 65_537 }, RangeError, 'sessions'],
    'the order of a client': [{ honorCipherOrder: true }, TypeError, 'for servers only'],
    'ticket keys of a client': [{ ticketKeys: new Uint8Array(48) }, TypeError, 'for servers only'],
    'a choice by a client': [{ chooseContext: () => 80 }, TypeError, 'chooseContext'],
    'a host that is null': [{ host: null }, TypeError, 'host'],
    'a host that is a number': [{ host: 5 }, TypeError, 'host'],
    'a port that is a string': [{ port: '443' }, TypeError, 'port', 'a string'],
    'port 70000': [{ port: 70_000 }, RangeError, 'port', '65535'],
    'port 0': [{ port: 0 }, RangeError, 'port'],
    'port NaN': [{ port: NaN }, RangeError, 'port'],
    'a number in place of timers': [{ timeouts: 5000 }, TypeError, 'timeouts'],
    'a timer that is none': [{ timeouts: { idle: 5 } }, TypeError, 'idle', 'handshake'],
    'a negative timer': [{ timeouts: { connect: -1 } }, RangeError, 'timeouts.connect'],
    'a timer as text': [{ timeouts: { read: '5s' } }, TypeError, 'timeouts.read'],
    'a key without a certificate': [{ key: 'key.pem' }, TypeError, 'key without cert'],
    'a passphrase for nothing': [{ passphrase: 'x' }, TypeError, 'passphrase without'],
    'two identities': [{ cert: 'a', pkcs12: 'b' }, TypeError, 'cert beside pkcs12'],
    'a name that is not checked': [
      { verify: 'unverified', verifyName: 'x' }, TypeError, 'verifyName'],
    'any name beside one': [{ unverifiedName: true, verifyName: 'x' }, TypeError, 'verifyName'],
    'nobody to trust': [{ ca: [], webRoots: false }, TypeError, 'webRoots'],
    'a context that is none': [{ ca: undefined, context: {} }, TypeError, 'context'],
  };
  for (const [name, [options, kind, ...parts]] of Object.entries(wrong)) {
    await check(`${name} is told`, told(options, kind, ...parts));
  }
  await check('what stands beside a context is told', async () => {
    const context = tls.context('client', { ca: server.ca });
    const { host, port } = server;
    for (const beside of [{ ca: server.ca }, { verify: 'required' }, { timeouts: {} }]) {
      await unwanted(() => tls.connect({ host, port, context, ...beside }), TypeError, 'beside');
    }
    await unwanted(() => tls.connect({ host, port, context, bogus: 1 }), TypeError, 'bogus');
    await (await tls.connect({ host, port, context })).close();
  });
  await check('what is no options is told', async () => {
    for (const options of [undefined, null, 443, 'localhost', []]) {
      await unwanted(() => tls.connect(options), TypeError, 'connect()');
      await unwanted(() => tls.listen(options), TypeError, 'listen()');
      await unwanted(() => tls.start(options), TypeError, 'start()');
    }
    await unwanted(() => tls.context('client', null), TypeError, 'context()');
    await unwanted(() => tls.context('peer'), TypeError, 'role');
  });
  await check('what a server would ignore is told', async () => {
    for (const [name, value] of [['verifyName', 'x'], ['serverName', 'x'], ['ca', 'ca.pem']]) {
      await unwanted(() => tls.listen({ cert: 'cert.pem', [name]: value }), TypeError, name);
    }
    for (const [wrong, kind, ...parts] of [
      [{ pins: 'ab'.repeat(32) }, TypeError, 'pins without verify'],
      [{ crl: 'list.pem' }, TypeError, 'crl without verify'],
      [{ alpnOptional: true }, TypeError, 'alpnOptional without alpn'],
      [{ ticketKeys: 'secret' }, TypeError, 'ticketKeys must be'],
      [{ tickets: 17 }, RangeError, 'tickets', '0 to 16'],
      [{ sessionTimeout: 0 }, RangeError, 'sessionTimeout'],
      [{ chooseContext: {} }, TypeError, 'chooseContext must be a function'],
    ]) await unwanted(() => tls.listen({ cert: 'cert.pem', ...wrong }), kind, ...parts);
    await unwanted(() => tls.listen({ port: 65_536 }), RangeError, 'port');
    await unwanted(() => tls.listen({ ip: 5 }), TypeError, 'ip');
    await unwanted(() => tls.listen({ backlog: '5' }), TypeError, 'backlog');
  });
  await check('an option that is undefined is left out, timers one by one', async () => {
    const timeouts = { connect: 30_000, read: undefined, write: null };
    const options = { ...server, verify: undefined, cert: undefined, context: undefined, timeouts };
    await (await tls.connect(options)).close();
  });
}

async function checkSecrets(check, tls, server, cert) {
  const silent = async (options, word, ...parts) => {
    const error = await failure(() => tls.connect({ ...server, ...options }));
    const told = [error.message, error.stack, JSON.stringify(error), String(error)].join();
    includes(error.message, ...parts);
    equal(told.includes(word), false);
    return error;
  };
  const certificate = cert ?? 'cert.pem';
  for (const [name, text] of Object.entries({
    PEM: KEY,
    'PEM behind a byte order mark': `\ufeff${KEY}`,
    'PEM in one line': KEY.replaceAll('\n', ' '),
    'base64 of DER': `MC4CAQAwBQYDK2VwBCIEIU0VDUkVU${'A'.repeat(30)}`,
  })) {
    await check(`${name} where a path belongs is told without it`, async () => {
      for (const options of [{ cert: certificate, key: text }, { cert: text }, { pkcs12: text },
        { ca: text }, { caDirectory: text }]) {
        const told = 'PEM text where a path belongs; pass bytes';
        const error = await silent(options, 'U0VDUkVU', told);
        equal(error instanceof TypeError, true);
      }
    });
  }
  await check('a secret of tickets is in no error', async () => {
    const ticketKeys = new TextEncoder().encode('hunter2');
    const error = await failure(() => tls.context('server', { ticketKeys }));
    equal(error.code, 'invalid-configuration');
    equal([error.message, error.stack, JSON.stringify(error)].join().includes('hunter2'), false);
  });
  await check('a passphrase is in no error', async () => {
    await silent({ passphrase: 'hunter2' }, 'hunter2', 'passphrase');
    const key = new TextEncoder().encode(KEY);
    await silent({ cert: certificate, key, passphrase: 'hunter2' }, 'hunter2');
    await silent({ cert: certificate, key, passphrase: 12_345 }, '12345', 'passphrase');
    await silent({ cert: certificate, key }, 'U0VDUkVU');
  });
}

async function checkEnvironment(check, server, cert, within) {
  const { host, port, ca } = server;
  const folder = ca.slice(0, ca.lastIndexOf('/'));
  const meets = (environment, options = {}) =>
    within(environment).connect({ host, port, ...options });
  await check('SSL_CERT_FILE is trusted', async () => {
    await (await meets({ SSL_CERT_FILE: ca })).close();
  });
  await check('the directories of SSL_CERT_DIR are trusted, absent ones are harmless', async () => {
    await (await meets({ SSL_CERT_DIR: `:not/there::${folder}:` })).close();
  });
  await check('both are trusted together', async () => {
    await (await meets({ SSL_CERT_FILE: cert, SSL_CERT_DIR: folder })).close();
  });
  await check('an unknown authority is told with what was searched', async () => {
    const unknown = async (environment, options, ...parts) => {
      const { message } = await refused(
        () => meets(environment, options), 'certificate', 'unknown-authority');
      includes(message, 'searched: ', ...parts);
      equal(message.split('searched: ').length, 2);
    };
    await unknown({ SSL_CERT_FILE: cert }, {}, `SSL_CERT_FILE ${cert}`);
    await unknown({ SSL_CERT_FILE: '', SSL_CERT_DIR: ':' }, {}, 'the built-in web roots');
    await unknown({ SSL_CERT_FILE: ca }, { ca: cert }, `ca ${cert}`);
    await unknown({ SSL_CERT_FILE: ca }, { webRoots: true }, 'the built-in web roots');
  });
  await check('a variable that names nothing is named', async () => {
    const { message } = await refused(
      () => meets({ SSL_CERT_FILE: 'not/there.pem' }), 'invalid-configuration', 'not-found');
    includes(message, 'SSL_CERT_FILE: ', 'not/there.pem');
    const nobody = await refused(
      () => meets({ SSL_CERT_DIR: 'not/there' }), 'invalid-configuration', 'missing');
    includes(nobody.message, 'SSL_CERT_DIR not/there');
  });
  await check('what is revoked is refused, and what no list is about', async () => {
    const lists = (...names) => names.map((name) => `${folder}/lists/${name}.pem`);
    const environment = { SSL_CERT_FILE: ca };
    await (await meets(environment, { crl: lists('nothing')[0] })).close();
    await refused(() => meets(environment, { crl: lists('nothing', 'server') }),
      'certificate', 'revoked');
    await refused(() => meets(environment, { crl: ca }), 'invalid-configuration', 'missing');
  });
  await check('who verifies nothing needs no variable', async () => {
    const connection = await meets({ SSL_CERT_FILE: 'not/there.pem' }, { verify: 'unverified' });
    await connection.close();
  });
}
