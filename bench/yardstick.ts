import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PlatformError } from '../common/errors.ts';
import { ProcessGroup } from './process-group.ts';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));
const SCRIPT = fileURLToPath(new URL('./yardstick.sh', import.meta.url));
const OLDEST_JAVA = 17;
export const MM2_PROPERTIES = 'conf/mm2.properties.in';

/** Programs that the yardstick's scripts call; another can be named by the variable that the scripts read. */
const PROGRAMS = {
  bash: { variable: undefined, args: ['--version'], what: 'bash' },
  cc: { variable: 'CC', args: ['--version'], what: 'a C compiler' },
  java: { variable: 'JAVA', args: ['-version'], what: `Java ${OLDEST_JAVA}` },
  javac: { variable: undefined, args: ['-version'], what: `a JDK ${OLDEST_JAVA} (the compiler)` },
  mvn: { variable: 'MVN', args: ['--version'], what: 'Maven' },
  python3: { variable: 'PYTHON', args: ['--version'], what: 'Python 3' },
} as const;

function programOf(name: keyof typeof PROGRAMS): string {
  const { variable } = PROGRAMS[name];
  return (variable === undefined ? undefined : process.env[variable]) ?? name;
}

function versionOf(name: keyof typeof PROGRAMS): string | undefined {
  const { status, stdout, stderr } = spawnSync(programOf(name), PROGRAMS[name].args, { encoding: 'utf8' });
  return status === 0 ? `${stdout}${stderr}` : undefined;
}

function missingPrograms(): string[] {
  const missing: string[] = [];
  for (const name of Object.keys(PROGRAMS) as (keyof typeof PROGRAMS)[]) {
    const version = versionOf(name);
    const isJava = name === 'java' || name === 'javac';
    const major = Number(/(?:version "|javac )(\d+)/.exec(version ?? '')?.[1]);
    if (version === undefined) missing.push(`${PROGRAMS[name].what} (${programOf(name)})`);
    else if (isJava && !(major >= OLDEST_JAVA)) missing.push(`${PROGRAMS[name].what}, found ${major}`);
  }
  return missing;
}

/** The yardstick folder and what its scripts make of it. */
export class Yardstick {
  readonly folder: string;
  readonly cache =
    process.env.YARDSTICK_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'yardstick');
  readonly java = programOf('java');
  readonly python = programOf('python3');

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** @param files further ones that the caller uses. Errors: STACK_TOOL_MISSING names everything that is missing. */
  static find(folder: string | undefined, files: readonly string[] = []): Yardstick {
    const found = resolve(folder ?? join(PROJECT, '../shared/yardstick'));
    const missing = ['lib.sh', 'bench.py', 'fleet/fleet.c', 'leshan-peer/pom.xml', 'count/pom.xml', ...files]
      .filter((file) => !existsSync(join(found, file)))
      .map((file) => join(found, file));
    if (missing.length > 0) {
      const how = 'name the folder with --yardstick or ZEELOS_YARDSTICK';
      throw new PlatformError('STACK_TOOL_MISSING', `no yardstick: ${missing.join(', ')} missing; ${how}`);
    }
    const programs = missingPrograms();
    if (programs.length > 0) throw new PlatformError('STACK_TOOL_MISSING', `missing: ${programs.join(', ')}`);
    return new Yardstick(found);
  }

  /** Makes what is missing: from Maven's own cache first, over the network only when that does not do. */
  async build(folder: string): Promise<void> {
    const offline = join(folder, 'mvn-offline');
    writeFileSync(offline, `#!/bin/sh\nexec ${quoted(programOf('mvn'))} -o "$@"\n`);
    chmodSync(offline, 0o755);
    const log = join(folder, 'build.log');
    for (const env of [{ MVN: offline }, {}]) {
      const build = new ProcessGroup('bash', [SCRIPT, 'build', this.folder], { env, log });
      if ((await build.ended) === 0) return;
    }
    throw new PlatformError('STACK_START_FAILED', `the yardstick cannot be built: see ${log}`);
  }

  async startBroker(o: { folder: string; port: number; controllerPort: number }): Promise<Broker> {
    const args = [SCRIPT, 'broker', this.folder, o.folder, String(o.port), String(o.controllerPort)];
    const started = Promise.withResolvers<number>();
    const group: ProcessGroup = new ProcessGroup('bash', args, {
      onStdout: () => {
        const pid = /^pid (\d+)$/m.exec(group.stdout)?.[1];
        if (pid !== undefined) started.resolve(Number(pid));
      },
    });
    const failed = group.ended.then(() => {
      throw new PlatformError('STACK_START_FAILED', `the broker ended: ${group.stdout.trim()}`);
    });
    failed.catch(() => undefined);
    const pid = await Promise.race([started.promise, failed]);
    return { pid, address: `127.0.0.1:${o.port}` };
  }

  get fleet(): string {
    return join(this.cache, 'fleet');
  }

  /** The command that runs yardstick.Tool. */
  get tool(): readonly string[] {
    const count = join(this.cache, 'count');
    const classes = `${join(count, 'count-1.jar')}:${join(count, 'libs')}/*`;
    return [this.java, '-Xmx1g', '-XX:+UseSerialGC', '-cp', classes, 'yardstick.Tool'];
  }

  /** Settings of MirrorMaker 2, to be filled in. */
  get mm2Properties(): string {
    return join(this.folder, MM2_PROPERTIES);
  }

  get peerSchemas(): string {
    return join(this.folder, 'leshan-peer/src/main/resources/peer.avsc');
  }
}

export interface Broker {
  readonly pid: number;
  readonly address: string;
}

/** One word of a shell line. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

export function shellLine(words: readonly string[]): string {
  return words.map(quoted).join(' ');
}
