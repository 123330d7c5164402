#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { COMPILE_CACHE_DIR } from './compile-cache.ts';

const OLDEST_NODE = 24;

if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
  process.stderr.write(
    `zeelos needs Node ${OLDEST_NODE} or newer, not ${process.version}: run it as \`npx zeelos\` after \`npm ci\`, which brings one\n`,
  );
  process.exit(2);
}
// The variable is for threads and child processes; Node has read it here before we could set it.
if (process.env.NODE_COMPILE_CACHE === undefined) {
  process.env.NODE_COMPILE_CACHE = COMPILE_CACHE_DIR;
  enableCompileCache(COMPILE_CACHE_DIR);
}
const { runCommandLine } = await import('./cli.ts');
await runCommandLine(process.argv.slice(2));
