/**
 * Connections and listeners with promises, async iterators and web streams, over the bindings of
 * `portcullis:tls`. It imports no interface: `component.js` hands them over in a component, and in
 * Node the program does, with those of the transpiled component.
 *
 * @module
 */

import { parser } from './certificate.js';
import { Connection, Listener } from './connection.js';
import { dispose, Engine, TlsError } from './engine.js';
import { answered, checked, checkTogether, configure } from './options.js';
import { findStreams, mend } from './shim.js';
import { oneOf, record, typeError } from './values.js';

export { Connection, Listener, TlsError };

/**
 * A certificate or key, PEM or DER: a string is a path, which has to be below a preopened directory
 * except in Node; bytes are the contents.
 * @typedef {string | ArrayBufferView | ArrayBuffer} Source
 */

/**
 * How connections are made; what is left out or undefined stays safe: TLS 1.2 to 1.3, chain and
 * name verified, by the authorities that the environment variables `SSL_CERT_FILE` and
 * `SSL_CERT_DIR` name (several directories are divided by colons), else by the built-in web roots.
 * @typedef {object} Options
 * @property {Source | Source[]} [ca] Authorities to trust in place of the web roots.
 * @property {string | string[]} [caDirectory] Directories of authorities to trust, likewise.
 * @property {boolean} [webRoots] Trust the web roots besides `ca`.
 * @property {Source} [cert] The own certificate chain; a server needs one, or `pkcs12`.
 * @property {Source} [key] Its private key; left out, it is in `cert` too.
 * @property {Source} [pkcs12] Chain and key in one.
 * @property {string} [passphrase] The passphrase of `key` or `pkcs12`.
 * @property {'tls12' | 'tls13'} [minVersion] The lowest version.
 * @property {'tls12' | 'tls13'} [maxVersion] The highest version.
 * @property {string | string[]} [ciphers] A cipher list in OpenSSL's syntax.
 * @property {boolean} [honorCipherOrder] Whether a server's order of suites decides, or the client's; true.
 * @property {string | string[]} [groups] The key exchange groups, in order: names that
 *   `supportedGroups()` lists, in any case.
 * @property {string | string[]} [sigalgs] The signature schemes, in order, as a list or divided by
 *   colons: names that `supportedSignatureSchemes()` lists, in any case.
 * @property {string | string[]} [alpn] The application protocols, the preferred first. A server
 *   refuses a client that offers others only.
 * @property {boolean} [alpnOptional] A server goes on without a protocol where none is in common.
 * @property {'required' | 'optional' | 'deferred' | 'unverified'} [verify] What is asked of the
 *   peer's certificate; servers ask for none unless told. With `deferred` the connection goes on
 *   whatever is found, and `authorized` tells.
 * @property {string} [verifyName] The name that the certificate must have, in place of `host`.
 * @property {boolean} [unverifiedName] Accept any name.
 * @property {string | Uint8Array | (string | Uint8Array)[]} [pins] Public keys of which the peer's
 *   chain must have one: the SHA-256 of each, as `publicKeyFingerprint256` of `peerCertificate`.
 * @property {Source | Source[]} [crl] Revocation lists, one of each authority above the peer: what they
 *   have revoked is refused, and what none of them is about.
 * @property {string | false} [serverName] The name sent in SNI; false for none.
 * @property {boolean} [tolerateTruncation] Take an end without close_notify as the end.
 * @property {number} [maxSendFragment] The most bytes of plaintext in a record that is sent.
 * @property {number} [sessions] How many sessions are kept to be resumed; 0 for none.
 * @property {number} [sessionTimeout] For how many seconds a server resumes a session.
 * @property {number} [tickets] How many tickets a server sends after a handshake of TLS 1.3.
 * @property {Uint8Array | Uint8Array[]} [ticketKeys] Secrets of 32 to 80 bytes that a server's
 *   tickets are sealed under: the first seals, all open. Servers that share them resume each
 *   other's sessions.
 * @property {Partial<Record<'connect' | 'handshake' | 'read' | 'shutdown' | 'write',
 *   number | null>>} [timeouts] In milliseconds; null is no limit.
 * @property {object} [context] A context made by `context()`, in place of all of these.
 */

/**
 * Returns the functions, which call these interfaces. Wrong arguments, unknown options and options
 * that would be ignored are a TypeError, numbers out of range a RangeError.
 * @param {object} interfaces `errors`, `context`, `port` and `listener` of `portcullis:tls`, `poll`
 *   of `wasi:io` and `monotonicClock` of `wasi:clocks`, each an object of its bindings;
 *   `certificate` of `portcullis:tls`, which `Connection.peerCertificate` alone needs;
 *   `streams` of `preview2-shim/io` in Node, which are looked for unless told; `environment`, a
 *   function that gives the variables as an object, Node's own unless told; `blocks`, whether
 *   waiting may sleep in the host, as it does in a component
 */
export function portcullis(interfaces) {
  const { context, port, listener, environment, blocks = false } = needed(interfaces);
  const streams = interfaces.streams ?? (blocks ? undefined : findStreams(interfaces.poll));
  if (streams) mend(streams);
  const engine = new Engine(interfaces, blocks);
  const { Context } = context;
  const { Port } = port;
  const call = (operation) => engine.call(operation);
  const surroundings = { absolute, environment: environment ?? (() => process?.env ?? {}) };
  const parse = parser(interfaces.certificate, call);
  /** Whom the contexts made here trust, for people. */
  const trusted = new WeakMap();
  const searchedOf = (made) => trusted.get(made);

  /** An open context of these options. */
  const contextOf = (role, options) => {
    checkTogether(role, options);
    const made = call(() => Context.secure(role));
    try {
      trusted.set(made, configure(call, made, role, options, surroundings));
    } catch (error) {
      dispose(made);
      throw error;
    }
    return made;
  };

  /** Returns what `use` makes of a context of these options; one that is made for it is freed. */
  const withContext = (role, options, use) => {
    const made = options.context ?? contextOf(role, options);
    try {
      return use(made, trusted.get(made));
    } catch (error) {
      if (error.value?.item === 'trust-roots') error.message += `; searched: ${trusted.get(made)}`;
      throw error;
    } finally {
      if (made !== options.context) dispose(made);
    }
  };

  return {
    /**
     * The key exchange groups that there are, by their IANA names and in the order of preference.
     * @returns {string[]}
     */
    supportedGroups() {
      return call(() => context.supportedGroups());
    },

    /**
     * The signature schemes that there are, by their IANA names and in the order of preference.
     * @returns {string[]}
     */
    supportedSignatureSchemes() {
      return call(() => context.supportedSignatureSchemes());
    },

    /**
     * A raw context of these options, for many connections; its own functions, and the reports
     * that they return, are there until it is used.
     * @param {'client' | 'server'} role @param {Options} [options]
     */
    context(role, options = {}) {
      return contextOf(oneOf('client', 'server')(role, 'role'), checked('context', options));
    },

    /**
     * Connects, and does the handshake.
     * @param {Options & { host: string, port: number }} options @returns {Promise<Connection>}
     */
    async connect(options) {
      const all = checked('connect', options, ['host', 'port']);
      const { host, port: number, ...rest } = all;
      return secured(withContext('client', rest, (made, searched) =>
        new Connection(engine, call(() => Port.connect(made, host, number)), { searched, parse })));
    },

    /**
     * Speaks TLS on a connection that is there already (STARTTLS), and does the handshake.
     * @param {Options & { role?: 'client' | 'server', host?: string, input: object,
     *   output: object, alreadyRead?: Uint8Array }} options `input` and `output` are streams of
     *   `wasi:io`, whose socket must outlive the connection; `alreadyRead` came out of `input`
     * @returns {Promise<Connection>}
     */
    async start(options) {
      const { role, host, input, output, alreadyRead = new Uint8Array(), ...rest } =
        checked('start', options, ['input', 'output']);
      const played = rest.context?.role() ?? role ?? 'client';
      if (role && role !== played) throw typeError(`role beside a context of a ${played}`);
      if (played === 'server' && host !== undefined) throw typeError('host is for clients only');
      const transport = { input, output, alreadyRead };
      return secured(withContext(played, rest, (made, searched) =>
        new Connection(
          engine, call(() => Port.start(made, host, transport)), { searched, parse })));
    },

    /**
     * Listens. An accepted connection has not done its handshake: see `Connection.handshake`.
     *
     * `chooseContext` is asked in each handshake when the ClientHello is there, and gives a context
     * that `context('server')` has made, or the number of the alert that refuses the client: 112
     * for a name that nobody here has. The handshake timer runs on meanwhile. If it throws, the
     * client gets alert 80, and the operation that ran the handshake fails with what was thrown.
     * With it, the options need no certificate.
     * @param {Options & { ip?: string, port?: number, backlog?: number,
     *   chooseContext?: (hello: import('./hello.js').Hello) => object | number | Promise<object |
     *   number> }} options loopback and a free port, unless told @returns {Promise<Listener>}
     */
    async listen(options) {
      const { ip = '127.0.0.1', port: number = 0, backlog, chooseContext, ...rest } =
        checked('listen', options);
      const waiting = backlog === undefined ? undefined : BigInt(backlog);
      const choose = chooseContext && (async (hello) => answered(await chooseContext(hello)));
      return withContext('server', rest, (made, searched) => {
        if (choose) call(() => made.askForContext());
        const listening = call(() => listener.Listener.listen(made, ip, number, waiting));
        return new Listener(engine, listening, { searched, parse, choose, searchedOf });
      });
    },
  };
}

/** The process, where there is one: in Node. */
const { process } = globalThis;

/** Makes a path absolute in Node: the component, which opens it, knows no working directory. */
function absolute(path) {
  const isHere = process?.versions?.node && !/^([/\\]|[A-Za-z]:)/.test(path);
  return isHere ? `${process.cwd()}/${path}` : path;
}

/** Each interface has to be there before anything is called. */
function needed(interfaces) {
  record(interfaces, 'the argument of portcullis()');
  for (const name of ['errors', 'context', 'port', 'listener', 'poll', 'monotonicClock']) {
    if (!interfaces[name]) throw typeError(`portcullis() needs ${name}, an object of its bindings`);
  }
  return interfaces;
}

/** Returns the connection when its handshake is done; frees it if that fails. */
async function secured(connection) {
  try {
    await connection.handshake();
    return connection;
  } catch (error) {
    connection.abort();
    throw error;
  }
}
