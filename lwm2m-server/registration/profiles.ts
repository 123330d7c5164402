import { readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import { messageOf, PlatformError } from '../../common/errors.ts';
import type { Log } from '../../common/log.ts';
import { type ObserveTemplate, parseTemplate } from '../observation/observe-templates.ts';
import type { Registration } from './registration.ts';

const MAX_PROFILES = 1_000;
const MAX_FILE_BYTES = 2 ** 20;

const observeEntry = z.union([
  z.string(),
  z.strictObject({ path: z.string(), attributes: z.string().optional(), format: z.string().optional() }),
]);

const profileEntry = z.strictObject({
  match: z
    .strictObject({
      ep: z.string().min(1).max(255).optional(),
      objects: z.array(z.int().min(0).max(65_534)).max(100).optional(),
      version: z.enum(['1.0', '1.1', '1.2']).optional(),
      profileId: z.string().max(255).optional(),
      queueMode: z.boolean().optional(),
    })
    .default({}),
  observe: z.array(observeEntry).max(1_000).default([]),
  awakeWindowMs: z.int().min(100).max(86_400_000).optional(),
});

const profilesFile = z.array(profileEntry).max(MAX_PROFILES);

type ProfileEntry = z.infer<typeof profileEntry>;

/** What is wanted of the devices that match. */
export interface Profile {
  readonly match: ProfileEntry['match'];
  readonly observe: readonly ObserveTemplate[];
  /** How long a queue-mode device listens after each message of its own. */
  readonly awakeWindowMs: number | undefined;
}

/** Reads the text of a profiles file. Throws CONFIG_INVALID with every fault in it. */
export function parseProfiles(text: string, where: string): Profile[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new PlatformError('CONFIG_INVALID', `${where} is no JSON: ${messageOf(cause)}`, { cause });
  }
  const result = profilesFile.safeParse(json);
  if (!result.success) {
    const faults = result.error.issues.map(({ path, message }) => `${path.join('.') || 'the file'}: ${message}`);
    throw new PlatformError('CONFIG_INVALID', `${where}: ${faults.join('; ')}`);
  }
  return result.data.map(({ match, observe, awakeWindowMs }, index) => ({
    match,
    observe: observe.map((entry, at) => {
      const { path, ...more } = typeof entry === 'string' ? { path: entry } : entry;
      return parseTemplate(path, `${where}: ${index}.observe.${at}`, more);
    }),
    awakeWindowMs,
  }));
}

/** True when every condition holds; a profile without conditions is everybody's. */
export function matches({ match }: Pick<Profile, 'match'>, registration: Registration): boolean {
  const { ep, objects, version, profileId, queueMode } = match;
  if (version !== undefined && version !== registration.version) return false;
  if (profileId !== undefined && profileId !== registration.profileId) return false;
  if (queueMode !== undefined && queueMode !== registration.queueMode) return false;
  if (objects?.some((id) => !registration.instances.has(id)) === true) return false;
  return ep === undefined || matchesGlob(ep, registration.endpointName);
}

/** `*` stands for any characters. Takes the leftmost place for each part, so that its time grows with the text only. */
export function matchesGlob(glob: string, text: string): boolean {
  const parts = glob.split('*');
  if (parts.length === 1) return glob === text;
  const [first, last] = [parts[0]!, parts.at(-1)!];
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
  const end = text.length - last.length;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

/** The profiles of a file, read again when it has changed. A file that cannot be read leaves what was read before. */
export class Profiles {
  readonly #file: string | undefined;
  readonly #log: Log;
  #profiles: readonly Profile[] = [];
  /** What the file looked like when it was last read: time and size. */
  #seen = '';

  /** Throws CONFIG_INVALID when the file cannot be read or understood. */
  constructor(file: string | undefined, log: Log) {
    this.#file = file;
    this.#log = log;
    if (file !== undefined) this.#read(file);
  }

  of(registration: Registration): Profile[] {
    return this.#profiles.filter((profile) => matches(profile, registration));
  }

  /** The first that says it counts. */
  awakeWindowMs(registration: Registration): number | undefined {
    return this.#profiles.find((one) => one.awakeWindowMs !== undefined && matches(one, registration))?.awakeWindowMs;
  }

  /** True when the file says something else now. */
  reload(): boolean {
    if (this.#file === undefined) return false;
    try {
      if (lookOf(this.#file) === this.#seen) return false;
      this.#read(this.#file);
      this.#log.info({ file: this.#file, profiles: this.#profiles.length }, 'profiles read anew');
      return true;
    } catch (error) {
      this.#log.warn({ file: this.#file, reason: messageOf(error) }, 'the profiles stay as they were; mend the file');
      return false;
    }
  }

  #read(file: string): void {
    try {
      // Before the content: a change in between is seen at the next look. A faulty file is looked at once.
      this.#seen = lookOf(file);
      if (statSync(file).size > MAX_FILE_BYTES) throw new Error(`it has more than ${MAX_FILE_BYTES} bytes`);
      this.#profiles = parseProfiles(readFileSync(file, 'utf8'), file);
    } catch (error) {
      if (error instanceof PlatformError) throw error;
      throw new PlatformError('CONFIG_INVALID', `${file} cannot be read: ${messageOf(error)}`, { cause: error });
    }
  }
}

function lookOf(file: string): string {
  const { mtimeMs, size, ino } = statSync(file);
  return `${mtimeMs}/${size}/${ino}`;
}
