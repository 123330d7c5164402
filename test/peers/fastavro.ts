import { PlatformError } from '../../common/errors.ts';
import type { Peer, PeerEvent } from './peer-process.ts';

const ANSWER_TIMEOUT_MS = 10_000;

/** What to judge with: a schema of the folder by name, or a schema itself. */
export interface AvroJob {
  /** Full name, or file name without .avsc. */
  readonly schema?: string;
  /** The schema that wrote, as parsed JSON; in place of `schema`. */
  readonly writer?: unknown;
}

/** fastavro as a judge. Values are in the JSON encoding of the Avro specification: a union is null or {branch: value}. */
export interface Fastavro {
  readonly peer: Peer;
  /** @param bytes Avro binary without frame  @param reader reads with this schema instead  @throws AVRO_INVALID */
  decode(bytes: Uint8Array, job: AvroJob & { readonly reader?: unknown }): Promise<unknown>;
  /** @throws AVRO_INVALID */
  encode(json: unknown, job: AvroJob): Promise<Buffer>;
  stop(): Promise<void>;
}

export class FastavroJudge implements Fastavro {
  readonly peer: Peer;
  #lastId = 0;

  constructor(peer: Peer) {
    this.peer = peer;
  }

  async decode(bytes: Uint8Array, job: AvroJob & { readonly reader?: unknown }): Promise<unknown> {
    const answer = await this.#ask({ ...job, hex: Buffer.from(bytes).toString('hex') });
    return answer.value;
  }

  async encode(json: unknown, job: AvroJob): Promise<Buffer> {
    const answer = await this.#ask({ ...job, json });
    return Buffer.from(String(answer.hex), 'hex');
  }

  stop(): Promise<void> {
    return this.peer.stop();
  }

  async #ask(question: Record<string, unknown>): Promise<PeerEvent> {
    const id = ++this.#lastId;
    const answered = this.peer.waitFor((event) => event.event === 'answer' && event.id === id, ANSWER_TIMEOUT_MS);
    this.peer.process.stdin.write(`${JSON.stringify({ id, ...question })}\n`);
    const answer = await answered;
    if (answer.error !== undefined) throw new PlatformError('AVRO_INVALID', `fastavro: ${answer.error}`);
    return answer;
  }
}
