import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generatedFiles } from '../bin/generate.ts';
import { ERROR_CODES } from '../common/errors.ts';
import { TOPICS, topicsFlowing } from '../schemas/topics.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));

/** Which top-level folders each folder may import (docs/architecture.md). Follow the data before widening a row. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  schemas: [],
  common: ['schemas'],
  lwm2m: ['common/errors.ts', 'common/log.ts'],
  'lwm2m-server': ['lwm2m', 'schemas', 'common'],
  replicator: ['schemas', 'common'],
  connectors: ['schemas', 'common'],
  streams: ['schemas', 'common'],
  adapters: ['lwm2m', 'common'],
  stack: ['common'],
  swarm: [],
};

/** Packages with one home each: whoever wants what they do asks there. */
const PACKAGE_HOMES: Readonly<Record<string, string | readonly string[]>> = {
  kafkajs: 'common/kafka/',
  '@kafkajs/confluent-schema-registry': 'common/schema-registry.ts',
  avsc: 'schemas/',
  pino: 'common/log.ts',
  'prom-client': '',
  zod: '',
  fastify: ['lwm2m-server/rest/', 'connectors/worker/rest/'],
  'coap-packet': 'test/',
  'fast-xml-parser': 'lwm2m/model/ddf-xml.ts',
  'modbus-serial': 'adapters/',
  '@influxdata/influxdb-client': 'connectors/influxdb/',
  orientjs: 'connectors/orientdb/',
  '@grafana/grafana-foundation-sdk': 'swarm/grafana/src/',
};

/** Only composition may import these: `bin/`, `bench/` and `test/` are not in the table above. */
const COMPOSERS = new Set(['bin', 'bench', 'test']);

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^;'"]*?from\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/g;

interface Import {
  readonly file: string;
  readonly target: string;
}

function sources(): string[] {
  return globSync('**/*.ts', { cwd: ROOT, exclude: (name) => name === 'node_modules' || name === '.zeelos' }).sort();
}

function importsOf(file: string): Import[] {
  const text = readFileSync(`${ROOT}/${file}`, 'utf8');
  return [...text.matchAll(IMPORT)].map((match) => {
    const target = match[1] ?? match[2] ?? match[3]!;
    return { file, target: target.startsWith('.') ? posix.join(posix.dirname(file), target) : target };
  });
}

describe('architecture', () => {
  const imports = sources().flatMap(importsOf);
  const localFiles = new Set(sources());
  const local = imports.filter(({ target }) => localFiles.has(target));

  it('reads the imports of the sources', () => {
    assert.ok(imports.length > 300, `only ${imports.length} imports were found`);
    assert.ok(local.length > 200, `only ${local.length} of them are ours`);
  });

  it('has no arrow between folders that the table does not allow', () => {
    const faults = local.filter(({ file, target }) => {
      const from = file.split('/')[0]!;
      if (COMPOSERS.has(from) || from === target.split('/')[0]) return false;
      const allowed = MAY_IMPORT[from];
      return allowed === undefined || !allowed.some((folder) => target === folder || target.startsWith(`${folder}/`));
    });
    assert.deepEqual(faults, []);
  });

  it('has no service that imports another main.ts, nor a test from the product', () => {
    const faults = local.filter(({ file, target }) => {
      const from = file.split('/')[0]!;
      if (COMPOSERS.has(from)) return false;
      return posix.basename(target) === 'main.ts' || target.startsWith('test/') || target.startsWith('bin/');
    });
    assert.deepEqual(faults, []);
  });

  it('uses each package only in its home', () => {
    const faults = imports.filter(({ file, target }) => {
      const from = file.split('/')[0]!;
      if (
        from === 'test' ||
        from === 'bench' ||
        target.startsWith('node:') ||
        localFiles.has(target) ||
        target.endsWith('.json')
      )
        return false;
      const name = target.startsWith('@') ? target.split('/').slice(0, 2).join('/') : target.split('/')[0]!;
      const home = PACKAGE_HOMES[name];
      return home === undefined || ![home].flat().some((one) => file.startsWith(one));
    });
    assert.deepEqual(faults, []);
  });

  it('lets each topic flow one way only', () => {
    const up = topicsFlowing('up').map((row) => row.nameFor('gw'));
    const down = topicsFlowing('down').map((row) => row.nameFor('gw'));
    assert.deepEqual(up, ['iot.gw.registrations', 'iot.gw.observations', 'iot.gw.management.rep']);
    assert.deepEqual(down, ['iot.gw.management.req']);
    assert.ok(up.every((topic) => !down.includes(topic)));
    assert.equal(TOPICS.state.direction, 'edge');
  });

  for (const [file, text] of generatedFiles()) {
    it(`has ${file} in step with what it is made from`, () => {
      assert.equal(readFileSync(`${ROOT}/${file}`, 'utf8'), text, 'run `npm run gen`');
    });
  }

  it('has a lock file that names every package, those of other platforms too', () => {
    // npm writes a lock without what it could not look up, and `npm ci` then refuses it on the next machine.
    const { packages } = JSON.parse(readFileSync(`${ROOT}/package-lock.json`, 'utf8')) as {
      packages: Record<string, { optionalDependencies?: object }>;
    };
    const names = new Set(Object.keys(packages).map((path) => path.slice(path.lastIndexOf('node_modules/') + 13)));
    const wanted = Object.values(packages).flatMap((row) => Object.keys(row.optionalDependencies ?? {}));
    assert.ok(wanted.length > 10);
    assert.deepEqual(
      wanted.filter((name) => !names.has(name)),
      [],
    );
  });

  it('uses every error code', () => {
    const text = sources()
      .filter((file) => !file.startsWith('test/') && file !== 'common/errors.ts')
      .map((file) => readFileSync(`${ROOT}/${file}`, 'utf8'))
      .join('\n');
    assert.deepEqual(
      Object.keys(ERROR_CODES).filter((code) => !text.includes(`'${code}'`)),
      [],
    );
  });
});
