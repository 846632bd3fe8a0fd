/**
 * A connection and a listener with promises. They know no options: `portcullis.js` makes them.
 *
 * @module
 */

import { dispose, Handle, TlsError } from './engine.js';
import { helloOf } from './hello.js';
import { bytes, whole } from './values.js';

const CHUNK = 64 * 1024; // One call's copy into the component or out of it is no larger than this.
const INTERNAL_ERROR = 80; // The alert of RFC 8446 section 6.2.
const LAST_LOOK = 1024 * 1024; // How many unread bytes `close` looks through for an alert.
/** How each fact is asked for; `close` keeps the answers. */
const FACTS = {
  version: (session) => session.version(),
  cipherSuite: (session) => session.cipherSuite(),
  group: (session) => session.group(),
  signatureScheme: (session) => session.signatureScheme(),
  ownSignatureScheme: (session) => session.ownSignatureScheme(),
  alpn: (session) => session.alpn(),
  isResumed: (session) => session.isResumed(),
  peerCertificates: (session) => session.peerCertificates(),
  ownCertificates: (session) => session.ownCertificates(),
  certificateRequested: (session) => session.wasCertificateRequested(),
  refusal,
  isTruncated: (session) => session.isTruncated(),
  localAddress: (_, port) => port.localAddress(),
  remoteAddress: (_, port) => port.remoteAddress(),
};
const asyncDispose = Symbol.asyncDispose ?? Symbol.for('asyncDispose');
const length = whole(1, Number.MAX_SAFE_INTEGER);

/** Why the peer's certificate is not verified, a `certificate-error`; undefined if it is. */
function refusal(session) {
  try {
    session.verifyResult();
    return undefined;
  } catch (thrown) {
    if (!thrown?.payload) throw thrown;
    return thrown.payload;
  }
}

/** One TLS connection. Made by `connect`, `start` and `Listener.accept`. */
export class Connection {
  #engine;
  #session;
  #handle;
  #trusted;
  #parse;
  #peer;
  #facts;
  #read = Promise.resolve();
  #written = Promise.resolve();
  #closed;
  #readable;
  #writable;
  /** The peer's close_notify was read. */
  #hasEnded = false;
  /** Some operation has failed for good, and has said so. */
  #hasFailed = false;

  /**
   * @private
   * @param {{ searched?: string, parse: Function, choose?: Function, searchedOf?: Function }} ways
   *   whom the context trusts, for people; how a certificate is taken apart; what chooses the
   *   context by the ClientHello, and whom that one trusts
   */
  constructor(engine, port, { searched, parse, choose, searchedOf }) {
    const session = port.session();
    const answer = choose && ((handle) => this.#choose(handle, choose, searchedOf));
    this.#handle = new Handle(port, () => session.version() !== undefined, answer);
    [this.#engine, this.#session, this.#trusted, this.#parse] = [engine, session, searched, parse];
  }

  /**
   * Gives the port the context that is chosen, or refuses the peer. What `choose` throws refuses it
   * by alert 80, and is what the handshake fails with; at once, for other operations may be tried
   * between two steps of a promise. If the connection has ended meanwhile, that is the reason.
   */
  async #choose(handle, choose, searchedOf) {
    try {
      const { context, alert } = await choose(helloOf(handle.get().clientHello()));
      this.#engine.call(() =>
        context ? handle.get().setContext(context) : handle.get().refuse(alert));
      this.#trusted = context && searchedOf(context);
    } catch (error) {
      try {
        handle.get().refuse(INTERNAL_ERROR);
      } catch {
        return;
      }
      handle.fail(error);
      this.#hasFailed = true;
    }
  }

  #fact = (name) =>
    this.#facts ? this.#facts[name] : FACTS[name](this.#session, this.#handle.get());

  async #until(operation) {
    try {
      return await this.#engine.until(this.#handle, operation);
    } catch (error) {
      throw this.#explained(error);
    }
  }

  #explained(error) {
    if (!(error instanceof TlsError)) return error;
    const { code, value } = error;
    const isHarmless = ['closed', 'not-supported'].includes(code);
    this.#hasFailed ||= !isHarmless && !(code === 'timeout' && value === 'read');
    return this.#withTrust(error);
  }

  /** Adds to the error of an unknown authority where it was searched for. */
  #withTrust(error) {
    const { code, value } = error;
    if (code === 'certificate' && value.reason === 'unknown-authority' && this.#trusted) {
      // In place of the component's detail, since this one names the options and variables.
      const searched = `searched: ${this.#trusted}`;
      error.message = error.message.includes(value.detail)
        ? error.message.replace(value.detail, () => searched) : `${error.message}; ${searched}`;
    }
    return error;
  }

  /** The negotiated version. @returns {'tls12' | 'tls13' | undefined} */
  get version() { return this.#fact('version'); }
  /** The IANA name of the negotiated suite. @returns {string | undefined} */
  get cipherSuite() { return this.#fact('cipherSuite'); }
  /** The IANA name of the negotiated key exchange group. @returns {string | undefined} */
  get group() { return this.#fact('group'); }
  /** The IANA name of the scheme that the peer has signed by. @returns {string | undefined} */
  get signatureScheme() { return this.#fact('signatureScheme'); }
  /** The IANA name of the scheme that this side has signed by. @returns {string | undefined} */
  get ownSignatureScheme() { return this.#fact('ownSignatureScheme'); }
  /** The application protocol that was agreed on. @returns {string | undefined} */
  get alpn() { return this.#fact('alpn'); }
  /** Whether the handshake resumed an earlier session. @returns {boolean | undefined} */
  get isResumed() { return this.#fact('isResumed'); }
  /** The peer's certificates as DER, its own first. @returns {Uint8Array[]} */
  get peerCertificates() { return this.#fact('peerCertificates'); }
  /**
   * What the peer's own certificate says, whether it is verified or not; undefined if it sent none.
   * @returns {import('./certificate.js').Certificate | undefined}
   */
  get peerCertificate() {
    const [own] = this.#peer ? [] : this.peerCertificates;
    return (this.#peer ??= own && this.#parse(own));
  }
  /** The certificates that this side has presented, as DER. @returns {Uint8Array[]} */
  get ownCertificates() { return this.#fact('ownCertificates'); }
  /** Whether the server has asked for a client's certificate. @returns {boolean | undefined} */
  get certificateRequested() { return this.#fact('certificateRequested'); }
  /** Whether the peer presented a certificate and it passed every check. @returns {boolean} */
  get authorized() { return this.#fact('refusal') === undefined; }
  /**
   * Why the peer is not authorized, as `connect` throws it with `required`; null if it is.
   * The reason is `not-checked` before the handshake is done, and with `unverified`.
   * @returns {TlsError | null}
   */
  get authorizationError() {
    const val = this.#fact('refusal');
    return val ? this.#withTrust(this.#engine.error({ tag: 'certificate', val })) : null;
  }
  /** Whether the peer's bytes ended without close_notify. @returns {boolean} */
  get isTruncated() { return this.#fact('isTruncated'); }
  /** This side's address. @returns {{ ip: string, port: number } | undefined} */
  get localAddress() { return this.#fact('localAddress'); }
  /** The peer's address. @returns {{ ip: string, port: number } | undefined} */
  get remoteAddress() { return this.#fact('remoteAddress'); }

  /** Runs the handshake, as the first read or write of an accepted connection does. */
  async handshake() {
    await this.#until((port) => port.handshake());
  }

  /**
   * Up to `most` bytes, at least one; null at the end. Several reads are served in their order.
   * @param {number} [most] @returns {Promise<Uint8Array | null>}
   */
  async read(most = CHUNK) {
    const limit = BigInt(length(most, 'the length of a read'));
    return (this.#read = this.#read.catch(() => {}).then(async () => {
      const plaintext = await this.#until((port) => port.read(limit));
      this.#hasEnded ||= plaintext === undefined && !this.isTruncated;
      return plaintext ?? null;
    }));
  }

  /**
   * Writes all, and waits until the transport has taken it; several writes keep their order. The
   * bytes are copied at once, so that the buffer may be used again.
   * @param {string | ArrayBufferView | ArrayBuffer | SharedArrayBuffer} plaintext a string goes as
   *   UTF-8 @returns {Promise<void>}
   */
  async write(plaintext) {
    let rest = bytes(plaintext, 'what is written', true);
    if (typeof plaintext !== 'string') rest = rest.slice();
    return this.#inTurn(async () => {
      while (rest.length > 0) {
        const chunk = rest.subarray(0, CHUNK);
        rest = rest.subarray(Number(await this.#until((port) => port.write(chunk))));
      }
      await this.#until((port) => port.flush());
    });
  }

  /**
   * Takes new keys for what is written after all earlier writes, and asks the peer for new ones:
   * TLS 1.3 only. Keys that have protected much are renewed without it. @returns {Promise<void>}
   */
  updateKeys() {
    return this.#inTurn(async () => {
      await this.#until((port) => port.updateKeys());
      await this.#until((port) => port.flush());
    });
  }

  /**
   * Sends close_notify after all writes, and goes on reading. It does not fail if the peer has sent
   * close_notify too, and is gone. @returns {Promise<void>}
   */
  closeOutput() {
    return this.#inTurn(() => this.#end());
  }

  async #end() {
    try {
      await this.#engine.until(this.#handle, (port) => port.closeOutput());
    } catch (error) {
      if (this.#hasEnded && error.code === 'network') return;
      throw this.#explained(error);
    }
  }

  /** Runs an operation after all earlier writes, whether they failed or not. */
  #inTurn(operation) {
    return (this.#written = this.#written.catch(() => {}).then(operation));
  }

  /**
   * Sends close_notify after all writes and frees the socket; what was not read is lost. Closing
   * twice is harmless. It fails if the peer has refused us or does not take close_notify in time;
   * it does not fail because the peer is gone, nor with a failure that was reported before.
   * @returns {Promise<void>}
   */
  close() {
    if (this.#closed) return this.#closed;
    // Before the handshake is done no write has sent anything, so there is none to wait for.
    const isOpen = !this.#facts && this.version !== undefined;
    return (this.#closed = isOpen ? this.#inTurn(() => this.#close()) : this.#close());
  }

  async #close() {
    if (this.#facts) return;
    let failure;
    const isOpen = this.version !== undefined;
    try {
      if (isOpen && !this.#hasFailed) {
        this.#look();
        await this.#end();
      }
    } catch (error) {
      if (this.#facts) return; // `abort` has freed it meanwhile.
      failure = error;
    }
    const hadFailed = this.#hasFailed && !failure;
    try {
      this.#free((port) => this.#engine.call(() => port.close()));
    } catch (error) {
      failure ??= hadFailed ? undefined : error;
    }
    if (failure && !['network', 'truncated'].includes(failure.code)) throw failure;
  }

  /**
   * Looks through the bytes that have arrived and were not read, which are lost anyway. The peer's
   * alert or close_notify may follow them, and a write to a peer that is gone can lose both.
   */
  #look() {
    const step = (port) => {
      for (let left = LAST_LOOK; left > 0;) {
        const plaintext = port.read(BigInt(left));
        if (!plaintext) return true;
        left -= plaintext.length;
      }
      return false;
    };
    try {
      if (this.#engine.call(() => step(this.#handle.get()))) this.#hasEnded = true;
    } catch (error) {
      if (/^(want-|timeout$)/.test(error.code)) return; // Nothing more has arrived.
      throw this.#explained(error);
    }
  }

  /** Frees the socket at once and sends nothing: the peer sees a truncated connection. */
  abort() {
    this.#free(() => {});
  }

  #free(end) {
    if (this.#facts) return;
    this.#facts = Object.fromEntries(Object.keys(FACTS).map((name) => [name, this.#fact(name)]));
    try {
      this.#handle.free(end);
    } finally {
      dispose(this.#session);
    }
  }

  /** What the peer sends. Cancelling it does not close the connection. @type {ReadableStream} */
  get readable() {
    return (this.#readable ??= new ReadableStream({
      pull: async (controller) => {
        const plaintext = await this.read();
        if (plaintext) controller.enqueue(plaintext);
        else controller.close();
      },
    }, { highWaterMark: 0 }));
  }

  /** What the peer gets. Closing it calls `closeOutput`. @type {WritableStream} */
  get writable() {
    return (this.#writable ??= new WritableStream({
      write: (plaintext) => this.write(plaintext),
      close: () => this.closeOutput(),
      abort: () => this.abort(),
    }));
  }

  /** The chunks that the peer sends, to the end. */
  async *[Symbol.asyncIterator]() {
    for (let plaintext; (plaintext = await this.read());) yield plaintext;
  }

  /** For `await using`. */
  [asyncDispose]() { return this.close(); }
}

/** A listening socket whose connections speak TLS. Made by `listen`. */
export class Listener {
  #engine;
  #handle;
  #ways;

  /** @private @param {object} ways as for a connection */
  constructor(engine, listener, ways) {
    [this.#engine, this.#handle, this.#ways] = [engine, new Handle(listener), ways];
  }

  /** The address that it listens on. @returns {{ ip: string, port: number }} */
  get address() { return this.#engine.call(() => this.#handle.get().localAddress()); }

  /** The next connection; its handshake runs with its first read or write. */
  async accept() {
    const port = await this.#engine.until(this.#handle, (listener) => listener.accept());
    return new Connection(this.#engine, port, this.#ways);
  }

  /** Stops listening; connections that were accepted go on. Closing twice is harmless. */
  close() { this.#handle.free((listener) => listener.close()); }

  /** The connections, until it is closed. */
  async *[Symbol.asyncIterator]() {
    for (;;) {
      const next = await this.accept().catch((error) => {
        if (error.code !== 'closed') throw error;
      });
      if (!next) return;
      yield next;
    }
  }

  /** For `await using`. */
  async [asyncDispose]() { this.close(); }
}
