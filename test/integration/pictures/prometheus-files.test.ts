import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { METRICS } from '../../../swarm/grafana/src/metrics.ts';
import { type PrometheusPrograms, promtool, providePrometheus } from '../../peers/prometheus.ts';

const FILES = join(import.meta.dirname, '../../../swarm/prometheus');

describe('the files of Prometheus', function () {
  this.timeout(60_000);
  let programs: PrometheusPrograms;

  before(async function () {
    this.timeout(240_000);
    programs = await providePrometheus();
  });

  it('are taken by its checking tool', async () => {
    const said = await promtool(
      programs,
      'check',
      'config',
      '--lint=all',
      '--lint-fatal',
      join(FILES, 'prometheus.yml'),
    );
    assert.match(said, /1 rule files found/);
  });

  it('alert on what must be told and are quiet about a healthy system', async () => {
    await promtool(programs, 'test', 'rules', join(FILES, 'alerts.test.yml'));
  });

  it('name metrics in their rules that the dashboards name too, or that the same services expose', () => {
    const rules = readFileSync(join(FILES, 'alerts.yml'), 'utf8');
    const named = rules.match(/\b(?:zeelos|lwm2m|kafka|nodejs|node)_\w+/g) ?? [];
    const known = new Set<string>(Object.values(METRICS).flat());
    assert.ok(named.length > 20);
    assert.deepEqual(
      named.filter((name) => !known.has(name)),
      [],
    );
  });
});
