/**
 * The checks of `check.js` in Node, and others of processor time, garbage collection, the
 * declarations and the names of errors: `node check-node.mjs HOST PORT [CERT KEY]`.
 */

import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { monotonicClock } from '@bytecodealliance/preview2-shim/clocks';
import { poll, streams } from '@bytecodealliance/preview2-shim/io';

import { certificate, context, errors, listener, port } from './build/portcullis/portcullis.js';
import { checkAll } from '../../clients/javascript/check.js';
import { equal, includes, Report } from '../../clients/javascript/check-harness.js';
import * as codes from '../../clients/javascript/codes.js';
import { CALLS, CONTEXT } from '../../clients/javascript/options.js';
import { Connection, Listener, portcullis } from '../../clients/javascript/portcullis.js';

const interfaces = {
  certificate, context, errors, listener, port, monotonicClock, poll, streams,
};
const tls = portcullis(interfaces);
const within = (variables) => portcullis({ ...interfaces, environment: () => variables });
const [host, number, cert, key] = process.argv.slice(2);
const server = { host, port: Number(number), ca: process.env.SSL_CERT_FILE };
const failed = await checkAll(tls, { ...server, cert, key, within }, console.log);

const report = new Report(console.log);
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

await report.check('who waits does not burn the processor, and holds up no timer', async () => {
  const idle = await tls.connect(server);
  const waiting = [idle.read().catch((error) => error.code)];
  const accepting = cert && await tls.listen({ cert, key });
  if (accepting) waiting.push(accepting.accept().catch((error) => error.code));
  const [before, start] = [process.cpuUsage(), performance.now()];
  let ticks = 0;
  const ticking = setInterval(() => { ticks += 1; }, 5);
  await new Promise((done) => setTimeout(done, 2000));
  clearInterval(ticking);
  const { user, system } = process.cpuUsage(before);
  const share = (user + system) / 1000 / (performance.now() - start);
  if (share > 0.3) throw new Error(`${Math.round(share * 100)} % of a processor`);
  if (ticks < 100) throw new Error(`${ticks} ticks of 5 ms in 2 s`);
  idle.abort();
  accepting?.close();
  equal((await Promise.all(waiting)).every((code) => code === 'closed'), true);
});

await report.check('connections that are dropped and collected trap nothing', async () => {
  for (let round = 0; round < 3; round += 1) {
    for (let count = 0; count < 10; count += 1) {
      const dropped = await tls.connect(server);
      await dropped.write('x');
      dropped.readable.getReader();
    }
    collect();
    await new Promise((done) => setTimeout(done, 10));
  }
  const connection = await tls.connect(server);
  await connection.write('x');
  equal((await connection.read()).length, 1);
  await connection.close();
});

await report.check('a subscription of what is closed is ready at once', () => {
  const client = port.Port.connect(tls.context('client', { ca: server.ca }), host, server.port);
  client.close();
  const pollables = [client.subscribe(), client.subscribeWrite()];
  if (cert) {
    const own = tls.context('server', { cert, key });
    const accepting = listener.Listener.listen(own, '127.0.0.1', 0);
    accepting.close();
    pollables.push(accepting.subscribe());
  }
  for (const pollable of pollables) equal(pollable.ready(), true);
  equal(poll.poll(pollables).length, pollables.length);
});

/** A file of this repository. */
const textOf = (name) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');

/** The members of an enum or variant of `types.wit`, in their order. */
function members(name) {
  const text = textOf('wit/types.wit').replace(/^ *(\/\/\/|@since).*$/gm, '');
  const [, inside] = new RegExp(`(?:enum|variant) ${name} \\{([^}]*)\\}`).exec(text);
  return inside.match(/[a-z][a-z0-9-]*(?=(\([a-z0-9<>-]*\))?,)/g);
}

await report.check('each error, reason and timer has its name in Node, or none', () => {
  const tables = {
    error: codes.ERROR,
    timer: codes.TIMEOUT,
    'certificate-reason': codes.CERTIFICATE,
    'protocol-reason': codes.PROTOCOL,
    'network-code': codes.NETWORK,
    'configuration-reason': codes.CONFIGURATION,
  };
  for (const [name, table] of Object.entries(tables)) {
    equal(Object.keys(table).sort().join(), members(name).sort().join());
  }
  const named = (tag, val) => codes.nodeCode({ tag, val });
  equal(named('certificate', { reason: 'revoked' }), 'CERT_REVOKED');
  equal(named('certificate', { reason: 'revocation-unknown' }), 'UNABLE_TO_GET_CRL');
  equal(named('protocol', { reason: 'downgrade' }), 'ERR_SSL_INAPPROPRIATE_FALLBACK');
  equal(named('network', { code: 'connection-refused' }), 'ECONNREFUSED');
  equal(named('timeout', 'handshake'), 'ERR_TLS_HANDSHAKE_TIMEOUT');
  equal(named('alert-received', 48), 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA');
  equal(named('alert-received', 255), undefined);
  equal(named('early-data-rejected'), undefined);
  const declared = textOf('clients/javascript/connection.d.ts');
  for (const reason of members('certificate-reason')) includes(declared, `'${reason}'`);
});

await report.check('the declarations have every member and option', () => {
  const declared = (name) => textOf(`clients/javascript/${name}.d.ts`);
  const members = [Connection, Listener].flatMap(({ prototype }) =>
    Object.getOwnPropertyNames(prototype));
  const found = declared('connection');
  for (const name of members) if (name !== 'constructor') includes(found, ` ${name}(`);
  const options = [CONTEXT, ...Object.values(CALLS)].flatMap(Object.keys);
  const functions = declared('portcullis');
  for (const name of options) {
    if (!new RegExp(`\\b${name}\\??: `).test(functions)) throw new Error(`${name} is not declared`);
  }
});

process.exit(failed + report.failed > 0 ? 1 : 0);
