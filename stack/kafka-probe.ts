import { connect } from 'node:net';
import { LOOPBACK } from './ports.ts';

/** Version 4 is the last with a fixed layout that every Kafka 4 still answers; an empty array of topics asks for none. */
const METADATA = { apiKey: 3, version: 4 };
const CLIENT_ID = 'zeelos-stack';
const CORRELATION_ID = 1;
/** Far more than one broker's metadata without topics. */
const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * True when the broker answers a Metadata request and lists itself: an open port alone, or an answer to ApiVersions, comes earlier, while the
 * controller still fences the broker and every produce would fail.
 */
export function kafkaAnswers(port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: LOOPBACK });
    const end = (answer: boolean): void => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(answer);
    };
    const onAbort = (): void => end(false);
    signal.addEventListener('abort', onAbort, { once: true });
    let received = Buffer.alloc(0);
    socket.once('connect', () => socket.write(metadataRequest()));
    socket.once('error', () => end(false));
    socket.once('close', () => end(false));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const frameBytes = received.length >= 4 ? 4 + received.readInt32BE(0) : 4;
      if (frameBytes > MAX_ANSWER_BYTES) end(false);
      else if (received.length >= frameBytes && frameBytes > 4)
        end(listedBrokers(received.subarray(0, frameBytes)) > 0);
    });
  });
}

function metadataRequest(): Buffer {
  const clientId = Buffer.from(CLIENT_ID);
  const body = Buffer.alloc(10 + clientId.length + 5);
  body.writeInt16BE(METADATA.apiKey, 0);
  body.writeInt16BE(METADATA.version, 2);
  body.writeInt32BE(CORRELATION_ID, 4);
  body.writeInt16BE(clientId.length, 8);
  clientId.copy(body, 10);
  // Then an empty array of topics (four zero bytes) and allow_auto_topic_creation = false (one).
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length);
  return Buffer.concat([size, body]);
}

/** Frame: size, correlation id, throttle time, then the array of brokers. */
function listedBrokers(frame: Buffer): number {
  if (frame.length < 16 || frame.readInt32BE(4) !== CORRELATION_ID) return 0;
  return frame.readInt32BE(12);
}
