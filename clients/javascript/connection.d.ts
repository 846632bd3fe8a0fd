import type { Certificate, TlsError } from './portcullis.js';

/** An IP address as text, a link-local one of IPv6 with its zone (`fe80::1%2`), and a TCP port. */
export interface Address {
  ip: string;
  port: number;
}

/** What `Connection.write` takes: a string goes as UTF-8, a view as the bytes that it views. */
export type Plaintext = string | ArrayBufferView | ArrayBuffer | SharedArrayBuffer;

/** Why a certificate was refused. */
export type CertificateReason =
  | 'bad-encoding' | 'bad-signature' | 'expired' | 'missing' | 'not-checked' | 'not-yet-valid'
  | 'pin-mismatch' | 'raw-key-untrusted' | 'rejected-by-caller' | 'revocation-list-bad'
  | 'revocation-list-expired' | 'revocation-unknown' | 'revoked' | 'staple-bad'
  | 'staple-missing' | 'too-costly' | 'transparency-missing' | 'unhandled-extension'
  | 'unknown-authority' | 'unsupported-algorithm' | 'wrong-name' | 'wrong-policy'
  | 'wrong-purpose' | 'other';

/** A refused certificate: what a `TlsError` holds whose code is `certificate`. */
export interface CertificateError {
  /** The check that failed. */
  reason: CertificateReason;
  /** The name that was asked for, if any. */
  expectedName?: string | undefined;
  /** With `wrong-name`: the names that the certificate has. */
  names: string[];
  /** The number of the alert that was sent to the peer, if one was. */
  alertSent?: number | undefined;
  /** For people. */
  detail?: string | undefined;
}

/** One TLS connection. Made by `connect`, `start` and `Listener.accept`. */
export class Connection implements AsyncIterable<Uint8Array> {
  private constructor();

  /** The negotiated version. */
  get version(): 'tls12' | 'tls13' | undefined;
  /** The IANA name of the negotiated suite. */
  get cipherSuite(): string | undefined;
  /** The IANA name of the negotiated key exchange group. */
  get group(): string | undefined;
  /** The IANA name of the signature scheme by which the peer has proved that its key is its own. */
  get signatureScheme(): string | undefined;
  /** The one by which this side has proved it. */
  get ownSignatureScheme(): string | undefined;
  /** The application protocol that was agreed on. */
  get alpn(): string | undefined;
  /** Whether the handshake resumed an earlier session. */
  get isResumed(): boolean | undefined;
  /** The peer's certificates as DER, its own first. */
  get peerCertificates(): Uint8Array[];
  /** What the peer's own certificate says, verified or not; undefined if it sent none. */
  get peerCertificate(): Certificate | undefined;
  /** The certificates that this side has presented as DER, its own first. */
  get ownCertificates(): Uint8Array[];
  /** Whether the server has asked for a client's certificate; undefined where it resumed. */
  get certificateRequested(): boolean | undefined;
  /** Whether the peer presented a certificate and it passed every check. */
  get authorized(): boolean;
  /**
   * Why the peer is not authorized, as `connect` throws it with `required`; null if it is.
   * The reason is `not-checked` before the handshake is done, and with `unverified`.
   */
  get authorizationError(): (TlsError & { value: CertificateError }) | null;
  /** Whether the peer's bytes ended without close_notify. */
  get isTruncated(): boolean;
  /** This side's address. */
  get localAddress(): Address | undefined;
  /** The peer's address. */
  get remoteAddress(): Address | undefined;

  /** Runs the handshake, as the first read or write of an accepted connection does. */
  handshake(): Promise<void>;
  /** Up to `most` bytes, at least one; null at the end. Several reads are served in their order. */
  read(most?: number): Promise<Uint8Array | null>;
  /** Writes all, and waits until the transport has taken it; several writes keep their order. */
  write(plaintext: Plaintext): Promise<void>;
  /** Takes new keys for all later writes, and asks the peer for new ones: TLS 1.3 only. */
  updateKeys(): Promise<void>;
  /** Sends close_notify after all writes, and goes on reading. */
  closeOutput(): Promise<void>;
  /** Sends close_notify after all writes and frees the socket; what was not read is lost. */
  close(): Promise<void>;
  /** Frees the socket at once and sends nothing: the peer sees a truncated connection. */
  abort(): void;

  /** What the peer sends. Cancelling it does not close the connection. */
  get readable(): ReadableStream<Uint8Array>;
  /** What the peer gets. Closing it calls `closeOutput`. */
  get writable(): WritableStream<Plaintext>;

  /** The chunks that the peer sends, to the end. */
  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined>;
  /** For `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A listening socket whose connections speak TLS. Made by `listen`. */
export class Listener implements AsyncIterable<Connection> {
  private constructor();

  /** The address that it listens on. */
  get address(): Address;
  /** The next connection; its handshake runs with its first read or write. */
  accept(): Promise<Connection>;
  /** Stops listening; connections that were accepted go on. Closing twice is harmless. */
  close(): void;

  /** The connections, until it is closed. */
  [Symbol.asyncIterator](): AsyncGenerator<Connection, void, undefined>;
  /** For `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}
