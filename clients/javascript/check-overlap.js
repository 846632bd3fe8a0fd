/**
 * Checks of several operations at once, of closing and aborting, and of peers that do not read,
 * with both sides in one program.
 *
 * @module
 */

import { decoded, equal, failure, patterned, refused, same, take, turn } from './check-harness.js';

const ROUNDS = 20;
const MUCH = 16 * 1024 * 1024; // More than both sockets and their queues hold.
const timeouts = { handshake: 20_000, read: 20_000, write: 20_000 };

/** @param {Function} check @param {object} tls @param {{ cert: string, key: string }} own */
export async function checkOverlap(check, tls, { cert, key }) {
  const listener = await tls.listen({ cert, key, timeouts });
  const { ip: host, port } = listener.address;
  const options = { host, port, ca: cert, unverifiedName: true, timeouts };
  /** The server's end before its handshake, and the promise of the client's, which waits for it. */
  const meet = async () => {
    const connecting = tls.connect(options);
    return { server: await listener.accept(), connecting };
  };
  const pair = async () => {
    const { server, connecting } = await meet();
    await server.handshake();
    return [server, await connecting];
  };
  const each = { check, tls, meet, pair, options, own: { cert, key } };
  await checkOrders(each);
  await checkUnfinished(each);
  await checkEnds(each);
  await checkRefusal(each);
  await checkStuck(each);
  await check('a listener that is closed wakes who waits, and stays closed', async () => {
    const waiting = [failure(() => listener.accept()), failure(() => listener.accept())];
    await turn();
    listener.close();
    listener.close();
    for (const error of await Promise.all(waiting)) equal(error.code, 'closed');
    await refused(() => listener.accept(), 'closed');
    equal((await failure(() => listener.address)).code, 'closed');
  });
}

/** A server that reads and speaks first, while its client is silent after the handshake. */
async function checkOrders({ check, meet, pair }) {
  const orders = {
    'a read, then a write': (server) => [server.read(), server.write('greeting')],
    'a write, then a read': (server) => [server.write('greeting'), server.read()].reverse(),
    'a read, a handshake, then a write': (server) =>
      [server.read(), server.handshake(), server.write('greeting')],
    'a read, and a turn later a write': (server) =>
      [server.read(), turn().then(() => server.write('greeting'))],
  };
  for (const [name, order] of Object.entries(orders)) {
    await check(`${name}, before the handshake, ${ROUNDS} times`, async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const { server, connecting } = await meet();
        const [read, ...written] = order(server);
        const client = await connecting;
        equal(decoded(await take(client, 8)), 'greeting');
        await Promise.all(written);
        await client.write('answer');
        equal(decoded(await read), 'answer');
        await Promise.all([server.close(), client.close()]);
      }
    });
  }
  await check('much both ways at once, on one connection', async () => {
    const [server, client] = await pair();
    const sent = patterned(1_000_000);
    const [up, down] = await Promise.all([
      take(server, sent.length), take(client, sent.length), client.write(sent), server.write(sent),
    ]);
    same(up, sent);
    same(down, sent);
    await Promise.all([server.close(), client.close()]);
  });
  await check('several reads are served in their order', async () => {
    const [server, client] = await pair();
    const reads = [server.read(1), server.read(1), server.read(1)];
    await client.write('abc');
    equal((await Promise.all(reads)).map(decoded).join(''), 'abc');
    await Promise.all([server.close(), client.close()]);
  });
}

async function checkUnfinished({ check, meet }) {
  for (const end of ['close', 'abort']) {
    await check(`${end} before the handshake is done waits for nobody`, async () => {
      const { server, connecting } = await meet();
      const operations = [server.read(), server.write('early'), server.closeOutput()];
      const failures = [connecting, ...operations].map((operation) => failure(() => operation));
      await server[end]();
      const [client, ...ours] = await Promise.all(failures);
      for (const error of ours) equal(error.code, 'closed');
      equal(['network', 'truncated', 'closed'].includes(client.code), true);
    });
  }
}

async function checkEnds({ check, pair }) {
  await check('close after the peer has closed', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const [server, client] = await pair();
      await Promise.all([client.write('hi'), server.read()]);
      await client.close();
      equal(await server.read(), null);
      if (round % 2) await server.closeOutput();
      await server.close();
    }
  });
  await check('close after the peer has closed, unread', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const [server, client] = await pair();
      await client.write('not read');
      await client.close();
      await server.close();
    }
  });
  await check('after the peer has closed a write may fail, and close does not', async () => {
    const [server, client] = await pair();
    await client.close();
    await server.write('late').catch((error) => equal(error.code, 'network'));
    await server.close();
  });
  await check('a peer that is cut off is told once', async () => {
    const [server, client] = await pair();
    client.abort();
    const error = await failure(() => server.read());
    equal(['truncated', 'network'].includes(error.code), true);
    await server.close();
  });
  await check('close and abort wake what waits', async () => {
    for (const end of ['close', 'abort']) {
      const [server, client] = await pair();
      const reads = [failure(() => client.read()), failure(() => client.read())];
      await turn();
      await client[end]();
      await client[end]();
      for (const error of await Promise.all(reads)) equal(error.code, 'closed');
      await refused(() => client.handshake(), 'closed');
      await refused(() => client.closeOutput(), 'closed');
      server.abort();
    }
  });
}

async function checkRefusal({ check, tls, options, own }) {
  await check("close does not hide the peer's alert", async () => {
    const picky = await tls.listen({ ...own, ca: own.cert, verify: 'required', timeouts });
    const { port } = picky.address;
    const connecting = tls.connect({ ...options, port });
    const server = await picky.accept();
    const refusal = refused(() => server.handshake(), 'certificate', 'missing');
    const client = await connecting;
    await refusal;
    await server.close();
    const read = async () => {
      try {
        return await client.read();
      } finally {
        await client.close();
      }
    };
    const { value, nodeCode } = await refused(read, 'alert-received');
    equal(value, 116);
    equal(nodeCode, 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED');
    picky.close();
  });
}

/** Peers that do not read hold up their own connection and no other. */
async function checkStuck({ check, pair }) {
  await check('a peer that does not read holds up nobody else', async () => {
    const [server, client] = await pair();
    const stuck = failure(() => client.write(new Uint8Array(MUCH)));
    const [other, talker] = await pair();
    for (let round = 0; round < 5; round += 1) {
      await Promise.all([talker.write('ping'), turn()]);
      equal(decoded(await take(other, 4)), 'ping');
    }
    server.abort();
    equal(['network', 'truncated'].includes((await stuck).code), true);
    await client.close();
    await Promise.all([other.close(), talker.close()]);
  });
  await check('to abort what a peer does not take waits for nobody', async () => {
    const [server, client] = await pair();
    const stuck = failure(() => client.write(new Uint8Array(MUCH)));
    const [other, talker] = await pair();
    client.abort();
    equal((await stuck).code, 'closed');
    await talker.write('ping');
    equal(decoded(await take(other, 4)), 'ping');
    server.abort();
    await Promise.all([other.close(), talker.close()]);
  });
  await check('a writer goes on when its peer reads at last', async () => {
    const [server, client] = await pair();
    const written = client.write(new Uint8Array(MUCH)).then(() => client.close());
    await turn();
    let taken = 0;
    for await (const plaintext of server) taken += plaintext.length;
    equal(taken, MUCH);
    await Promise.all([written, server.close()]);
  });
}
