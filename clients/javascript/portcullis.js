/**
 * Connections and listeners with promises, async iterators and web streams, over the bindings of
 * `portcullis:tls`. It imports no interface: `component.js` hands them over in a component, and in
 * Node the program does, with those of the transpiled component.
 *
 * @module
 */

import { Connection, dispose, Engine, Listener, TlsError } from './connection.js';

export { Connection, Listener, TlsError };

const list = (value) => (value === undefined ? [] : [value].flat());
const source = (from) =>
  typeof from === 'string' ? { tag: 'path', val: from } : { tag: 'bytes', val: from };

/**
 * A certificate or key, PEM or DER: a string is a path below a preopened directory, bytes are the
 * contents.
 * @typedef {string | Uint8Array} Source
 */

/**
 * How connections are made; what is left out stays safe: TLS 1.2 to 1.3, the built-in web roots,
 * chain and name verified. Another name than these throws a TypeError.
 * @typedef {object} Options
 * @property {Source | Source[]} [ca] Authorities to trust in place of the web roots.
 * @property {string | string[]} [caDirectory] Directories of authorities to trust, likewise.
 * @property {boolean} [webRoots] Trust the web roots besides `ca`.
 * @property {Source} [cert] The own certificate chain; a server needs one, or `pkcs12`.
 * @property {Source} [key] Its private key; left out, it is in `cert` too.
 * @property {Source} [pkcs12] Chain and key in one.
 * @property {string} [passphrase] Of `key` or `pkcs12`.
 * @property {'tls12' | 'tls13'} [minVersion] The lowest version.
 * @property {'tls12' | 'tls13'} [maxVersion] The highest version.
 * @property {string | string[]} [ciphers] A cipher list in OpenSSL's syntax.
 * @property {('x25519-mlkem768' | 'x25519' | 'secp256r1' | 'secp384r1')[]} [groups] The key exchange
 *   groups, in order.
 * @property {'required' | 'optional' | 'unverified'} [verify] What is asked of the peer's
 *   certificate; servers ask for none unless told.
 * @property {string} [verifyName] The name that the certificate must have, in place of `host`.
 * @property {boolean} [unverifiedName] Accept any name.
 * @property {string | false} [serverName] The name sent in SNI; false for none.
 * @property {boolean} [tolerateTruncation] Take an end without close_notify as the end.
 * @property {Record<'connect' | 'handshake' | 'read' | 'shutdown' | 'write', number | null>}
 *   [timeouts] In milliseconds; null is no limit.
 * @property {object} [context] A context made by `context()`, in place of all of these.
 */

/**
 * The functions, over the interfaces that it is handed.
 * @param {object} interfaces `types`, `context`, `port` and `listener` of `portcullis:tls`, `poll`
 *   of `wasi:io` and `monotonicClock` of `wasi:clocks`, each an object of its bindings
 */
export function portcullis({ types, context, port, listener, poll, monotonicClock }) {
  const engine = new Engine({ types, poll, monotonicClock });
  const { Context } = context;
  const { Port } = port;

  /** What `use` makes of a sealed context of these options. */
  const withContext = (role, options, use) => {
    const made = options.context ?? contextOf(role, options);
    try {
      return engine.call(() => use(made));
    } finally {
      if (made !== options.context) dispose(made);
    }
  };

  /** Refuses what the bindings would take the low 16 bits of. */
  const check = (number) =>
    engine.call(() => {
      if (number === (number & 0xffff)) return;
      throw { tag: 'invalid-argument', val: `port ${number}; use 1 to 65535` };
    });

  /** An open context of these options. */
  const contextOf = (role, options) =>
    engine.call(() => {
      const made = Context.secure(role);
      try {
        configure(made, options);
      } catch (error) {
        dispose(made);
        throw error;
      }
      return made;
    });

  return {
    /**
     * A raw context of these options, for many connections; its own functions, and the reports
     * that they return, are there until it is used.
     * @param {'client' | 'server'} role @param {Options} [options]
     */
    context: (role, options = {}) => contextOf(role, options),

    /**
     * Connects, and does the handshake.
     * @param {Options & { host: string, port: number }} options @returns {Promise<Connection>}
     */
    async connect({ host, port: number, ...options }) {
      check(number);
      const made = withContext('client', options, (context) => Port.connect(context, host, number));
      return secured(new Connection(engine, made));
    },

    /**
     * Speaks TLS on a connection that is there already (STARTTLS), and does the handshake.
     * @param {Options & { role?: 'client' | 'server', host?: string, input: object,
     *   output: object, alreadyRead?: Uint8Array }} options `input` and `output` are streams of
     *   `wasi:io`, whose socket must outlive the connection; `alreadyRead` came out of `input`
     * @returns {Promise<Connection>}
     */
    async start({ role = 'client', host, input, output, alreadyRead, ...options }) {
      const transport = { input, output, alreadyRead: alreadyRead ?? new Uint8Array() };
      const made = withContext(role, options, (context) => Port.start(context, host, transport));
      return secured(new Connection(engine, made));
    },

    /**
     * Listens. An accepted connection has not done its handshake: see `Connection.handshake`.
     * @param {Options & { ip?: string, port?: number, backlog?: number }} options loopback and a
     *   free port, unless told @returns {Promise<Listener>}
     */
    async listen({ ip = '127.0.0.1', port: number = 0, backlog, ...options }) {
      check(number);
      const waiting = backlog === undefined ? undefined : BigInt(backlog);
      return new Listener(engine, withContext('server', options, (context) =>
        listener.Listener.listen(context, ip, number, waiting)));
    },
  };
}

/** The connection when its handshake is done; else it is freed. */
async function secured(connection) {
  try {
    await connection.handshake();
    return connection;
  } catch (error) {
    connection.abort();
    throw error;
  }
}

/** Puts options into an open context. */
function configure(made, options) {
  const { ca, caDirectory, webRoots, cert, key, pkcs12, passphrase, minVersion, maxVersion,
    ciphers, groups, verify, verifyName, unverifiedName, serverName, tolerateTruncation, timeouts,
    ...unknown } = options;
  for (const name of Object.keys(unknown)) throw new TypeError(`there is no option ${name}`);
  list(ca).forEach((each) => made.addTrustRoots(source(each)));
  list(caDirectory).forEach((each) => made.addTrustDirectory(each));
  if (webRoots) made.addWebRoots();
  if (cert) made.loadIdentity(source(cert), source(key ?? cert), passphrase);
  if (pkcs12) made.loadPkcs12(source(pkcs12), passphrase);
  if (minVersion ?? maxVersion) made.setVersions(minVersion ?? 'tls12', maxVersion ?? 'tls13');
  if (ciphers) made.setCipherList(list(ciphers));
  if (groups) made.setGroups(list(groups));
  if (verify) made.setVerify(verify);
  if (unverifiedName) made.setVerifyName({ tag: 'unverified' });
  else if (verifyName) made.setVerifyName({ tag: 'name', val: verifyName });
  if (serverName === false) made.setServerName({ tag: 'off' });
  else if (serverName) made.setServerName({ tag: 'name', val: serverName });
  if (tolerateTruncation) made.setTruncation('tolerated');
  for (const [timer, limit] of Object.entries(timeouts ?? {})) {
    made.setTimeout(timer, limit === null ? undefined : BigInt(limit));
  }
}
