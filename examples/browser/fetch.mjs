// Fetches a page by the module: node fetch.mjs MODULE HOST PORT PATH AUTHORITIES. In a browser the pipe is a
// WebSocket to something that passes the bytes on to the server; here it is a TCP socket with the same face.

import { readFile } from "node:fs/promises";
import net from "node:net";
import { argv, exit, stderr, stdout } from "node:process";

/** What a browser's WebSocket is: messages out by `send`, in by `onmessage`. */
class Pipe {
  binaryType = "arraybuffer";
  constructor(host, port) {
    this.socket = net.connect(port, host);
    this.socket.on("connect", () => this.onopen?.());
    this.socket.on("data", (data) => this.onmessage?.({ data: new Uint8Array(data).buffer }));
    this.socket.on("error", (error) => this.onerror?.(error));
    this.socket.on("close", () => this.onclose?.());
  }
  send(message) {
    this.socket.write(message);
  }
  close() {
    this.socket.end();
  }
}

/** TLS over a pipe; what follows uses nothing that a browser does not have. */
async function connect(module, pipe, name, authorities, onplaintext) {
  let reason = "";
  let hasEnded = false;
  const memory = () => exports.memory.buffer;
  const bytes = (at, length) => new Uint8Array(memory(), at, length).slice();
  const host = {
    send: (at, length) => pipe.send(bytes(at, length)),
    plaintext: (at, length) => onplaintext(bytes(at, length)),
    ended: () => {
      hasEnded = true;
      pipe.close();
    },
    failed: (at, length) => (reason = new TextDecoder().decode(bytes(at, length))),
    now: () => Date.now(),
    random: (at, length) => {
      // It fills 64 KiB at most.
      for (let from = 0; from < length; from += 65536) {
        crypto.getRandomValues(new Uint8Array(memory(), at + from, Math.min(65536, length - from)));
      }
    },
  };
  const { instance } = await WebAssembly.instantiate(module, { host });
  const exports = instance.exports;
  const give = (call, data = new Uint8Array()) => {
    const at = exports.buffer(data.length);
    new Uint8Array(memory(), at, data.length).set(data);
    if (!call()) {
      throw new Error(reason);
    }
  };
  pipe.onmessage = ({ data }) => {
    try {
      give(exports.receive, new Uint8Array(data));
    } catch (error) {
      pipe.onerror(error);
    }
  };
  pipe.onclose = () => {
    if (!hasEnded) {
      pipe.onerror(new Error("the pipe was closed before TLS had its end"));
    }
  };
  give(exports.open, new TextEncoder().encode(`${name}\0${authorities}`));
  return {
    write: (text) => give(exports.write, new TextEncoder().encode(text)),
    close: () => give(exports.close),
  };
}

const [module, host, port, path, authorities] = argv.slice(2);
const pipe = new Pipe(host, Number(port));
pipe.onerror = (error) => {
  stderr.write(`https://${host}:${port}${path}: ${error.message}\n`);
  exit(1);
};
pipe.onopen = async () => {
  try {
    const show = (plaintext) => stdout.write(plaintext);
    const roots = await readFile(authorities, "utf8");
    const connection = await connect(await readFile(module), pipe, host, roots, show);
    connection.write(`GET ${path} HTTP/1.0\r\nHost: ${host}\r\n\r\n`);
  } catch (error) {
    pipe.onerror(error);
  }
};
