import { readFile, realpath } from 'node:fs/promises';
import { isAbsolute, join, sep } from 'node:path';
import { messageOf, PlatformError } from '../../common/errors.ts';
import type { RawConfig } from './definition.ts';
import { parseProperties } from './properties.ts';

/** `${file:<path>:<key>}` and `${directory:<path>:<file>}`, as Kafka's FileConfigProvider and DirectoryConfigProvider. */
const REFERENCE = /\$\{(file|directory):([^:}]+):([^}]+)\}/g;
const LONGEST_FILE = 65_536;

export function hasReference(text: string): boolean {
  return text.search(REFERENCE) !== -1;
}

/**
 * Puts the contents of files in the place of references, which may only lead into the given folders: whoever may configure a connector
 * could else read any file through it. Read anew at each call, so that a secret may be changed.
 */
export class References {
  readonly #folders: readonly string[];
  readonly #onRead: ((secret: string) => void) | undefined;

  constructor(folders: readonly string[], onRead?: (secret: string) => void) {
    this.#folders = folders;
    this.#onRead = onRead;
  }

  /** The same, telling what stood in the files, so that it can be kept out of what is shown. */
  telling(onRead: (secret: string) => void): References {
    return new References(this.#folders, onRead);
  }

  /** Errors: SINK_UNAVAILABLE (retriable) while a file cannot be read, CONFIG_INVALID for one outside the folders or without the key. */
  async resolve(text: string): Promise<string> {
    let resolved = '';
    let at = 0;
    for (const match of text.matchAll(REFERENCE)) {
      const [whole, provider, path, key] = match as unknown as [string, string, string, string];
      const value = await this.#valueOf(provider, path, key);
      this.#onRead?.(value);
      resolved += text.slice(at, match.index) + value;
      at = match.index + whole.length;
    }
    return resolved + text.slice(at);
  }

  async resolveAll(config: RawConfig): Promise<RawConfig> {
    const entries = Object.entries(config).map(async ([name, text]) => [name, await this.resolve(text)] as const);
    return Object.fromEntries(await Promise.all(entries));
  }

  async #valueOf(provider: string, path: string, key: string): Promise<string> {
    if (provider === 'directory') return (await this.#read(join(path, key))).trim();
    const value = parseProperties(await this.#read(path))[key];
    if (value === undefined)
      throw new PlatformError('CONFIG_INVALID', `the file ${path} has no ${JSON.stringify(key)}`);
    return value;
  }

  async #read(path: string): Promise<string> {
    if (!isAbsolute(path))
      throw new PlatformError('CONFIG_INVALID', `a reference to a file needs its full path: ${path}`);
    let text: string;
    try {
      const real = await realpath(path);
      const folders = await Promise.all(this.#folders.map((folder) => realpath(folder).catch(() => folder)));
      if (!folders.some((folder) => real.startsWith(folder.endsWith(sep) ? folder : folder + sep)))
        throw new PlatformError('CONFIG_INVALID', `${path} is not below one of the folders that may be referred to`);
      text = await readFile(real, 'utf8');
    } catch (cause) {
      if (cause instanceof PlatformError) throw cause;
      throw new PlatformError('SINK_UNAVAILABLE', `the secret file ${path} cannot be read: ${messageOf(cause)}`, {
        cause,
      });
    }
    if (text.length > LONGEST_FILE) throw new PlatformError('CONFIG_INVALID', `${path} is too long for a secret`);
    return text;
  }
}
