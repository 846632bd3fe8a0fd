import { Connection, Listener } from './connection.js';

export { Connection, Listener };
export type { Address, CertificateError, CertificateReason, Plaintext } from './connection.js';

/**
 * A certificate or key, PEM or DER: a string is a path, which has to be below a preopened directory
 * except in Node; bytes are the contents.
 */
export type Source = string | ArrayBufferView | ArrayBuffer | SharedArrayBuffer;

/** A version of TLS. */
export type Version = 'tls12' | 'tls13';

/** A key exchange group by its IANA name, in any case; `supportedGroups()` lists what there is. */
export type Group = 'X25519MLKEM768' | 'x25519' | 'secp256r1' | 'secp384r1' | (string & {});

/** What is asked of the peer's certificate. */
export type Verify =
  /** It must be there and pass every check. */
  | 'required'
  /** For a client: as `deferred`. For a server: its peer may present none, or one that passes. */
  | 'optional'
  /** The same checks; the connection goes on whatever they find, and `authorized` tells. */
  | 'deferred'
  /** Nothing; a server asks for no certificate. */
  | 'unverified';

/** The SHA-256 of a public key: 64 hexadecimal digits, or 32 bytes. */
export type Pin = string | ArrayBufferView | ArrayBuffer | SharedArrayBuffer;

/** A secret of 32 to 80 random bytes. */
export type TicketKey = ArrayBufferView | ArrayBuffer | SharedArrayBuffer;

/** What a certificate says, as its issuer wrote it: it is not believed because it is here. */
export interface Certificate {
  /** Whom it was made out to, as text of RFC 4514: `CN=Example,O=Org`. */
  subject: string;
  /** Who made it out. */
  issuer: string;
  /** Hexadecimal digits in capitals, as Node writes it. */
  serialNumber: string;
  /** The first second that it is valid. */
  validFromDate: Date;
  /** The last one. */
  validToDate: Date;
  /** The names that it is for; what cannot be seen in them is escaped. */
  dnsNames: string[];
  ipAddresses: string[];
  emailAddresses: string[];
  uris: string[];
  /** Whether it says that it is an authority's. */
  ca: boolean;
  /** The SHA-256 of it, as Node writes it: `AB:CD`, in capitals. */
  fingerprint256: string;
  /** The SHA-256 of its public key, which the option `pins` takes. */
  publicKeyFingerprint256: string;
  /** The whole as DER. */
  raw: Uint8Array;
}

/**
 * What a client has said, which nobody has verified. Numbers are those of IANA's registries, in the
 * order in which they were sent, those that stand for nothing (GREASE) included.
 */
export interface Hello {
  /** The server's name in SNI. */
  serverName: string | undefined;
  /** The application protocols that are offered. */
  alpn: string[];
  /** The version in the head, which is 0x0303 for TLS 1.3 too. */
  legacyVersion: number;
  /** The versions that are offered: 0x0304 is TLS 1.3. Empty if the client lists none. */
  versions: number[];
  cipherSuites: number[];
  groups: number[];
  signatureSchemes: number[];
  /** The types of all extensions. */
  extensions: number[];
}

/** A limit on how long something may take. */
export type Timer = 'connect' | 'handshake' | 'read' | 'shutdown' | 'write';

/** A raw context, made by `context()`: the resource of the component, with all of its functions. */
export interface Context {
  role(): 'client' | 'server';
  seal(): void;
  isSealed(): boolean;
}

/** How connections are made; what is left out or undefined stays safe. */
export interface Options {
  /** Authorities to trust in place of the web roots. */
  ca?: Source | Source[] | undefined;
  /** Directories of authorities to trust, likewise. */
  caDirectory?: string | string[] | undefined;
  /** Trust the web roots besides `ca`. */
  webRoots?: boolean | undefined;
  /** The own certificate chain; a server needs one, or `pkcs12`. */
  cert?: Source | undefined;
  /** Its private key; left out, it is in `cert` too. */
  key?: Source | undefined;
  /** Chain and key in one. */
  pkcs12?: Source | undefined;
  /** The passphrase of `key` or `pkcs12`. */
  passphrase?: string | undefined;
  /** The lowest version. */
  minVersion?: Version | undefined;
  /** The highest version. */
  maxVersion?: Version | undefined;
  /** A cipher list in OpenSSL's syntax. */
  ciphers?: string | string[] | undefined;
  /** Whether a server's order of suites decides (as without it), or the client's. */
  honorCipherOrder?: boolean | undefined;
  /** The key exchange groups, in order. */
  groups?: Group | Group[] | undefined;
  /** The signature schemes, in order, as a list or divided by colons: their IANA names. */
  sigalgs?: string | string[] | undefined;
  /** The application protocols, the preferred first: `['h2', 'http/1.1']`. */
  alpn?: string | string[] | undefined;
  /** A server goes on without a protocol where none is in common. */
  alpnOptional?: boolean | undefined;
  /** What is asked of the peer's certificate; servers ask for none unless told. */
  verify?: Verify | undefined;
  /** The name that the certificate must have, in place of `host`. */
  verifyName?: string | undefined;
  /** Accept any name. */
  unverifiedName?: boolean | undefined;
  /** Public keys of which the peer's chain must have one. */
  pins?: Pin | Pin[] | undefined;
  /** Revocation lists, one of each authority above the peer. */
  crl?: Source | Source[] | undefined;
  /** The name sent in SNI; false for none. */
  serverName?: string | false | undefined;
  /** Take an end without close_notify as the end. */
  tolerateTruncation?: boolean | undefined;
  /** The most bytes of plaintext in a record that is sent, 64 to 16,384. */
  maxSendFragment?: number | undefined;
  /** How many sessions are kept to be resumed, up to 65,536; 0 for none. */
  sessions?: number | undefined;
  /** For how many seconds a server resumes a session, up to a week. */
  sessionTimeout?: number | undefined;
  /** How many tickets a server sends after a handshake of TLS 1.3, up to 16. */
  tickets?: number | undefined;
  /** What a server's tickets are sealed under: the first seals, all open. */
  ticketKeys?: TicketKey | TicketKey[] | undefined;
  /** In milliseconds; null is no limit. */
  timeouts?: { [timer in Timer]?: number | null | undefined } | undefined;
}

/** Options, or a context that holds them; not both. */
export type Configured<Call> =
  | (Call & Options & { context?: undefined })
  | (Call & { context: Context } & { [name in keyof Options]?: undefined });

/** The options of `connect`. */
export type ConnectOptions = Configured<{ host: string; port: number }>;

/** The options of `start`. */
export type StartOptions = Configured<{
  role?: 'client' | 'server' | undefined;
  host?: string | undefined;
  /** Streams of `wasi:io`, whose socket must outlive the connection. */
  input: object;
  output: object;
  /** Bytes that were already read from `input`. */
  alreadyRead?: ArrayBufferView | ArrayBuffer | undefined;
}>;

/** Where `listen` listens: by default on loopback, on a free port. */
interface Listening {
  ip?: string | undefined;
  port?: number | undefined;
  backlog?: number | undefined;
}

/** The options of `listen`; what chooses the context is not beside one. */
export type ListenOptions =
  | Configured<Listening>
  | (Listening & Options & {
    /**
     * Gives each connection its context, made by `context('server')`, or the number of the alert
     * that refuses it. If it throws, the handshake fails with what was thrown.
     */
    chooseContext: (hello: Hello) => Context | number | Promise<Context | number>;
    context?: undefined;
  });

/** What `portcullis()` returns. */
export interface Tls {
  /** The key exchange groups that there are, in the order of preference. */
  supportedGroups(): string[];
  /** The signature schemes that there are, in the order of preference. */
  supportedSignatureSchemes(): string[];
  /** A raw context of these options, for many connections; open until it is used. */
  context(role: 'client' | 'server', options?: Options): Context;
  /** Connects, and does the handshake. */
  connect(options: ConnectOptions): Promise<Connection>;
  /** Speaks TLS on a connection that is there already (STARTTLS), and does the handshake. */
  start(options: StartOptions): Promise<Connection>;
  /** Listens. An accepted connection has not done its handshake: see `Connection.handshake`. */
  listen(options: ListenOptions): Promise<Listener>;
}

/** The bindings that `portcullis()` needs, each an object. */
export interface Interfaces {
  /** Of `portcullis:tls`. */
  errors: object;
  context: object;
  port: object;
  listener: object;
  /** For `Connection.peerCertificate` alone. */
  certificate?: object | undefined;
  /** Of `wasi:io` and `wasi:clocks`. */
  poll: object;
  monotonicClock: object;
  /** `streams` of `preview2-shim/io`, in Node; looked for unless told. */
  streams?: object | undefined;
  /** Returns the environment variables; by default those of Node. */
  environment?: (() => Record<string, string | undefined>) | undefined;
  /** Whether waiting may sleep in the host, as it does in a component. */
  blocks?: boolean | undefined;
}

/** A failure of TLS, of the network below it or of the configuration. */
export class TlsError extends Error {
  private constructor();
  /** The case of `types.error`: `certificate`, `timeout`, `closed`. */
  readonly code: string;
  /** What the case holds: the record of `certificate`, the timer of `timeout`. */
  readonly value: unknown;
  /** What Node or OpenSSL calls it, `CERT_HAS_EXPIRED` or `ECONNREFUSED`, if they have a name. */
  readonly nodeCode: string | undefined;
}

/** Returns the functions, which call these interfaces. */
export function portcullis(interfaces: Interfaces): Tls;
