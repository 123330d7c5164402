import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PlatformError } from '../../../common/errors.ts';
import { MOST_GATEWAYS, parseGateways, readGateways, watchGateways } from '../../../replicator/gateways-file.ts';
import { eventually } from '../../rig/eventually.ts';
import { replicatorSettings } from './replicator-settings.ts';

const settings = replicatorSettings('--bytes-per-second', '500', '--rate-schedule', '01:00-02:00=9');
const parse = (value: unknown) => parseGateways(JSON.stringify(value), settings, 'gateways.json');
const gw = (gatewayId: string, more: object = {}) => ({ gatewayId, edgeBrokers: '10.0.0.1:9092', ...more });

describe('replicator/gateways-file', () => {
  it('takes what is missing in an entry from the flags, and null for no limit', () => {
    const [plain, own] = parse([
      gw('gw1'),
      gw('gw2', {
        edgeBrokers: 'a:1,b:2',
        upTopics: ['analytics.gw2.alarms'],
        bytesPerSecond: null,
        rateSchedule: '',
        delivery: 'at-least-once',
        onGap: 'stop',
        wanCompression: 'lz4',
        budgetBytes: 4_194_304,
      }),
    ]);
    assert.deepEqual(plain!.lanes, {
      ...{ delivery: 'exactly-once', onGap: 'continue', compression: 'zstd', commitMs: 1_000 },
      ...{ commitBytes: 16_777_216, budgetBytes: 16_777_216 },
    });
    assert.deepEqual([plain!.bytesPerSecond, plain!.rateWindows.length], [500, 1]);
    assert.deepEqual(plain!.cloud, { brokers: ['127.0.0.1:1'] });
    assert.deepEqual(own!.edge, { brokers: ['a:1', 'b:2'] });
    assert.deepEqual([own!.bytesPerSecond, own!.rateWindows, own!.upTopics], [undefined, [], ['analytics.gw2.alarms']]);
    assert.deepEqual(
      [own!.lanes.delivery, own!.lanes.onGap, own!.lanes.compression, own!.lanes.budgetBytes],
      ['at-least-once', 'stop', 'lz4', 4_194_304],
    );
  });

  for (const [what, value, fault] of [
    ['no array', { gatewayId: 'gw1' }, /expected an array/],
    ['an entry that is none', [gw('gw1'), 7], /entry 1: /],
    ['a missing address', [{ gatewayId: 'gw1' }], /entry 0 \(gw1\): edgeBrokers: /],
    ['a wrong address', [gw('gw1', { edgeBrokers: 'nowhere' })], /entry 0 \(gw1\): edgeBrokers: expected host:port/],
    ['a name that is none of ours', [gw('gw1', { edgeBroker: 'x:1' })], /entry 0 \(gw1\): .*edgeBroker/],
    ['a gateway twice', [gw('gw1'), gw('gw2'), gw('gw1')], /entry 2 \(gw1\): the same as entry 0/],
    [
      'a topic of another gateway',
      [gw('gw1', { upTopics: ['iot.gw2.x'] })],
      /entry 0 \(gw1\): iot\.gw2\.x is no topic/,
    ],
    ['a bad schedule', [gw('gw1', { rateSchedule: '5' })], /entry 0 \(gw1\): rateSchedule: .*expected windows/],
    [
      'a file that is not there',
      [gw('gw1', { edgeTlsCaFile: '/not/there' })],
      /entry 0 \(gw1\): edge tls-ca-file \/not/,
    ],
  ] as const)
    it(`refuses ${what} and says where`, () => {
      assert.throws(
        () => parse(value),
        (error) => error instanceof PlatformError && error.code === 'CONFIG_INVALID' && fault.test(error.message),
      );
    });

  it('refuses more gateways than one hub takes', () => {
    const many = Array.from({ length: MOST_GATEWAYS + 1 }, (_, i) => gw(`gw${i}`));
    assert.equal(parse(many.slice(1)).length, MOST_GATEWAYS);
    assert.throws(() => parse(many), new RegExp(`one hub takes ${MOST_GATEWAYS}`));
  });

  it('refuses what is no JSON, and a file that is not there', () => {
    assert.throws(() => parseGateways('[{', settings, 'x.json'), /--gateways x\.json: it is no JSON/);
    assert.throws(() => readGateways('/not/there.json', settings), /\/not\/there\.json: it cannot be read/);
  });

  it('notices that the file was written, replaced, removed and made again', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'zeelos-gateways-'));
    const file = join(folder, 'gateways.json');
    const ending = new AbortController();
    let changes = 0;
    try {
      writeFileSync(file, '[]');
      const watching = watchGateways(file, () => changes++, ending.signal, 20);
      const noticed = async (what: string, change: () => void) => {
        const before = changes;
        change();
        await eventually(what, () => changes > before);
      };
      await noticed('written', () => writeFileSync(file, '[ ]'));
      await noticed('replaced', () => {
        writeFileSync(`${file}.new`, '[ ]');
        renameSync(`${file}.new`, file);
      });
      await noticed('removed', () => rmSync(file));
      await noticed('made again', () => writeFileSync(file, '[]'));
      ending.abort();
      await watching;
      assert.ok(changes >= 4);
    } finally {
      ending.abort();
      rmSync(folder, { recursive: true });
    }
  });
});
