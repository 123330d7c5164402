import { readFileSync, writeFileSync } from 'node:fs';
import { ERROR_CODES } from '../common/errors.ts';
import { settingsHelp } from '../common/settings.ts';
import { generateRecords } from '../schemas/generate-records.ts';
import { dashboardFiles } from '../swarm/grafana/src/dashboards.ts';
import { COMMANDS } from './commands.ts';
import { DEFAULT_SERVICES, SERVICES } from './service-table.ts';
import { DEFAULT_SYSTEM_PORTS } from './system-ports.ts';

const NOTE = '<!-- Made by `npm run gen`; a test keeps it in step. Do not edit. -->\n';

/** Every generated file with the text it should have. The architecture test compares, `npm run gen` writes. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['schemas/generated/records.ts', generateRecords()],
    ['docs/settings.md', settingsPage()],
    ['docs/errors.md', errorsPage()],
    ['swarm/prometheus/targets/local.json', localTargets()],
    ...dashboardFiles(),
  ]);
}

function settingsPage(): string {
  const sections = Object.entries(COMMANDS).map(([name, { about, settings }]) => {
    const rows = settingsHelp(settings).map(
      ({ flag, variable, about: meaning, standard }) =>
        `| \`${flag}\` | \`${variable}\` | ${cell(meaning)} | ${cell(standard)} |`,
    );
    return [
      `## zeelos ${name}\n`,
      `${about}\n`,
      '| flag | variable | meaning | default |',
      '|---|---|---|---|',
      ...rows,
      '',
    ].join('\n');
  });
  const intro =
    'Flags beat variables, variables beat defaults. Unknown flags and unknown `ZEELOS_…` variables are faults; all faults are reported together.\n';
  const common =
    '`ZEELOS_LOG_LEVEL` (default `info`) and `ZEELOS_CACHE` (where fetched servers are kept, default `~/.cache/zeelos`) hold for every command.\n';
  return ['# Settings\n', NOTE, intro, common, ...sections].join('\n');
}

function errorsPage(): string {
  const rows = Object.entries(ERROR_CODES).map(
    ([code, { retriable, meaning, remedy }]) =>
      `| \`${code}\` | ${cell(meaning)} | ${retriable ? 'yes' : 'no'} | ${cell(remedy)} |`,
  );
  return [
    '# Errors\n',
    NOTE,
    'Match on the code, never on the text.\n',
    '| code | what it means | may a retry help | what to do |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}

/** What `zeelos up` runs on this machine, as targets of Prometheus. Services of the cloud belong to no gateway. */
function localTargets(): string {
  const groups = DEFAULT_SERVICES.map((job) => ({
    targets: [`127.0.0.1:${DEFAULT_SYSTEM_PORTS.health[job]}`],
    labels: { job, ...(SERVICES[job].at === 'edge' && { gateway: 'gw1' }) },
  }));
  return `${JSON.stringify(groups, null, 2)}\n`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

if (import.meta.main) {
  const root = new URL('../', import.meta.url);
  for (const [file, text] of generatedFiles()) {
    const url = new URL(file, root);
    let before: string | undefined;
    try {
      before = readFileSync(url, 'utf8');
    } catch {
      // made for the first time
    }
    if (before === text) continue;
    writeFileSync(url, text);
    console.log(`wrote ${file}`);
  }
}
