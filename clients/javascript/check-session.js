/**
 * Checks of what a handshake has agreed on: groups by their names, whether the peer is authorized
 * and why not, and that a closed connection still tells the same.
 *
 * @module
 */

import { decoded, equal, failure, includes, refused, take } from './check-harness.js';

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
