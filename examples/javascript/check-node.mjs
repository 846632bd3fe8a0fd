/**
 * The same checks in Node: `node check-node.mjs HOST PORT [CERT KEY]`.
 */

import { readFileSync } from 'node:fs';

import { monotonicClock } from '@bytecodealliance/preview2-shim/clocks';
import { poll } from '@bytecodealliance/preview2-shim/io';

import { context, listener, port, types } from './build/portcullis/portcullis.js';
import { checkAll } from '../../clients/javascript/check.js';
import { portcullis } from '../../clients/javascript/portcullis.js';

const tls = portcullis({ context, listener, port, types, monotonicClock, poll });
const [host, number, ...identity] = process.argv.slice(2);
const [ca, cert, key] = [process.env.SSL_CERT_FILE, ...identity].map((file) =>
  file && readFileSync(file));
const failed = await checkAll(tls, { host, port: Number(number), ca, cert, key }, console.log);
process.exitCode = failed ? 1 : 0;
