import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRetriable, messageOf, PlatformError } from '../../common/errors.ts';
import { sleep } from '../../common/lifecycle.ts';
import type { Log } from '../../common/log.ts';
import { checkConfig } from '../config/connector-classes.ts';
import { type NamedConfig, readConnectorFile } from '../config/connector-file.ts';
import type { RawConfig } from '../config/definition.ts';
import { checkWithRegistry } from './registry-check.ts';
import type { Worker } from './worker.ts';

/** Pause between looks whether the schemas of topics have the fields of what was refused. */
const LOOK_AGAIN_MS = 5_000;

export interface TakeOptions {
  readonly registryUrl: string;
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Told what the registry says against files, and undefined when nothing is left. */
  onRefused(reason: string | undefined): void;
}

/** Connectors that are given as files. */
export class ConnectorFiles {
  readonly #given: readonly NamedConfig[];

  private constructor(given: readonly NamedConfig[]) {
    this.#given = given;
  }

  /** Errors: CONFIG_INVALID for a folder that cannot be read and for files that are wrong by themselves. */
  static async read(folder: string | undefined): Promise<ConnectorFiles> {
    return new ConnectorFiles(folder === undefined ? [] : await connectorsIn(folder));
  }

  /**
   * What stands in the files holds over what was configured before. A file that names a field which its topic's newest schema lacks is
   * left out, and what was configured stays, until the schema has it: schemas come and grow after the start of a worker.
   */
  takingBy(worker: Worker, o: TakeOptions): Taking {
    return new Taking(this.#given, worker, o);
  }
}

async function connectorsIn(folder: string): Promise<readonly NamedConfig[]> {
  let names: readonly string[];
  try {
    names = (await readdir(folder)).filter((name) => /\.(json|properties)$/.test(name)).sort();
  } catch (cause) {
    throw new PlatformError('CONFIG_INVALID', `--connectors-folder ${folder} cannot be read: ${messageOf(cause)}`, {
      cause,
    });
  }
  return await Promise.all(
    names.map(async (name) => {
      const found = readConnectorFile(name, await readFile(join(folder, name), 'utf8'));
      const faults = [...checkConfig(found.config).faults.values()].flat();
      if (faults.length > 0) throw new PlatformError('CONFIG_INVALID', `${name}: ${faults.join('; ')}`);
      return found;
    }),
  );
}

interface GivenFile {
  readonly file: NamedConfig;
  /** What was configured when the worker started. */
  readonly before: RawConfig | undefined;
}

export class Taking {
  readonly #worker: Worker;
  readonly #o: TakeOptions;
  #left: readonly GivenFile[];
  #told: string | undefined;

  constructor(given: readonly NamedConfig[], worker: Worker, o: TakeOptions) {
    this.#worker = worker;
    this.#o = o;
    this.#left = given.map((file) => ({ file, before: worker.configs.get(file.name)?.config }));
  }

  /** Takes what can be taken now. Errors: KAFKA_UNAVAILABLE. */
  async round(): Promise<void> {
    const away = new Set<string>();
    const refused: string[] = [];
    const left: GivenFile[] = [];
    for (const one of this.#left) {
      const { name, config } = one.file;
      const known = this.#worker.configs.get(name)?.config;
      // Another worker has taken the file, or somebody has configured the connector since.
      if (known !== one.before || (known !== undefined && isSame(known, { ...config, name }))) continue;
      const { faults } = await checkWithRegistry(config, this.#o.registryUrl, away);
      if (this.#o.signal.aborted) return;
      if (faults.size === 0) {
        await this.#worker.put(name, config);
        continue;
      }
      left.push(one);
      refused.push(`${name}: ${[...faults.values()].flat().join('; ')}`);
    }
    this.#left = left;
    this.#tell(refused);
  }

  /** Resolves once nothing is left, or on abort. */
  async rest(): Promise<void> {
    const { signal, log } = this.#o;
    while (this.#left.length > 0 && !signal.aborted) {
      await sleep(LOOK_AGAIN_MS, signal);
      if (signal.aborted) return;
      await this.round().catch((error: unknown) => {
        if (!isRetriable(error)) throw error;
        log.debug({ reason: messageOf(error) }, 'taking files of connectors');
      });
    }
  }

  #tell(refused: readonly string[]): void {
    const reason = refused.length === 0 ? undefined : refused.join('\n');
    if (reason === this.#told) return;
    this.#told = reason;
    this.#o.onRefused(reason);
    if (refused.length > 0)
      this.#o.log.error(
        { refused },
        'files of connectors name what the schemas of their topics lack; they are left out until the schemas have it',
      );
  }
}

function isSame(one: RawConfig, other: RawConfig): boolean {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}
