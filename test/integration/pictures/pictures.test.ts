import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import type { VariableModel } from '@grafana/grafana-foundation-sdk/dashboard';
import { DASHBOARDS } from '../../../swarm/grafana/src/dashboards.ts';
import { eventually } from '../../rig/eventually.ts';
import { Chain } from './chain.ts';
import { checkGraph } from './graph-checks.ts';
import { COMMANDS } from './operator.ts';
import { type Choice, filledIn, metricsIn, type Question, questionsOf, variablesOf } from './questions.ts';
import type { Row } from './readers.ts';

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
        const chosen = questionsOf(dashboard).filter(({ query }) => /\$gateway|\$\{gateway:/.test(query));
        await assertAnswers(chosen, { gateway: [chain.gatewayId] });
      });
    });
  }

  it('finds one resource of one device, whatever characters its name has', async () => {
    const numbers = questionsOf(DASHBOARDS.sensors!).find(({ panel }) => panel === 'Numbers')!;
    const one = { gateway: [chain.gatewayId], endpoint: ['pic-1'], path: ['/3303/0/5700'] };
    const rows = await chain.influx.rows(filledIn(numbers, one));
    assert.ok(rows.length > 0);
    assert.deepEqual([...new Set(rows.map(({ ep, path }) => `${ep} ${path}`))], ['pic-1 /3303/0/5700']);
    const odd = { gateway: [chain.gatewayId, 'a.b/c(d)'], endpoint: ['x|y', 'z+{"1"}'], path: ['/1', '/2'] };
    assert.deepEqual(await chain.influx.rows(filledIn(numbers, odd)), []);
  });

  async function rowsOf(dashboard: string, title: string, choice: Choice = {}): Promise<readonly Row[]> {
    const questions = questionsOf(DASHBOARDS[dashboard]!).filter(({ panel }) => panel === title);
    const answers = questions.map((question) =>
      chain.influx.rows(filledIn(question, { gateway: [chain.gatewayId], ...choice })),
    );
    return (await Promise.all(answers)).flat();
  }

  it('shows each command in the log, once: who asked, what came of it, how long it took', async () => {
    const seen = async () => await rowsOf('commands', 'Command log');
    await eventually('all replies', async () => (await seen()).length === COMMANDS.length);
    const rows = await seen();
    const told = rows.map(({ requestedBy, ep, kind, path, code }) => [requestedBy || undefined, ep, kind, path, code]);
    const done = { write: 'CHANGED', execute: 'CHANGED' } as Record<string, string>;
    const expected = COMMANDS.map(([requester, ep = '', kind = '', path]) => {
      const code = ep === 'nobody' ? 'NOT_FOUND' : (done[kind] ?? 'CONTENT');
      return [requester, ep, kind, path, code];
    });
    const inOrder = (lines: readonly unknown[]) => lines.map((line) => JSON.stringify(line)).sort();
    assert.deepEqual(inOrder(told), inOrder(expected));
    for (const { latencyMs, ticket } of rows) assert.ok(Number(latencyMs) > 0 && ticket !== '', JSON.stringify(rows));
    assert.match(rows.find(({ path }) => path === '/3303/1')!.says!, /^\d+ values$/);
    assert.match(rows.find(({ ep }) => ep === 'nobody')!.says!, /registration/i);
  });

  it('counts commands by who asked, also where the name has quotes in it', async () => {
    const rows = await rowsOf('commands', 'Requesters');
    const of = (name: string) => Object.assign({}, ...rows.filter(({ requester }) => requester === name)) as Row;
    assert.deepEqual([of('ana').replies, of('ana').failed], ['6', undefined]);
    assert.deepEqual([of('a "cron" job').replies, of('a "cron" job').failed], ['2', '1']);
    assert.ok(Number(of('ana').latency) > 0);
  });

  it('shows alarms with their state, of resources and of a device that is silent', async () => {
    const states = async () =>
      (await rowsOf('analyses', 'Alarms')).flatMap(({ state, ep, path, rule }) =>
        state === undefined ? [] : [`${state} ${rule} ${ep} ${path}`.trim()],
      );
    const expected = ['RAISED mute pic-gone-1', 'RAISED warm pic-1 /3303/0/5700', 'RAISED warm pic-3 /3303/1/5700'];
    const missing = async () => {
      const seen = await states();
      return expected.filter((one) => !seen.includes(one));
    };
    await eventually('alarms', async () => (await missing()).length === 0).catch(async () =>
      assert.deepEqual(await missing(), []),
    );
  });

  it('shows the greatest number of 30 seconds over the numbers that it is of, and a band around their mean', async () => {
    const one = { endpoint: ['pic-2'], path: ['/3303/1/5700'] };
    const rows = await rowsOf('analyses', 'Numbers and their greatest of 30 seconds', one);
    const [means, greatest] = ['mean', 'greatest'].map((what) => rows.filter((row) => row.what === what));
    assert.deepEqual([...new Set(greatest!.map(({ path }) => path))], ['/3303/1/5700-max']);
    const top = (of: readonly Row[]) => Math.max(...of.map(({ _value }) => Number(_value)));
    assert.ok(means!.length > 0 && top(greatest!) >= top(means!) - 1e-9);
    const band = await rowsOf('analyses', 'Smallest, mean and greatest', one);
    const at = Map.groupBy(band, ({ _time }) => _time);
    assert.ok(at.size > 0);
    for (const step of at.values()) {
      const [min, mean, max] = ['min', 'mean', 'max'].map((name) =>
        Number(step.find(({ statistic }) => statistic === name)?._value),
      );
      assert.ok(min! <= mean! && mean! <= max!, JSON.stringify(step));
    }
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
      // Three simulated ones, two units of Modbus, and an LwM2M gateway with one behind it; one has left.
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
      devices: 7,
    };
    await eventually('all is settled', async () => isDeepStrictEqual(await held(), right)).catch(async () =>
      assert.deepEqual(await held(), right),
    );
  });

  checkGraph(() => chain);

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
