import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { avroResponseCodes } from '../../../schemas/generated/records.ts';
import { DASHBOARDS } from '../../../swarm/grafana/src/dashboards.ts';
import { INFLUXDB, PROMETHEUS } from '../../../swarm/grafana/src/data-sources.ts';
import { HISTOGRAMS, METRICS, OF_PROMETHEUS } from '../../../swarm/grafana/src/metrics.ts';
import { metricsIn, panelsOf, questionsOf, targetsOf, variablesOf } from '../../integration/pictures/questions.ts';

const GRAFANA = join(import.meta.dirname, '../../../swarm/grafana');
const read = (file: string) => readFileSync(join(GRAFANA, file), 'utf8');

describe('dashboards', () => {
  const all = Object.entries(DASHBOARDS);

  it('have a uid each, none of them the id or version that one Grafana gives', () => {
    const uids = all.map(([, { uid }]) => uid);
    assert.equal(new Set(uids).size, all.length);
    for (const [, dashboard] of all) {
      assert.match(dashboard.uid!, /^zeelos-[a-z0-9-]{3,32}$/);
      assert.equal(dashboard.id ?? null, null);
      assert.equal(dashboard.version, undefined);
    }
  });

  it('are files that are there, and no others are', () => {
    const files = globSync('*.json', { cwd: join(GRAFANA, 'dashboards') }).map((file) => basename(file, '.json'));
    assert.deepEqual(files.sort(), all.map(([name]) => name).sort());
  });

  it('ask only data sources that are provisioned, by their uids', () => {
    const provisioned = new Set<string | undefined>(
      [...read('provisioning/datasources/zeelos.yaml').matchAll(/^ {4}uid: (\S+)$/gm)].map(([, uid]) => uid),
    );
    assert.deepEqual([...provisioned].sort(), [INFLUXDB.uid, PROMETHEUS.uid]);
    for (const [name, dashboard] of all) {
      for (const panel of panelsOf(dashboard)) {
        const asked = [panel.datasource, ...targetsOf(panel).map(({ datasource }) => datasource)];
        for (const one of asked) assert.ok(provisioned.has(one?.uid), `${name}: ${panel.title}`);
      }
      for (const variable of variablesOf(dashboard))
        assert.ok(provisioned.has(variable.datasource?.uid), variable.name);
    }
  });

  it('name only metrics of the table, and the table holds none that nobody names', () => {
    const known = new Set<string>([...Object.values(METRICS).flat(), ...OF_PROMETHEUS]);
    const histograms = new Set<string>(Object.values(HISTOGRAMS).flat());
    const named = all.flatMap(([, dashboard]) =>
      questionsOf(dashboard).flatMap(({ store, query }) => (store === 'prometheus' ? metricsIn(query) : [])),
    );
    const histogramOf = (name: string) => name.replace(/_(bucket|sum|count)$/, '');
    assert.deepEqual(
      named.filter((name) => !known.has(name) && !histograms.has(histogramOf(name))),
      [],
    );
    const used = new Set([...named, ...named.map(histogramOf)]);
    assert.deepEqual(
      [...known, ...histograms].filter((name) => !used.has(name)),
      [],
    );
  });

  it('lead from cells of tables to dashboards that are there, choosing variables that they have by columns of the row', () => {
    const variablesByUid = new Map(
      all.map(([, dashboard]) => [dashboard.uid, variablesOf(dashboard).map((one) => one.name)]),
    );
    let seen = 0;
    for (const [, dashboard] of all) {
      for (const panel of panelsOf(dashboard)) {
        const overrides = panel.fieldConfig?.overrides ?? [];
        const links = overrides.flatMap(({ properties }) =>
          properties.flatMap(({ id, value }) => (id === 'links' ? (value as { url: string }[]) : [])),
        );
        const text = JSON.stringify([panel.targets, panel.transformations]);
        for (const { url } of links) {
          seen++;
          const [, uid = '', query = ''] = /^\/d\/([a-z0-9-]+)\?(.+)&\$\{__url_time_range\}$/.exec(url)!;
          const variables = variablesByUid.get(uid);
          assert.ok(variables !== undefined, url);
          for (const part of query.split('&')) {
            const [, variable = '', column = ''] = /^var-(\w+)=\$\{__data\.fields\.(\w+):percentencode\}$/.exec(part)!;
            assert.ok(variables.includes(variable), url);
            assert.ok(new RegExp(`\\b${column}\\b`).test(text), `${panel.title} has no column ${column}`);
          }
        }
      }
    }
    assert.ok(seen >= 10);
  });

  it('show times as the browser of whoever looks has them, and offer several values and all of each variable', () => {
    for (const [name, dashboard] of all) {
      assert.equal(dashboard.timezone, 'browser', name);
      for (const variable of variablesOf(dashboard)) {
        const { multi, includeAll, allValue } = variable;
        assert.deepEqual([multi, includeAll, allValue], [true, true, '.*'], `${name} ${variable.name}`);
      }
    }
  });

  it('colour words that have a colour, and cut no number off that may be below 0', () => {
    const graphs = all.flatMap(([, dashboard]) => panelsOf(dashboard).filter(({ type }) => type === 'timeseries'));
    const measured = graphs.filter((panel) =>
      targetsOf(panel).some(({ query = '' }) => /"(value|mean)"\)/.test(query)),
    );
    const unsigned = measured
      .filter((panel) => panel.fieldConfig?.defaults.min !== undefined)
      .map(({ title }) => title);
    assert.deepEqual(unsigned, ['Values per step']);
    const log = panelsOf(DASHBOARDS.commands!).find(({ title }) => title === 'Command log')!;
    const [codes] = log.fieldConfig?.defaults.mappings ?? [];
    assert.deepEqual(Object.keys((codes as { options: object }).options).sort(), [...avroResponseCodes].sort());
  });

  for (const [name, dashboard] of all) {
    describe(name, () => {
      it('says of each panel what it shows, with a unit where it is no table', () => {
        const titles = panelsOf(dashboard).map(({ title }) => title);
        assert.ok(titles.length >= 6);
        for (const panel of panelsOf(dashboard)) {
          const title = panel.title ?? '';
          assert.ok((panel.description ?? '').length > 15, title);
          if (panel.type !== 'table') assert.ok(panel.fieldConfig?.defaults.unit, title);
          assert.ok(targetsOf(panel).length > 0, title);
          const refIds = targetsOf(panel).map(({ refId }) => refId);
          assert.equal(new Set(refIds).size, refIds.length, title);
        }
      });

      it('numbers its panels and lays none over another or beyond the 24 columns', () => {
        const ids = (dashboard.panels ?? []).map(({ id }) => id);
        assert.equal(new Set(ids).size, ids.length);
        const taken = new Map<string, string>();
        for (const { gridPos, title = '' } of dashboard.panels ?? []) {
          const { x, y, w, h } = gridPos!;
          assert.ok(x + w <= 24, title);
          for (let column = x; column < x + w; column++) {
            for (let row = y; row < y + h; row++) {
              const cell = `${column} ${row}`;
              assert.equal(taken.get(cell), undefined, `${title} lies over ${taken.get(cell)}`);
              taken.set(cell, title);
            }
          }
        }
      });

      it('uses every variable that it offers, and no other', () => {
        const texts = [
          ...questionsOf(dashboard).map(({ query }) => query),
          ...variablesOf(dashboard).map(({ query }) => (query as { query: string }).query),
        ];
        const used = texts.flatMap((text) =>
          [...text.matchAll(/\$\{(\w+):regex\}|\$(?!__)(\w+)/g)].map(([, inFlux, inPromQl]) => inFlux ?? inPromQl!),
        );
        assert.deepEqual(
          [...new Set(used)].sort(),
          variablesOf(dashboard)
            .map((variable) => variable.name)
            .sort(),
        );
      });
    });
  }
});
