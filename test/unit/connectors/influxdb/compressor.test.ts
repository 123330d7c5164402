import assert from 'node:assert/strict';
import { gunzipSync } from 'node:zlib';
import { Compressor } from '../../../../connectors/influxdb/compressor.ts';

describe('compressor of InfluxDB', () => {
  it('makes whole members, again and again and several at once', async () => {
    const compressor = new Compressor();
    for (let round = 0; round < 5; round++) {
      const bodies = [0, 1, 1_000, 400_000, 3_000_000].map((size, index) =>
        Buffer.from(Array.from({ length: size }, (_, at) => (at * (index + round) * 31 + (at >> 3)) & 0xff)),
      );
      const made = await Promise.all(bodies.map((body) => compressor.gzip(body)));
      for (const [index, body] of bodies.entries()) assert.ok(gunzipSync(made[index]!).equals(body), `body ${index}`);
    }
    compressor.close();
    assert.ok(gunzipSync(await compressor.gzip(Buffer.from('after'))).equals(Buffer.from('after')));
    compressor.close();
  });
});
