import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { VariableModel } from '@grafana/grafana-foundation-sdk/dashboard';
import { DASHBOARDS } from '../../../swarm/grafana/src/dashboards.ts';
import { eventually } from '../../rig/eventually.ts';
import { Chain } from './chain.ts';
import { type Choice, filledIn, metricsIn, type Question, questionsOf, variablesOf } from './questions.ts';

/** A rate needs two scrapes, a quantile an event between them, a copy its commit. */
const ROWS_LIMIT_MS = 40_000;

describe('pictures: every query of every panel on the stores of a chain that runs', function () {
  this.timeout(60_000);
  let chain: Chain;

  before(async function () {
    this.timeout(240_000);
    chain = await Chain.start();
  });
  after(async function () {
    this.timeout(60_000);
    await chain?.stop();
  });

  /** How much a question gives: rows of InfluxDB, numbers of Prometheus. */
  async function answers(question: Question, choice: Choice): Promise<number> {
    const query = filledIn(question, choice);
    if (question.store === 'influxdb') return (await chain.influx.rows(query)).length;
    const series = await chain.prometheus.series(query, question.kind);
    return series.reduce((sum, { values }) => sum + values.length, 0);
  }

  async function assertAnswers(questions: readonly Question[], choice: Choice): Promise<void> {
    const silent: string[] = [];
    const deadline = performance.now() + ROWS_LIMIT_MS;
    await Promise.all(
      questions.map(async (question) => {
        const leftMs = Math.max(1_000, deadline - performance.now());
        const what = `${question.panel} ${question.refId}`;
        await eventually(what, async () => (await answers(question, choice)) > 0, leftMs).catch((error: Error) =>
          silent.push(`${error.message}: ${filledIn(question, choice)}`),
        );
      }),
    );
    assert.deepEqual(silent, []);
  }

  /** What a variable offers, while those before it stand at all. */
  async function options({ query, datasource }: VariableModel): Promise<readonly string[]> {
    const { query: text } = query as { query: string };
    if (datasource?.type === 'influxdb') {
      const rows = await chain.influx.rows(filledIn({ query: text, store: 'influxdb' }, {}));
      return rows.map((row) => row._value!);
    }
    const [, metric, label] = /^label_values\((\w+), (\w+)\)$/.exec(text)!;
    return await chain.prometheus.labelValues(metric!, label!);
  }

  it('reads all services, both brokers and the machine with the scrape configuration of the project', async () => {
    const down = async () => (await chain.prometheus.targets()).filter(({ health }) => health !== 'up');
    await eventually('all targets are up', async () => (await down()).length === 0);
    assert.equal((await chain.prometheus.targets()).length, chain.metricsUrls.length);
  });

  it('has every metric that a query names', async () => {
    const pages = await Promise.all(chain.metricsUrls.map(async (url) => await (await fetch(url)).text()));
    const exposed = new Set(pages.flatMap((page) => [...page.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name!)));
    const ofPrometheus = new Set(['up', 'scrape_duration_seconds']);
    const named = Object.values(DASHBOARDS).flatMap((dashboard) =>
      questionsOf(dashboard)
        .filter(({ store }) => store === 'prometheus')
        .flatMap(({ query }) => metricsIn(query)),
    );
    assert.ok(named.length > 150, `only ${named.length} are named`);
    const missing = named.filter((name) => {
      const whole = name.replace(/_(bucket|sum|count)$/, '');
      return !exposed.has(name) && !exposed.has(whole) && !ofPrometheus.has(name);
    });
    assert.deepEqual([...new Set(missing)], []);
  });

  for (const [name, dashboard] of Object.entries(DASHBOARDS)) {
    describe(`dashboard ${name}`, () => {
      for (const variable of variablesOf(dashboard))
        it(`offers values for ${variable.name}`, async () => {
          await eventually('values', async () => (await options(variable)).length > 0);
        });

      it('gets rows for every query, with everything chosen', async () => {
        await assertAnswers(questionsOf(dashboard), {});
      });

      it('gets rows for every query that asks for one gateway only', async () => {
        const chosen = questionsOf(dashboard).filter(({ query }) => /\$gateway|\$\{server:/.test(query));
        await assertAnswers(chosen, { gateway: [chain.gatewayId], server: [chain.gatewayId] });
      });
    });
  }

  it('finds one resource of one device, whatever characters its name has', async () => {
    const numbers = questionsOf(DASHBOARDS.sensors!).find(({ panel }) => panel === 'Numbers')!;
    const one = { server: [chain.gatewayId], endpoint: ['pic-1'], path: ['/3303/0/5700'] };
    const rows = await chain.influx.rows(filledIn(numbers, one));
    assert.ok(rows.length > 0);
    assert.deepEqual([...new Set(rows.map(({ ep, path }) => `${ep} ${path}`))], ['pic-1 /3303/0/5700']);
    const odd = { server: [chain.gatewayId, 'a.b/c(d)'], endpoint: ['x|y', 'z+{"1"}'], path: ['/1', '/2'] };
    assert.deepEqual(await chain.influx.rows(filledIn(numbers, odd)), []);
  });

  it('shows each command in the log with its outcome', async () => {
    const log = questionsOf(DASHBOARDS.commands!).find(({ panel }) => panel === 'Command log')!;
    const query = filledIn(log, { server: [chain.gatewayId] });
    const seen = async () =>
      (await chain.influx.rows(query)).map(({ kind, path, code }) => `${kind} ${path} ${code}`).sort();
    const expected = [
      'discover /3303 CONTENT',
      'execute /3303/0/5605 CHANGED',
      'read /26241/0/26253 CONTENT',
      'read /3/0/0 CONTENT',
      'read /3/0/0 NOT_FOUND',
      'read /3303/0/5700 CONTENT',
      'write /3/0/14 CHANGED',
    ];
    await eventually('all replies', async () => (await seen()).length === expected.length);
    assert.deepEqual(await seen(), expected);
  });

  it('shows what holds in a chain where nothing is wrong', async () => {
    const shown = async (dashboard: string, title: string): Promise<number | undefined> => {
      const question = questionsOf(DASHBOARDS[dashboard]!).find(({ panel }) => panel === title)!;
      const [series, ...others] = await chain.prometheus.series(filledIn(question, {}), 'instant');
      assert.deepEqual(others, []);
      return series?.values[0];
    };
    const held = async () => ({
      unaccounted: await shown('pipelines', 'Unaccounted'),
      deadLetters: await shown('pipelines', 'Dead letters'),
      stopped: await shown('replication', 'Stopped partitions'),
      missing: await shown('replication', 'Records missing in the copy'),
      roomLeft: (await shown('replication', 'Room left'))! > 0.99,
      notReady: await shown('hosts', 'Not ready'),
      silent: await shown('hosts', 'Targets that do not answer'),
      // Three simulated ones and two units of Modbus.
      devices: await shown('fleet', 'Registered devices'),
    });
    const right = {
      unaccounted: 0,
      deadLetters: 1,
      stopped: 0,
      missing: 0,
      roomLeft: true,
      notReady: 0,
      silent: 0,
      devices: 5,
    };
    await eventually('all is settled', async () => isDeepStrictEqual(await held(), right)).catch(async () =>
      assert.deepEqual(await held(), right),
    );
  });

  it('applies every alert rule without an error', async () => {
    const rules = await chain.prometheus.rules();
    assert.ok(rules.length >= 15);
    await eventually('all were evaluated', async () =>
      (await chain.prometheus.rules()).every(({ health }) => health === 'ok'),
    );
    const firing = async () =>
      (await chain.prometheus.rules()).filter(({ state }) => state === 'firing').map(({ name }) => name);
    await eventually('the record that nobody can read is told of', async () =>
      (await firing()).includes('DeadLetters'),
    );
  });
});
