/**
 * A caller that does anything, with a garbage collector: every function of every interface of the
 * transpiled component, with arguments at every edge, in any order; handles are disposed of at any
 * moment, or forgotten and collected. Each call has to end in a value, in a typed error, or in an
 * error of the bindings about the argument: `node check-callers.mjs CERT KEY [CALLS [SEED]]`.
 *
 * The functions and their types are read from the declarations that jco writes, so that a new
 * function is called without a change here.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import * as component from './build/portcullis/portcullis.js';

const [certificate, key, calls = '8000', seed = '1'] = process.argv.slice(2);
const FOLDER = new URL('build/portcullis/interfaces/', import.meta.url);
const IDENTITY = [readFileSync(certificate), readFileSync(key)];

/** At least this many handles of a kind are kept; beyond it, one is given up for each new one. */
const KEPT = 6;

// What blocks would wait for peers that do nothing. Roots of the whole instance are asked for once.
const LEFT_OUT = /^blocking|setDefaultAuthorityDirectory/;

let state = BigInt(seed);
/** SplitMix64. */
function draw(bound) {
  state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
  let mixed = state;
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n);
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn);
  return Number((mixed ^ (mixed >> 31n)) % BigInt(bound));
}
const one = (values) => values[draw(values.length)];

/** Declared types by name: unions of words, records, and the cases of variants. */
const types = new Map();
/** Functions by the name of their interface and their own. */
const functions = [];

function read(file) {
  const text = readFileSync(new URL(file, FOLDER), 'utf8').replace(/\/\*\*[\s\S]*?\*\//g, '');
  for (const [, name, body] of text.matchAll(/^export type (\w+) = (?!import)(.*);$/gm)) {
    const words = [...body.matchAll(/'([^']+)'/g)].map(([, word]) => word);
    if (words.length) types.set(name, () => one(words));
    else types.set(name, () => value(one(body.split(' | '))));
  }
  for (const [, name, body] of text.matchAll(/^export interface (\w+) \{([^}]*)\}/gm)) {
    const fields = [...body.matchAll(/(\w+)(\?)?: ([^,\n]+),/g)];
    types.set(name, () => Object.fromEntries(fields.map(([, field, optional, type]) => [
      field, optional && draw(2) ? undefined : value(type),
    ])));
  }
  const name = file.replace(/^portcullis-tls-|\.d\.ts$/g, '');
  const scope = component[name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase())];
  if (!scope) return;
  const parameters = (list) => [...list.matchAll(/\w+\??: ([^,]+(?:<[^>]*>)?)/g)].map(([, type]) => type);
  for (const [, own, list] of text.matchAll(/^export function (\w+)\((.*)\): /gm)) {
    functions.push({ name: `${name}.${own}`, own, call: scope[own], takes: parameters(list) });
  }
  for (const [, kind, body] of text.matchAll(/^export class (\w+)[^{]*\{([\s\S]*?)^\}/gm)) {
    const members = body.matchAll(/^ {2}(static )?(\w+)\((.*)\): /gm);
    for (const [, isStatic, own, list] of members) {
      const call = isStatic
        ? (...given) => scope[kind][own](...given)
        : (self, ...given) => scope[kind].prototype[own].call(self, ...given);
      const takes = [...(isStatic ? [] : [kind]), ...parameters(list)];
      functions.push({ name: `${kind}.${own}`, own, call, takes });
    }
  }
}

/** Handles by the name of their class. */
const handles = new Map();
let given = 0;
let collected = 0;

function keep(handle) {
  if (handle === null || typeof handle !== 'object') return;
  if (ArrayBuffer.isView(handle)) return;
  if (Array.isArray(handle)) return handle.forEach(keep);
  if (Symbol.dispose in handle || /^(Pollable|InputStream|OutputStream)$/.test(handle.constructor.name)) {
    const kind = handle.constructor.name;
    const same = handles.get(kind) ?? handles.set(kind, []).get(kind);
    same.push(handle);
    if (same.length > KEPT + draw(KEPT)) release(same);
    return;
  }
  Object.values(handle).forEach(keep);
}

function release(same) {
  const [handle] = same.splice(draw(same.length), 1);
  if (draw(2)) {
    handle[Symbol.dispose]?.();
    given += 1;
    // A handle that is gone is used all the same, now and then.
    if (!draw(8)) same.push(handle);
  } else {
    collected += 1;
  }
}

const PORTS = [0, 1, 65535];
const NUMBERS = [0, 1, 2, 42, 255, 256, 65535, 2 ** 31, 2 ** 32 - 1];
const LONG = [0n, 1n, 5n, 1000n, 16384n, 65536n, 2n ** 32n, 2n ** 64n - 1n];
const TEXTS = [
  '', 'localhost', '127.0.0.1', '::1', 'a.example', '*.example', 'x'.repeat(300), '\0', '\ud800', 'h2',
  'TLS_CHACHA20_POLY1305_SHA256', 'HIGH:!aNULL', 'x25519', 'ed25519', '/nowhere',
];
const BYTES = [
  ...IDENTITY, new Uint8Array(), new Uint8Array(), new Uint8Array([22, 3, 1, 0, 5, 1]), new Uint8Array(100).fill(65),
  new Uint8Array(40000), new TextEncoder().encode('-----BEGIN CERTIFICATE-----\nAAAA\n'),
];
const WRONG = [undefined, null, NaN, -1, 'x', {}, [], 2n ** 70n, { tag: 'nothing' }, () => 0];

function value(type) {
  if (!draw(40)) return one(WRONG);
  if (type.endsWith(' | undefined')) return draw(2) ? undefined : value(type.slice(0, -12));
  if (type.startsWith("'")) return type.slice(1, -1);
  const many = type.match(/^Array<(.*)>$/);
  if (many) return Array.from({ length: draw(4) }, () => value(many[1]));
  switch (type) {
    case 'number': return draw(3) ? one(NUMBERS) : one(PORTS);
    case 'bigint': return one(LONG);
    case 'string': return one(TEXTS);
    case 'boolean': return draw(2) === 1;
    case 'Uint8Array': return one(BYTES);
    default: return types.has(type) ? types.get(type)() : one(handles.get(type) ?? [undefined]);
  }
}

for (const file of readdirSync(FOLDER).filter((name) => name.startsWith('portcullis-'))) read(file);
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
const { Context } = component.context;
const answered = new Map();
const errors = new Map();
const count = (map, name) => map.set(name, (map.get(name) ?? 0) + 1);

/** What every sequence begins with: contexts that can be used, and both ends of a connection. */
async function begin() {
  const server = Context.secure('server');
  const [chain, secret] = IDENTITY.map((val) => ({ tag: 'bytes', val }));
  server.loadIdentity(chain, secret, undefined);
  const client = Context.unverified('client');
  const listener = component.listener.Listener.listen(server, '127.0.0.1', 0, undefined);
  const { port } = listener.localAddress();
  PORTS.push(port);
  const near = component.port.Port.connect(client, '127.0.0.1', port);
  let far;
  let left = 2000;
  for (const goOn of [() => { far = listener.accept(); }, () => far.handshake(), () => near.handshake()]) {
    for (let isDone = false; !isDone; left -= 1) {
      try {
        goOn();
        isDone = true;
      } catch (error) {
        if (!left || !error.payload?.tag?.startsWith('want-')) throw error;
        try { near.handshake(); } catch { /* The loop comes back to it. */ }
        await new Promise((done) => setTimeout(done, 1));
      }
    }
  }
  const session = near.session();
  BYTES[2] = session.peerCertificates()[0];
  // An engine that is asked to choose a context has a ClientHello to ask about.
  const asking = Context.secure('server');
  asking.askForContext();
  const { Engine } = component.engine;
  const [there, here] = [Engine.start(client, 'localhost'), Engine.start(asking, undefined)];
  try { there.handshake(); } catch { /* It wants to read. */ }
  here.putCiphertext(there.takeCiphertext(65536n));
  try { here.handshake(); } catch { /* It wants a context. */ }
  const hello = here.clientHello();
  [session, server, client, asking, listener, near, far, there, here, hello].forEach(keep);
}

const wanted = functions.filter(({ own }) => !LEFT_OUT.test(own));
for (let number = 0; number < Number(calls); number += 1) {
  if (number % 500 === 0) {
    await begin();
    collect();
    // Finalizers run between turns, and so do the shim's sockets.
    await new Promise((done) => setImmediate(done));
  }
  const { name, call, takes } = one(wanted);
  const chosen = takes.map(value);
  try {
    const answer = call(...chosen);
    count(answered, name);
    // A pollable that outlives its listener ends the component, as its documentation says.
    if (name === 'Listener.subscribe') answer[Symbol.dispose]();
    else keep(answer);
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) {
      console.error(`call ${number} of seed ${seed}, ${name}: ${error.stack}`);
      console.error('not ok - it traps');
      process.exit(1);
    }
    const typed = error.payload?.tag;
    count(answered, name);
    count(errors, typed ?? error.constructor.name);
  }
}
const never = wanted.map(({ name }) => name).filter((name) => !answered.has(name));
console.log(`${calls} calls of ${wanted.length} functions, ${given} handles disposed of, ${collected} forgotten`);
console.log(JSON.stringify(Object.fromEntries([...errors].sort())));
if (never.length) {
  console.error(`not ok - never called: ${never.join(', ')}`);
  process.exit(1);
}
console.log('ok - every call ends in a value or an error that can be caught');
process.exit(0);
