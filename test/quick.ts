import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type Counts, runMocha, runStep, testFiles } from './mocha-run.ts';

const require = createRequire(import.meta.url);

function binOf(name: string, file: string): string {
  return join(dirname(require.resolve(`${name}/package.json`)), file);
}

/** What needs no server: types, format and lint, architecture, unit and property tests. Under a minute. */
export async function quick(): Promise<Counts[]> {
  return [
    await runStep('types', [binOf('typescript', 'bin/tsc'), '-p', '.']),
    await runStep('format and lint', [binOf('@biomejs/biome', 'bin/biome'), 'check', '--error-on-warnings', '.']),
    await runMocha(testFiles('test/architecture.test.ts', 'test/unit/**/*.test.ts', 'test/property/**/*.test.ts')),
  ];
}
