import assert from 'node:assert/strict';
import { mm2Properties } from '../../../../bench/replicator/peers.ts';

describe("settings of MirrorMaker 2 from the yardstick's", () => {
  const template = [
    '# @SRC@ and @DST@ are filled in',
    'edge.bootstrap.servers=@SRC@',
    'cloud.bootstrap.servers=@DST@',
    'edge->cloud.topics=@TOPIC@',
    'tasks.max=@TASKS@',
    'cloud.producer.compression.type=lz4',
    'other=@UNKNOWN@',
  ].join('\n');
  const o = { topic: 'iot.raw.observations', from: '127.0.0.1:1', to: '127.0.0.1:2' };

  it('are filled in and else left as they are', () => {
    const lines = mm2Properties(template, { ...o, compression: 'lz4' }).split('\n');
    assert.deepEqual(lines, [
      '# 127.0.0.1:1 and 127.0.0.1:2 are filled in',
      'edge.bootstrap.servers=127.0.0.1:1',
      'cloud.bootstrap.servers=127.0.0.1:2',
      'edge->cloud.topics=iot.raw.observations',
      'tasks.max=2',
      'cloud.producer.compression.type=lz4',
      'other=@UNKNOWN@',
    ]);
  });

  it('take another compression', () => {
    const lines = mm2Properties(template, { ...o, compression: 'zstd' }).split('\n');
    assert.equal(lines[5], 'cloud.producer.compression.type=zstd');
  });
});
