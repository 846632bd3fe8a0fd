/**
 * Holds the declarations of the wrapper to what users write; `npx tsc -p .` checks it, and nothing
 * runs it. Each `@ts-expect-error` is a program that has to be refused.
 */

import { Connection, Listener, portcullis, TlsError } from '../../clients/javascript/portcullis.js';
import type {
  CertificateReason, Interfaces, Options,
} from '../../clients/javascript/portcullis.js';

export async function client(interfaces: Interfaces, ca: Uint8Array): Promise<string> {
  const tls = portcullis(interfaces);
  const timeouts = { read: 30_000, connect: null };
  const connection: Connection = await tls.connect({ host: 'localhost', port: 443, ca, timeouts });
  await connection.write('GET / HTTP/1.0\r\n\r\n');
  await connection.write(new Uint16Array(2));
  await connection.write(new DataView(new ArrayBuffer(2)));
  await connection.write(new SharedArrayBuffer(2));
  let text = '';
  for await (const plaintext of connection) text += new TextDecoder().decode(plaintext);
  const more: Uint8Array | null = await connection.read(5);
  for await (const plaintext of connection.readable) text += plaintext.byteLength;
  await connection.readable.pipeTo(connection.writable);
  await connection.close();
  return `${text} ${more?.length} ${connection.version} ${connection.peerCertificates[0]?.length}`;
}

export async function server(interfaces: Interfaces, options: Options): Promise<void> {
  const tls = portcullis(interfaces);
  const context = tls.context('server', { cert: 'cert.pem', key: 'key.pem', ...options });
  const listener: Listener = await tls.listen({ context, port: 0 });
  const port: number = listener.address.port;
  for await (const connection of listener) {
    await connection.handshake().catch((error: unknown) => {
      if (error instanceof TlsError) console.error(port, error.code, error.message);
    });
  }
}

export async function chosen(interfaces: Interfaces): Promise<string | undefined> {
  const tls = portcullis(interfaces);
  const ticketKeys = [new Uint8Array(48)];
  const context = tls.context('server', { cert: 'cert.pem', ticketKeys, honorCipherOrder: true });
  const listener = await tls.listen({
    port: 0,
    chooseContext: async ({ serverName, versions }) =>
      serverName === 'a.test' && versions.includes(0x0304) ? context : 112,
  });
  const connection = await listener.accept();
  await connection.updateKeys();
  const { subject, validToDate, publicKeyFingerprint256 } = connection.peerCertificate ?? {};
  const pins = [publicKeyFingerprint256 ?? '', new Uint8Array(32)];
  await tls.connect({ host: 'localhost', port: 443, pins, sigalgs: 'ed25519', sessions: 0 });
  return `${subject} ${validToDate?.getTime()} ${connection.ownCertificates[0]?.length}`;
}

export async function deferred(interfaces: Interfaces): Promise<CertificateReason | undefined> {
  const tls = portcullis(interfaces);
  const groups = tls.supportedGroups().filter((name) => name !== 'secp384r1');
  await tls.connect({ host: 'localhost', port: 443, groups: 'x25519' });
  const options = { host: 'localhost', port: 443, groups, verify: 'deferred' } as const;
  const connection = await tls.connect(options);
  if (connection.authorized) return undefined;
  const error: TlsError | null = connection.authorizationError;
  console.error(error?.nodeCode?.startsWith('ERR_'), connection.authorizationError?.value.names[0]);
  return connection.authorizationError?.value.reason;
}

export function wrong(interfaces: Interfaces, connection: Connection): void {
  const { connect, context, listen } = portcullis(interfaces);
  const at = { host: 'localhost', port: 443 };
  // @ts-expect-error the port is missing
  connect({ host: 'localhost' });
  // @ts-expect-error a port is a number
  connect({ host: 'localhost', port: '443' });
  // @ts-expect-error not a value of `verify`
  connect({ ...at, verify: false });
  // @ts-expect-error a misspelt option
  connect({ host: 'localhost', port: 443, verfy: 'required' });
  // @ts-expect-error not beside a context
  connect({ ...at, context: context('client'), ca: 'ca.pem' });
  // @ts-expect-error not a timer
  connect({ ...at, timeouts: { idle: 5 } });
  // @ts-expect-error not a role
  context('peer');
  // @ts-expect-error a group by its number
  listen({ groups: [29] });
  // @ts-expect-error neither a context nor an alert
  listen({ chooseContext: () => 'a.test' });
  // @ts-expect-error not beside a context
  listen({ chooseContext: () => 112, context: context('server') });
  // @ts-expect-error a property that cannot be set
  connection.authorized = true;
  // @ts-expect-error not a reason
  connection.authorizationError?.value.reason === 'self-signed';
  // @ts-expect-error not bytes
  connection.write([1, 2, 3]);
  // @ts-expect-error not a number
  connection.read('5');
  // @ts-expect-error only the functions make one
  new Connection();
}
