import { constants, createGzip, type Gzip } from 'node:zlib';

/** On lines a higher level takes twice the time, and makes a tenth less of them. */
const OPTIONS = { level: 1, chunkSize: 128 * 1024 };
/** Those that wait to be used again have some 400 KB each. */
const FREE_LIMIT = 4;

/** zlib.reset() of Node's documentation; @types/node declares it of inflate and deflate only. */
interface Resettable {
  reset(): void;
}

/** Gzip on threads, with compressors that are used again: one is larger than what most bodies become. */
export class Compressor {
  readonly #free: Gzip[] = [];

  /** One member. The bytes must not be changed until it resolves. */
  async gzip(bytes: Buffer): Promise<Buffer> {
    const gzip = this.#free.pop() ?? createGzip(OPTIONS);
    const parts = await partsOf(gzip, bytes);
    (gzip as unknown as Resettable).reset();
    if (this.#free.length < FREE_LIMIT) this.#free.push(gzip);
    else gzip.close();
    return Buffer.concat(parts);
  }

  /** Gives the memory back; it may be used all the same afterwards. */
  close(): void {
    for (const gzip of this.#free.splice(0)) gzip.close();
  }
}

/** The stream itself is never ended, only the member that it writes: an ended one could not be used again. */
async function partsOf(gzip: Gzip, bytes: Buffer): Promise<readonly Buffer[]> {
  const parts: Buffer[] = [];
  const gather = (part: Buffer) => void parts.push(part);
  gzip.on('data', gather);
  try {
    await new Promise<void>((resolve, reject) => {
      gzip.once('error', reject);
      gzip.write(bytes);
      gzip.flush(constants.Z_FINISH, () => {
        gzip.off('error', reject);
        resolve();
      });
    });
  } finally {
    gzip.off('data', gather);
  }
  return parts;
}
