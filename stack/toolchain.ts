import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { PlatformError } from '../common/errors.ts';

const run = promisify(execFile);

interface Tool {
  readonly programs: readonly string[];
  /** What a person types to get it on Debian or Ubuntu. */
  readonly remedy: string;
  readonly version?: { readonly args: readonly string[]; readonly pattern: RegExp; readonly atLeast: Version };
}
type Version = readonly [major: number, minor: number];

/** Go and Rust come from their own sites where the distribution's are older than the builds need. */
const TOOLS = {
  java: {
    programs: ['java'],
    remedy: 'apt-get install openjdk-17-jre-headless',
    version: { args: ['-version'], pattern: /version "(\d+)(?:\.(\d+))?/, atLeast: [17, 0] },
  },
  mvn: { programs: ['mvn'], remedy: 'apt-get install maven' },
  unzip: { programs: ['unzip'], remedy: 'apt-get install unzip' },
  go: {
    programs: ['go'],
    remedy: 'apt-get install golang-go, or https://go.dev/dl where that is older than 1.23',
    version: { args: ['env', 'GOVERSION'], pattern: /^go(\d+)\.(\d+)/, atLeast: [1, 23] },
  },
  cargo: {
    programs: ['cargo'],
    remedy: 'apt-get install cargo, or https://rustup.rs where that is older than 1.72',
    version: { args: ['--version'], pattern: /^cargo (\d+)\.(\d+)/, atLeast: [1, 72] },
  },
  cc: { programs: ['cc'], remedy: 'apt-get install gcc libc6-dev' },
  'pkg-config': { programs: ['pkg-config'], remedy: 'apt-get install pkg-config' },
} as const satisfies Record<string, Tool>;

export type ToolName = keyof typeof TOOLS;

/** The full path of a program on PATH; undefined when there is none. */
export function findProgram(program: string, path: string = process.env.PATH ?? ''): string | undefined {
  for (const folder of path.split(delimiter)) {
    if (folder === '') continue;
    const candidate = join(folder, program);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {}
  }
  return undefined;
}

/** Errors: STACK_TOOL_MISSING, one error for all that is missing or too old. @param env whose PATH is searched */
export async function assertTools(names: Iterable<ToolName>, env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const faults = (await Promise.all([...new Set(names)].map((name) => faultOf(name, env)))).filter(
    (f) => f !== undefined,
  );
  if (faults.length === 0) return;
  const text = faults.map((f) => `${f.what} (${f.remedy})`).join('; ');
  throw new PlatformError('STACK_TOOL_MISSING', `needed to fetch or run the servers: ${text}`, {
    details: { tools: faults.map((f) => f.name), remedies: faults.map((f) => f.remedy) },
  });
}

async function faultOf(name: ToolName, env: NodeJS.ProcessEnv) {
  const tool: Tool = TOOLS[name];
  const fault = (what: string) => ({ name, what, remedy: tool.remedy });
  const program = findProgram(tool.programs[0] ?? name, env.PATH ?? '');
  if (program === undefined) return fault(`${name} is missing`);
  if (tool.version === undefined) return undefined;
  const { args, pattern, atLeast } = tool.version;
  const output = await run(program, args, { env, timeout: 30_000 }).catch((error: unknown) => error as never);
  const found = pattern.exec(`${output.stdout}${output.stderr}`);
  const version: Version = [Number(found?.[1] ?? 0), Number(found?.[2] ?? 0)];
  if (isAtLeast(version, atLeast)) return undefined;
  return fault(`${name} ${version.join('.')} is older than ${atLeast.join('.')}`);
}

function isAtLeast(version: Version, atLeast: Version): boolean {
  return version[0] > atLeast[0] || (version[0] === atLeast[0] && version[1] >= atLeast[1]);
}
