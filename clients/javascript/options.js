/**
 * Options: what there is, what goes together, and how it is put into a context.
 *
 * @module
 */

import {
  bytes, callable, flag, fingerprint, oneOf, path, record, several, source, text, typeError, whole,
} from './values.js';

const BIGGEST = Number.MAX_SAFE_INTEGER;
const TIMERS = ['connect', 'handshake', 'read', 'shutdown', 'write'];
const version = oneOf('tls12', 'tls13');

/** One or several. Who has none leaves the option out: an empty list would check nothing. */
const some = (kind) => (value, name) => {
  const found = several(kind)(value, name);
  if (found.length === 0) throw typeError(`${name} must not be empty`);
  return found;
};

/** The options of a context, each with its check. */
export const CONTEXT = {
  ca: several(source),
  caDirectory: several(path),
  webRoots: flag,
  cert: source,
  key: source,
  pkcs12: source,
  passphrase: text,
  minVersion: version,
  maxVersion: version,
  ciphers: several(text),
  honorCipherOrder: flag,
  groups: several(text),
  sigalgs: (value, name) => several(text)(value, name).flatMap((each) => each.split(':')),
  alpn: several(text),
  alpnOptional: flag,
  verify: oneOf('required', 'optional', 'deferred', 'unverified'),
  verifyName: text,
  unverifiedName: flag,
  pins: some(fingerprint),
  crl: some(source),
  serverName: (value, name) => (value === false ? value : text(value, name)),
  tolerateTruncation: flag,
  maxSendFragment: whole(64, 16_384),
  sessions: whole(0, 65_536),
  sessionTimeout: whole(1, 604_800),
  tickets: whole(0, 16),
  ticketKeys: several((value, name) => bytes(value, name)),
  timeouts,
};

/** The options that each function takes besides those of a context. */
export const CALLS = {
  context: {},
  connect: { host: text, port: whole(1, 65_535), context: made },
  start: {
    role: oneOf('client', 'server'),
    host: text,
    input: record,
    output: record,
    alreadyRead: (value, name) => bytes(value, name),
    context: made,
  },
  listen: {
    ip: text,
    port: whole(0, 65_535),
    backlog: whole(1, BIGGEST),
    chooseContext: callable,
    context: made,
  },
};

/** Options of clients: a server would ignore them. */
const CLIENTS = ['verifyName', 'unverifiedName', 'serverName', 'host'];
/** Options of servers: the component refuses them to a client, or has no use for them. */
const SERVERS = ['honorCipherOrder', 'alpnOptional', 'sessionTimeout', 'tickets', 'ticketKeys'];

/** What other libraries call an option, in lower case, and what to use here. */
const ELSEWHERE = {
  alpncallback: 'use chooseContext',
  alpnprotocols: 'use alpn',
  applicationprotocols: 'use alpn',
  cafile: 'use ca',
  capath: 'use caDirectory',
  certificate: 'use cert',
  ciphersuites: 'use ciphers',
  crls: 'use crl',
  ecdhcurve: 'use groups',
  hostname: 'use host',
  numtickets: 'use tickets',
  password: 'use passphrase',
  pfx: 'use pkcs12',
  pinnedpubkey: 'use pins',
  privatekey: 'use key',
  recordsize: 'use maxSendFragment',
  rejectunauthorized: "use verify: 'deferred' and look at authorized, or verify: 'unverified'",
  requestcert: "use verify: 'required'",
  sessioncache: 'use sessions',
  signal: 'use timeouts, or call abort()',
  signaturealgorithms: 'use sigalgs',
  signatureschemes: 'use sigalgs',
  snicallback: 'use chooseContext',
  timeout: 'use timeouts',
};

function timeouts(value, name) {
  const limits = {};
  for (const [timer, limit] of Object.entries(record(value, name))) {
    if (!TIMERS.includes(timer)) {
      throw typeError(`there is no timer ${timer}; there are ${TIMERS.join(', ')}`);
    }
    if (limit === undefined) continue;
    limits[timer] = limit === null ? null : whole(0, BIGGEST)(limit, `${name}.${timer}`);
  }
  return limits;
}

function made(value, name) {
  if (typeof record(value, name).seal === 'function') return value;
  throw typeError(`${name} must be what context() returns, not another object`);
}

/** The answer of `chooseContext`, checked. @returns {{ context?: object, alert?: number }} */
export function answered(answer) {
  const name = 'what chooseContext returns';
  return typeof answer === 'number'
    ? { alert: whole(1, 255)(answer, name) } : { context: made(answer, name) };
}

/** Why there is no such option, and which there is. */
function unknown(name, known) {
  const lower = name.toLowerCase();
  const meant = known.find((each) => each.toLowerCase() === lower);
  const cure = meant ? `use ${meant}` : ELSEWHERE[lower] ?? `there are ${known.join(', ')}`;
  return typeError(`there is no option ${name}; ${cure}`);
}

/**
 * Options that were checked, without those that are undefined; every wrong one is a TypeError, or a
 * RangeError if it is a number out of range.
 * @param {keyof typeof CALLS} call @param {unknown} options @param {string[]} [needed]
 */
export function checked(call, options, needed = []) {
  const kinds = { ...CALLS[call], ...CONTEXT };
  const found = {};
  for (const [name, value] of Object.entries(record(options, `the argument of ${call}()`))) {
    if (!Object.hasOwn(kinds, name)) throw unknown(name, Object.keys(kinds));
    if (value !== undefined) found[name] = kinds[name](value, name);
  }
  for (const name of needed) {
    // Its own check says what it has to be.
    if (!(name in found)) kinds[name](undefined, name);
  }
  if (found.context) {
    if (found.chooseContext) throw typeError('chooseContext beside context: use one');
    const ignored = Object.keys(found).find((name) => name in CONTEXT);
    if (ignored) throw typeError(`${ignored} beside context: put it into the context`);
  }
  return found;
}

/** Refuses options that would be ignored: their caller relies on them. */
export function checkTogether(role, options) {
  const without = (name, ...others) => {
    if (name in options && !others.some((other) => other in options)) {
      throw typeError(`${name} without ${others.join(' or ')}`);
    }
  };
  const beside = (name, other) => {
    if (name in options && other in options) throw typeError(`${name} beside ${other}: use one`);
  };
  without('key', 'cert');
  without('passphrase', 'cert', 'pkcs12');
  without('alpnOptional', 'alpn');
  beside('cert', 'pkcs12');
  if (options.unverifiedName) beside('unverifiedName', 'verifyName');
  if (role === 'server') {
    const ofClients = CLIENTS.find((name) => name in options);
    if (ofClients) throw typeError(`${ofClients} is for clients only`);
    if (!options.verify) {
      const trust = ['ca', 'caDirectory', 'webRoots', 'pins', 'crl'].find((name) => name in options);
      if (trust) throw typeError(`${trust} without verify: a server asks for no certificate`);
    }
  } else {
    const ofServers = SERVERS.find((name) => name in options);
    if (ofServers) throw typeError(`${ofServers} is for servers only`);
    if (options.verify === 'unverified' && 'verifyName' in options) {
      throw typeError("verifyName beside verify: 'unverified', which checks no name");
    }
  }
  if (options.verify === 'unverified') {
    if ('pins' in options) throw typeError("pins beside verify: 'unverified', which checks no key");
    if ('crl' in options) throw typeError("crl beside verify: 'unverified', which checks nothing");
  }
}

/**
 * Puts checked options into an open context.
 * @param {(operation: () => T) => T} call makes an error of the component's a TlsError
 * @param {object} surroundings `environment` and `absolute`, of `portcullis()`
 * @returns {string} whom it trusts, for people
 */
export function configure(call, made, role, options, surroundings) {
  const trusted = trust(call, made, role, options, surroundings);
  call(() => {
    const { cert, key, pkcs12, passphrase, minVersion, maxVersion } = options;
    const from = (source) => resolved(source, surroundings);
    if (cert) made.loadIdentity(from(cert), from(key ?? cert), passphrase);
    if (pkcs12) made.loadPkcs12(from(pkcs12), passphrase);
    if (minVersion ?? maxVersion) made.setVersions(minVersion ?? 'tls12', maxVersion ?? 'tls13');
    if (options.ciphers) made.setCipherList(options.ciphers);
    if (options.groups) made.setGroups(options.groups);
    if (options.sigalgs) made.setSignatureSchemes(options.sigalgs);
    if (options.alpn) made.setAlpn(options.alpn);
    if (options.verify) made.setVerify(options.verify);
    if (options.unverifiedName) made.setVerifyName({ tag: 'unverified' });
    else if ('verifyName' in options) made.setVerifyName({ tag: 'name', val: options.verifyName });
    if (options.serverName === false) made.setServerName({ tag: 'off' });
    else if ('serverName' in options) made.setServerName({ tag: 'name', val: options.serverName });
    options.pins?.forEach((pin) => made.addPin(pin));
    options.crl?.forEach((list) => made.addRevocationLists(from(list)));
    if (options.tolerateTruncation) made.setTruncation('tolerated');
    if (options.maxSendFragment) made.setRecordSize(options.maxSendFragment);
    if ('sessions' in options) made.setSessionCache(options.sessions);
    if (role === 'server') configureServer(made, options);
    for (const [timer, limit] of Object.entries(options.timeouts ?? {})) {
      made.setTimeout(timer, limit === null ? undefined : BigInt(limit));
    }
  });
  return trusted;
}

/** The part that a client does not have. */
function configureServer(made, options) {
  if (options.honorCipherOrder === false) made.setSuitePreference('client');
  if (options.alpnOptional) made.setAlpnMismatch('tolerated');
  if (options.sessionTimeout) made.setSessionLifetime(options.sessionTimeout);
  if ('tickets' in options) made.setTicketCount(options.tickets);
  if (options.ticketKeys) made.setTicketKeys(options.ticketKeys);
}

const resolved = (source, { absolute }) =>
  source.tag === 'path' ? { tag: 'path', val: absolute(source.val) } : source;

/**
 * Trusts what the options name; else, for a client that verifies, what `SSL_CERT_FILE` and
 * `SSL_CERT_DIR` name, as OpenSSL does; else the context stays as it is.
 */
function trust(call, made, role, options, surroundings) {
  const searched = [];
  const named = (name, operation) => {
    try {
      return call(operation);
    } catch (error) {
      error.message = `${name}: ${error.message}`;
      throw error;
    }
  };
  const file = (name, from) => {
    named(name, () => made.addTrustRoots(resolved(from, surroundings)));
    searched.push(from.tag === 'path' ? `${name} ${from.val}` : `${name} (bytes)`);
  };
  const directory = (name, each) => {
    const { files } = named(name, () => made.addTrustDirectory(surroundings.absolute(each)));
    searched.push(`${name} ${each}${files === 0 ? ' (where no file holds a certificate)' : ''}`);
  };
  options.ca?.forEach((from) => file('ca', from));
  options.caDirectory?.forEach((each) => directory('caDirectory', each));
  if (options.webRoots) call(() => made.addWebRoots());
  const isAsked = role === 'client' && options.verify !== 'unverified';
  if (isAsked && !options.ca && !options.caDirectory && !options.webRoots) {
    const { SSL_CERT_FILE, SSL_CERT_DIR } = surroundings.environment();
    if (SSL_CERT_FILE) file('SSL_CERT_FILE', source(SSL_CERT_FILE, 'SSL_CERT_FILE'));
    const directories = (SSL_CERT_DIR ?? '').split(':').filter((each) => each);
    directories.forEach((each) => directory('SSL_CERT_DIR', path(each, 'SSL_CERT_DIR')));
  }
  const hasOwn = searched.length > 0;
  if (isAsked && !hasOwn && options.webRoots === false) {
    throw typeError('webRoots: false without ca or caDirectory: nobody would be trusted');
  }
  if (!hasOwn || options.webRoots) searched.push('the built-in web roots');
  return searched.join(', ');
}
