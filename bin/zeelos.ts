#!/usr/bin/env node
import { enableCompileCache } from 'node:module';

const OLDEST_NODE = 24;

if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
  process.stderr.write(
    `zeelos needs Node ${OLDEST_NODE} or newer, not ${process.version}: run it as \`npx zeelos\` after \`npm ci\`, which brings one\n`,
  );
  process.exit(2);
}
// Keeps types stripped once: without it each process loads the stripper, which costs 18 MB of memory and a third of the start.
enableCompileCache();
const { runCommandLine } = await import('./cli.ts');
await runCommandLine(process.argv.slice(2));
