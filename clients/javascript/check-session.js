/**
 * Checks of what a handshake has agreed on: groups by their names, whether the peer is authorized
 * and why not, and that a closed connection still tells the same.
 *
 * Over 400 lines: the checks are many and short, and share one way to meet.
 *
 * @module
 */

import {
  decoded, equal, failure, includes, patterned, refused, same, take, turn, unwanted,
} from './check-harness.js';

const GROUPS = ['X25519MLKEM768', 'SecP256r1MLKEM768', 'x25519', 'secp256r1', 'secp384r1'];
/** Unknown names: those of Node and OpenSSL, a former one of this interface, and others. */
const NO_GROUPS = ['P-256', 'prime256v1', 'x25519-mlkem768', 'x448', 'bogus', ' x25519'];

/**
 * @param {Function} check @param {object} tls @param {object} server an echo server
 * @param {{ cert?: string, key?: string }} own as for `checkAll`
 */
export async function checkSession(check, tls, server, { cert, key }) {
  const each = { check, tls, server };
  await checkGroups(each);
  await checkServerOf(each);
  if (!cert) return;
  const own = { cert, key };
  /** Both sides after the handshake, and the error if it has failed at the server. */
  const meet = async (ofServer, ofClient) => {
    const listener = await tls.listen({ ...own, ...ofServer });
    const { ip: host, port } = listener.address;
    const connecting = tls.connect({ host, port, ca: cert, unverifiedName: true, ...ofClient });
    const accepted = await listener.accept();
    equal(accepted.authorized, false);
    isRefusal(accepted.authorizationError, 'not-checked', undefined);
    const finished = accepted.handshake().then(() => undefined, (error) => error);
    const client = await connecting;
    listener.close();
    return { accepted, client, refusal: await finished };
  };
  await checkAgreement({ ...each, meet });
  await checkProtocols({ ...each, meet });
  await checkChoices({ ...each, meet, own });
  await checkSessions({ ...each, own });
  await checkContexts({ ...each, own });
  await checkClientOf({ ...each, meet, own });
  await checkAfter({ ...each, meet, own });
}

/** Asserts that an error tells why a peer is not authorized. */
function isRefusal(error, reason, nodeCode) {
  equal(error.name, 'TlsError');
  equal(error.code, 'certificate');
  equal(error.value.reason, reason);
  equal(error.nodeCode, nodeCode);
  equal(error.message.length > reason.length, true);
  return error;
}

async function checkGroups({ check, tls, server }) {
  await check('the groups that there are have the names of IANA', () => {
    equal(tls.supportedGroups().join(), GROUPS.join());
    equal(tls.context('client').groups().join(), GROUPS.join());
  });
  await check('a group may be in any case, and is told as IANA writes it', () => {
    const context = tls.context('client', { groups: ['SECP384R1', 'x25519mlkem768'] });
    equal(context.groups().join(), 'secp384r1,X25519MLKEM768');
  });
  for (const name of NO_GROUPS) {
    await check(`the group '${name}' is refused by its name`, async () => {
      const error = await refused(
        () => tls.connect({ ...server, groups: ['x25519', name] }),
        'invalid-configuration', 'unknown-name');
      equal(error.value.item, 'groups');
      includes(error.message, name, ...GROUPS);
    });
  }
  for (const [what, groups, reason] of [
    ['a group that is there twice', ['x25519', 'secp256r1', 'X25519'], 'duplicate'],
    ['no group', [], 'empty'],
  ]) {
    await check(`${what} is refused`, async () => {
      const error = await refused(
        () => tls.connect({ ...server, groups }), 'invalid-configuration', reason);
      equal(error.value.item, 'groups');
    });
  }
  await check('a group for no version that is permitted is refused', () => refused(
    () => tls.connect({ ...server, groups: 'X25519MLKEM768', maxVersion: 'tls12' }),
    'invalid-configuration', 'no-usable-group'));
}

/** What a client tells of its server. */
async function checkServerOf({ check, tls, server }) {
  const echoes = async (connection) => {
    await connection.write('go on');
    equal(decoded(await take(connection, 5)), 'go on');
  };
  await check('a server that passed every check is authorized', async () => {
    for (const verify of [undefined, 'required', 'optional', 'deferred']) {
      const connection = await tls.connect({ ...server, verify });
      equal(connection.authorized, true);
      equal(connection.authorizationError, null);
      await connection.close();
    }
  });
  for (const verify of ['deferred', 'optional']) {
    await check(`${verify} goes on with a wrong name, and tells it`, async () => {
      const connection = await tls.connect({ ...server, verify, verifyName: 'wrong.invalid' });
      equal(connection.authorized, false);
      const error = connection.authorizationError;
      isRefusal(error, 'wrong-name', 'ERR_TLS_CERT_ALTNAME_INVALID');
      equal(error.value.expectedName, 'wrong.invalid');
      await echoes(connection);
      await connection.close();
      isRefusal(connection.authorizationError, 'wrong-name', 'ERR_TLS_CERT_ALTNAME_INVALID');
    });
    if (!server.ca) continue;
    await check(`${verify} goes on with an unknown authority, and tells it`, async () => {
      const connection = await tls.connect({ ...server, verify, ca: undefined, webRoots: true });
      equal(connection.authorized, false);
      const error = connection.authorizationError;
      isRefusal(error, 'unknown-authority', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY');
      includes(error.message, 'searched: the built-in web roots');
      await echoes(connection);
      await connection.close();
    });
  }
  await check('unverified is not authorized, for nothing was checked', async () => {
    const connection = await tls.connect({ ...server, ca: undefined, verify: 'unverified' });
    equal(connection.authorized, false);
    isRefusal(connection.authorizationError, 'not-checked', undefined);
    await echoes(connection);
    await connection.close();
  });
}

async function checkAgreement({ check, meet }) {
  for (const group of GROUPS) {
    await check(`both sides tell the group ${group}`, async () => {
      const { accepted, client } = await meet({}, { groups: group.toUpperCase() });
      equal(client.group, group);
      equal(accepted.group, group);
      await Promise.all([accepted.close(), client.close()]);
    });
  }
}

async function checkProtocols({ check, meet }) {
  for (const [ours, theirs, agreed] of [
    [['h2', 'http/1.1'], ['http/1.1', 'h2'], 'http/1.1'],
    ['mqtt', 'mqtt', 'mqtt'],
    [undefined, ['h2'], undefined],
  ]) {
    await check(`both sides tell the application protocol ${agreed}`, async () => {
      const { accepted, client } = await meet({ alpn: theirs }, { alpn: ours });
      equal(client.alpn, agreed);
      equal(accepted.alpn, agreed);
      equal(client.isResumed, false);
      await Promise.all([accepted.close(), client.close()]);
      equal(client.alpn, agreed);
    });
  }
}

/** What the options choose, by what both sides tell of it. */
async function checkChoices({ check, tls, meet, own }) {
  const both = async (ofServer, ofClient, claim) => {
    const { accepted, client } = await meet(ofServer, ofClient);
    await claim(accepted, client);
    await Promise.all([accepted.close(), client.close()]);
    return { accepted, client };
  };
  await check('who signs by which scheme is told', async () => {
    equal(tls.supportedSignatureSchemes().includes('ecdsa_secp256r1_sha256'), true);
    const sigalgs = 'ED25519:ecdsa_secp256r1_sha256';
    const verifying = { verify: 'required', ca: own.cert };
    const { client } = await both(verifying, { ...own, sigalgs }, (accepted, client) => {
      equal(client.ownSignatureScheme, 'ecdsa_secp256r1_sha256');
      equal(accepted.signatureScheme, client.ownSignatureScheme);
      equal(accepted.certificateRequested, true);
      equal(client.certificateRequested, true);
      same(client.ownCertificates[0], accepted.peerCertificates[0]);
    });
    equal(client.signatureScheme, 'ecdsa_secp256r1_sha256');
    equal(client.ownCertificates.length, 1);
    await both({}, {}, (accepted, client) => {
      equal(accepted.signatureScheme, undefined);
      equal(client.certificateRequested, false);
      equal(client.ownCertificates.length, 0);
    });
  });
  await check('an unknown signature scheme is refused by its name', async () => {
    const error = await failure(() => tls.context('client', { sigalgs: 'RSA+SHA256' }));
    equal(error.value.reason, 'unknown-name');
    includes(error.message, 'RSA+SHA256');
  });
  await check("a server's order of suites decides if it is to", async () => {
    const aes = 'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256';
    const chacha = 'TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256';
    for (const honorCipherOrder of [true, false]) {
      const taken = (honorCipherOrder ? aes : chacha).split(':')[0];
      const server = { ciphers: aes, minVersion: 'tls13', honorCipherOrder };
      const client = { ciphers: chacha, minVersion: 'tls13' };
      await both(server, client, (_, client) =>
        equal(client.cipherSuite, taken));
    }
  });
  await check('a server goes on without a protocol if it may', () =>
    both({ alpn: 'h2', alpnOptional: true }, { alpn: 'mqtt' }, (accepted, client) => {
      equal(accepted.alpn, undefined);
      equal(client.alpn, undefined);
    }));
  await check('short records carry all', () =>
    both({}, { maxSendFragment: 64 }, async (accepted, client) => {
      const sent = patterned(10_000);
      const [taken] = await Promise.all([take(accepted, sent.length), client.write(sent)]);
      same(taken, sent);
    }));
  await check('a certificate is taken apart, and its key can be pinned', async () => {
    const { accepted, client } = await both({}, {}, (_, client) => {
      equal(client.peerCertificate.subject, 'CN=localhost');
    });
    equal(accepted.peerCertificate, undefined);
    const found = client.peerCertificate;
    equal(found.issuer, 'CN=localhost');
    equal(found.validFromDate < found.validToDate, true);
    equal(/^([0-9A-F]{2})+$/.test(found.serialNumber), true);
    equal(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/.test(found.fingerprint256), true);
    same(found.raw, client.peerCertificates[0]);
    const pin = found.publicKeyFingerprint256;
    const other = new Uint8Array(32);
    await both({}, { pins: [other, pin.toUpperCase()] }, (_, client) => {
      equal(client.authorized, true);
    });
    await both({}, { pins: other, verify: 'deferred' }, (_, client) =>
      isRefusal(client.authorizationError, 'pin-mismatch', undefined));
  });
  await check('new keys in between lose nothing', async () => {
    await both({}, {}, async (accepted, client) => {
      const writes = [client.write('one '), client.updateKeys(), client.write('two')];
      equal(decoded(await take(accepted, 7)), 'one two');
      await Promise.all(writes);
      await Promise.all([accepted.updateKeys(), accepted.write('three')]);
      equal(decoded(await take(client, 5)), 'three');
    });
    await both({}, { maxVersion: 'tls12' }, async (accepted, client) => {
      equal((await failure(() => client.updateKeys())).code, 'not-supported');
      await client.write('on');
      equal(decoded(await take(accepted, 2)), 'on');
    });
  });
}

/** Which sessions are resumed, by clients of one context, at servers of one after the other. */
async function checkSessions({ check, tls, own }) {
  const secret = new Uint8Array(48).fill(7);
  const rotated = [new Uint8Array(32).fill(8), secret];
  for (const [name, servers, ofClient, expected] of [
    ['a session is resumed', [{ sessionTimeout: 60 }], {}, [false, true]],
    ['without tickets it is not', [{ tickets: 0 }], {}, [false, false]],
    ['a client that keeps none resumes none', [{}], { sessions: 0 }, [false, false]],
    ['a server that shares the key of tickets resumes',
      [{ ticketKeys: secret }, { ticketKeys: rotated, sessions: 0 }], {}, [false, true]],
    ['one with another key does not',
      [{ ticketKeys: secret }, { ticketKeys: [rotated[0]] }], {}, [false, false]],
  ]) {
    await check(name, async () => {
      const ours = { ca: own.cert, unverifiedName: true, serverName: 'a.test', ...ofClient };
      const context = tls.context('client', ours);
      const contexts = servers.map((options) => tls.context('server', { ...own, ...options }));
      const found = [];
      for (const each of [contexts[0], contexts.at(-1)]) {
        const listener = await tls.listen({ context: each });
        const { ip: host, port } = listener.address;
        const connecting = tls.connect({ host, port, context });
        const accepted = await listener.accept();
        const [client] = await Promise.all([connecting, accepted.write('x')]);
        await take(client, 1); // Behind the tickets.
        found.push(client.isResumed);
        await Promise.all([accepted.close(), client.close()]);
        listener.close();
      }
      equal(found.join(), expected.join());
    });
  }
}

/** What a server is asked when a client has said what it wants. */
async function checkContexts({ check, tls, own }) {
  const context = tls.context('server', { ...own, alpn: 'h2' });
  /** A client's connection, or its error, and the handshake of the server's, likewise. */
  const choose = async (chooseContext, options = {}, timeouts = {}) => {
    const listener = await tls.listen({ chooseContext, timeouts });
    const { ip: host, port } = listener.address;
    const caught = (error) => error;
    const connecting = tls.connect({ host, port, ca: own.cert, unverifiedName: true,
      serverName: 'a.test', alpn: ['h2', 'mqtt'], ...options }).catch(caught);
    const accepted = await listener.accept();
    const operations = [accepted.handshake(), accepted.read()];
    const [handshake, read] = operations.map((operation) => operation.catch(caught));
    listener.close();
    return { accepted, connecting, handshake, read };
  };
  await check('a context is chosen by what the client has said, once', async () => {
    const hellos = [];
    const { accepted, connecting, handshake, read } = await choose(async (hello) => {
      hellos.push(hello);
      await turn();
      return context;
    });
    const client = await connecting;
    equal(await handshake, undefined);
    await client.write('chosen');
    equal(decoded(await read), 'chosen');
    equal(client.alpn, 'h2');
    equal(hellos.length, 1);
    const [{ serverName, alpn, versions, groups, legacyVersion, ...lists }] = hellos;
    equal(serverName, 'a.test');
    equal(alpn.join(), 'h2,mqtt');
    equal(versions.includes(0x0304), true);
    equal(groups.includes(0x001d), true);
    equal(legacyVersion, 0x0303);
    for (const name of ['cipherSuites', 'signatureSchemes', 'extensions']) {
      equal(lists[name].every((number) => Number.isInteger(number)), true);
      equal(lists[name].length > 0, true);
    }
    await Promise.all([accepted.close(), client.close()]);
  });
  await check('a client is refused by the alert that is chosen', async () => {
    const { accepted, connecting, handshake, read } = await choose(() => 112);
    const { code, value } = await connecting;
    equal(code, 'alert-received');
    equal(value, 112);
    for (const { code, value } of [await handshake, await read]) {
      equal(code, 'protocol');
      equal(value.reason, 'unrecognized-name');
    }
    await accepted.close();
  });
  for (const [name, chooser, claim] of [
    ['throws', () => { throw new Error('no such customer'); }, /^Error: no such customer$/],
    ['returns nothing', async () => undefined, /^TypeError: what chooseContext returns must be/],
    ['returns alert 0', () => 0, /^RangeError: what chooseContext returns must be.*1 to 255/],
    ["returns a client's", () => tls.context('client'), /^TlsError: /],
  ]) {
    await check(`a choice that ${name} fails the handshake with that, by alert 80`, async () => {
      const { accepted, connecting, handshake, read } = await choose(chooser);
      const { code, value } = await connecting;
      equal(code, 'alert-received');
      equal(value, 80);
      for (const error of [await handshake, await read]) {
        if (!claim.test(`${error}`)) throw error;
      }
      await accepted.close();
      await refused(() => accepted.read(), 'closed');
    });
  }
  await check('a choice that is never made ends by the timer, or by abort', async () => {
    const never = () => new Promise(() => {});
    const timed = await choose(never, {}, { handshake: 300 });
    for (const error of [await timed.handshake, await timed.read]) {
      equal(`${error.code} ${error.value}`, 'timeout handshake');
    }
    const ended = await choose(never);
    await turn();
    ended.accepted.abort();
    for (const error of [await ended.handshake, await ended.read]) equal(error.code, 'closed');
    for (const { accepted, connecting } of [timed, ended]) {
      accepted.abort();
      equal((await connecting) instanceof Error, true);
    }
  });
  await check('a choice beside a context is told', () => unwanted(
    () => tls.listen({ context, chooseContext: () => context }), TypeError, 'beside context'));
}

/** What a server tells of its client, which trusts the certificate that both sides have. */
async function checkClientOf({ check, meet, own }) {
  const trusts = { ca: own.cert };
  const outcomes = [
    ['unverified', {}, 'not-checked', undefined],
    ['deferred', trusts, 'missing', 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE'],
    ['optional', trusts, 'missing', 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE'],
  ];
  for (const [verify, trust, reason, code] of outcomes) {
    await check(`a client without a certificate is not authorized: ${verify}`, async () => {
      const { accepted, client, refusal } = await meet({ verify, ...trust }, {});
      equal(refusal, undefined);
      equal(accepted.authorized, false);
      isRefusal(accepted.authorizationError, reason, code);
      equal(accepted.peerCertificates.length, 0);
      await Promise.all([client.write('hello'), take(accepted, 5)]);
      await Promise.all([accepted.close(), client.close()]);
      isRefusal(accepted.authorizationError, reason, code);
    });
  }
  for (const verify of ['required', 'optional', 'deferred']) {
    await check(`a client with a trusted certificate is authorized: ${verify}`, async () => {
      const { accepted, client, refusal } = await meet({ verify, ...trusts }, own);
      equal(refusal, undefined);
      equal(accepted.authorized, true);
      equal(accepted.authorizationError, null);
      equal(accepted.peerCertificates.length, 1);
      await Promise.all([accepted.close(), client.close()]);
    });
  }
  await check('a server with deferred goes on with an unknown authority', async () => {
    const { accepted, client, refusal } = await meet({ verify: 'deferred', webRoots: true }, own);
    equal(refusal, undefined);
    equal(accepted.authorized, false);
    const error = accepted.authorizationError;
    isRefusal(error, 'unknown-authority', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY');
    includes(error.message, 'searched: the built-in web roots');
    equal(accepted.peerCertificates.length, 1);
    await Promise.all([client.write('hello'), take(accepted, 5)]);
    await Promise.all([accepted.close(), client.close()]);
  });
  for (const [verify, peer, reason, code] of [
    ['required', {}, 'missing', 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE'],
    ['required', own, 'unknown-authority', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'],
    ['optional', own, 'unknown-authority', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'],
  ]) {
    await check(`a server with ${verify} refuses: ${reason}`, async () => {
      const { accepted, client, refusal } = await meet({ verify, webRoots: true }, peer);
      isRefusal(refusal, reason, code);
      isRefusal(accepted.authorizationError, reason, code);
      accepted.abort();
      equal(accepted.authorized, false);
      isRefusal(accepted.authorizationError, reason, code);
      client.abort();
    });
  }
}

/** What the handshake has agreed on, and the addresses, as one text. */
const agreed = (connection) => JSON.stringify([
  connection.version, connection.cipherSuite, connection.group, connection.authorized,
  connection.authorizationError?.value.reason, connection.peerCertificates.map(last),
]);
const last = (certificate) => [...certificate.subarray(-8)];
const addresses = ({ localAddress, remoteAddress }) =>
  JSON.stringify([localAddress, remoteAddress]);
const told = (connection) => `${agreed(connection)} ${addresses(connection)}`;

async function checkAfter({ check, meet, own }) {
  for (const end of ['close', 'abort']) {
    await check(`after ${end} all facts are told as before`, async () => {
      const verifying = { verify: 'deferred', ca: own.cert };
      const { accepted, client } = await meet(verifying, { ...own, verifyName: 'wrong.invalid',
        unverifiedName: undefined, verify: 'deferred' });
      const before = [accepted, client].map(told);
      includes(before[0], 'tls13', 'true');
      includes(before[1], 'tls13', 'wrong-name', '"ip":"127.0.0.1"');
      await Promise.all([accepted[end](), client[end]()]);
      equal([accepted, client].map(told).join(), before.join());
      equal(accepted.isTruncated || client.isTruncated, false);
    });
  }
  await check('after a failure the handshake is told as before', async () => {
    const { accepted, client } = await meet({}, {});
    const before = agreed(client);
    accepted.abort();
    const { code } = await failure(() => client.read());
    includes(['truncated', 'network'], code);
    equal(agreed(client), before);
    await client.close();
    equal(agreed(client), before);
    equal(client.isTruncated, code === 'truncated');
  });
}
