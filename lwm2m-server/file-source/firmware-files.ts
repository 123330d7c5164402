import { createHash } from 'node:crypto';
import { constants, createReadStream, type Stats } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, PlatformError } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import { FirmwareFile } from './firmware-file.ts';

/** A name that stands for itself in every file system: no separators, no leading dot, no surprises. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/** Files open at once. At it the one longest unused is closed, and opened again when asked for. */
const OPEN_FILES = 32;

/** A file that was replaced in the folder is noticed after so long: devices in the middle of it then see another ETag and begin anew. */
const LOOK_AGAIN_MS = 2_000;

const ETAG_BYTES = 8;

export interface FirmwareFilesOptions {
  readonly folder: string;
  /** Larger files are not served. */
  readonly mostBytes: number;
  readonly log: Log;
  /** Milliseconds of a clock that never steps. */
  readonly elapsed: () => number;
}

/** The regular files of one folder, by name. Each is hashed when first asked for, and again when it has changed. */
export class FirmwareFiles {
  readonly #o: FirmwareFilesOptions;
  /** In order of last use. */
  readonly #files = new Map<string, FirmwareFile>();
  readonly #opening = new Map<string, Promise<FirmwareFile | undefined>>();

  constructor(options: FirmwareFilesOptions) {
    this.#o = options;
  }

  /** At once when the file is open and was looked at lately, as for all blocks but the first; undefined where there is none to serve. */
  find(name: string): FirmwareFile | undefined | Promise<FirmwareFile | undefined> {
    if (!NAME.test(name)) return undefined;
    const file = this.#files.get(name);
    if (file !== undefined && this.#o.elapsed() - file.lookedAtMs < LOOK_AGAIN_MS) return this.#used(name, file);
    const opening = this.#opening.get(name) ?? this.#look(name, file).finally(() => this.#opening.delete(name));
    this.#opening.set(name, opening);
    return opening;
  }

  async close(): Promise<void> {
    await Promise.all(this.#opening.values());
    for (const file of this.#files.values()) file.close();
    this.#files.clear();
  }

  #used(name: string, file: FirmwareFile): FirmwareFile {
    this.#files.delete(name);
    this.#files.set(name, file);
    return file;
  }

  /** Opens the file, unless the one that is open is still the one in the folder. */
  async #look(name: string, known: FirmwareFile | undefined): Promise<FirmwareFile | undefined> {
    try {
      const path = join(this.#o.folder, name);
      const found = await lstat(path);
      if (known?.isStill(found) === true) {
        known.lookedAtMs = this.#o.elapsed();
        return this.#used(name, known);
      }
      this.#drop(name);
      return this.#used(name, await this.#open(path, found));
    } catch (error) {
      this.#drop(name);
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        this.#o.log.warn({ name, err: messageOf(error) }, 'a firmware file cannot be served: check the file');
      }
      return undefined;
    } finally {
      this.#closeUnused();
    }
  }

  async #open(path: string, found: Stats): Promise<FirmwareFile> {
    if (!found.isFile()) throw new PlatformError('CONFIG_INVALID', 'not a regular file');
    if (found.size > this.#o.mostBytes) {
      throw new PlatformError('COAP_TOO_LARGE', `${found.size} bytes exceed the limit of ${this.#o.mostBytes}`);
    }
    // between lstat and here somebody may have put a link in its place
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const stats = await handle.stat();
      const etag = await hashOf(handle);
      return new FirmwareFile(handle, stats, etag, this.#o.elapsed());
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  #drop(name: string): void {
    this.#files.get(name)?.close();
    this.#files.delete(name);
  }

  #closeUnused(): void {
    for (const name of this.#files.keys()) {
      if (this.#files.size <= OPEN_FILES) return;
      this.#drop(name);
    }
  }
}

/** Of the whole content: the same file has the same ETag on every gateway and after every restart. */
async function hashOf(handle: FileHandle): Promise<Buffer> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream('', { fd: handle, autoClose: false, start: 0 }))
    hash.update(chunk as Buffer);
  return hash.digest().subarray(0, ETAG_BYTES);
}
