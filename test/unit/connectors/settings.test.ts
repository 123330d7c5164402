import assert from 'node:assert/strict';
import { hasCode } from '../../../common/errors.ts';
import { parseSettings } from '../../../common/settings.ts';
import { INFLUXDB_SETTINGS, ORIENTDB_SETTINGS } from '../../../connectors/settings.ts';

const COMMON = ['--kafka-brokers', 'a:1', '--registry-url', 'http://r', '--gateway-ids', 'gw1, gw2'];
const parse = (table: typeof INFLUXDB_SETTINGS | typeof ORIENTDB_SETTINGS, ...args: readonly string[]) =>
  parseSettings(table, { args: [...COMMON, ...args], env: {} }).settings;

describe('connector settings', () => {
  it('differ by store in group and port, so that both run on one machine', () => {
    const influx = parse(INFLUXDB_SETTINGS, '--influx-url', 'http://i', '--influx-token-file', 't');
    const orient = parse(ORIENTDB_SETTINGS, '--orient-password-file', 'p');
    assert.deepEqual(influx.gatewayIds, ['gw1', 'gw2']);
    assert.equal(influx.groupId, 'zeelos-connector-influxdb');
    assert.equal(orient.groupId, 'zeelos-connector-orientdb');
    assert.notEqual(influx.healthPort, orient.healthPort);
  });

  it('want at least one gateway id, and none that is no id', () => {
    for (const ids of ['', ' , ', 'gw1,a.b', 'a b'])
      assert.throws(
        () => parse(ORIENTDB_SETTINGS, '--orient-password-file', 'p', '--gateway-ids', ids),
        (error) => hasCode(error, 'CONFIG_INVALID'),
        ids,
      );
  });
});
