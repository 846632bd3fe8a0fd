/**
 * The same checks in Node, and of the processor and the collector: `node check-node.mjs HOST PORT
 * [CERT KEY]`.
 */

import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { monotonicClock } from '@bytecodealliance/preview2-shim/clocks';
import { poll, streams } from '@bytecodealliance/preview2-shim/io';

import { context, listener, port, types } from './build/portcullis/portcullis.js';
import { checkAll } from '../../clients/javascript/check.js';
import { equal, includes, Report } from '../../clients/javascript/check-harness.js';
import { CALLS, CONTEXT } from '../../clients/javascript/options.js';
import { Connection, Listener, portcullis } from '../../clients/javascript/portcullis.js';

const interfaces = { context, listener, port, types, monotonicClock, poll, streams };
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

await report.check('the declarations have every member and option', () => {
  const declared = (name) =>
    readFileSync(new URL(`../../clients/javascript/${name}.d.ts`, import.meta.url), 'utf8');
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
