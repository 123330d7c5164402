import { readFileSync, statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { z } from 'zod';
import { PlatformError } from '../../common/errors.ts';
import { KNOWN_IDS_LIMIT } from './known-ids.ts';

/** One id of a registry with what stood under it: another registry, or one that lost its data, has something else there. */
export interface Witness {
  readonly id: number;
  readonly sha256: string;
}

const id = z.int().min(0);
const REGISTRY = z.object({ url: z.string(), witness: z.object({ id, sha256: z.string() }) });
const IDS = z.array(z.tuple([z.string(), z.enum(['key', 'value']), id, id])).max(KNOWN_IDS_LIMIT);
const MAP = z.object({ zeelosSchemaMap: z.literal(1), edge: REGISTRY, cloud: REGISTRY, up: IDS, down: IDS });

/** What is kept of a gateway's schema ids between two runs. */
export type StoredMap = z.output<typeof MAP>;

const FILE_LIMIT_BYTES = 16 * 2 ** 20;

/** Undefined when there is none yet. Errors: CONFIG_INVALID for a file that is something else, so that it is never overwritten. */
export function readMapFile(file: string): StoredMap | undefined {
  try {
    if (statSync(file).size > FILE_LIMIT_BYTES) throw new Error(`longer than ${FILE_LIMIT_BYTES} bytes`);
    return MAP.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new PlatformError('CONFIG_INVALID', `${file} is no schema map that can be read: remove it or name another`, {
      cause,
    });
  }
}

/** Written beside and renamed: a crash leaves the old or the new one. Errors: those of the file system. */
export async function writeMapFile(file: string, map: StoredMap): Promise<void> {
  const draft = `${file}.new`;
  await rm(draft, { force: true });
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(map)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, file);
}
