import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { COMPRESSIONS, compress, decompress } from '../../../../../common/kafka/batch/compression.ts';
import { xxh32 } from '../../../../../common/kafka/batch/xxh32.ts';

const CORRUPT = { code: 'RECORD_BATCH_CORRUPT' };
const LIMIT_BYTES = 2 ** 20;
const REAL = COMPRESSIONS.filter((codec) => codec !== 'none');

const vectors = JSON.parse(readFileSync(new URL('../../../../vectors/lz4-snappy.json', import.meta.url), 'utf8')) as {
  readonly lines: number;
  readonly lz4: readonly { readonly name: string; readonly base64: string }[];
  readonly snappyRaw: string;
};
const content = Buffer.from(
  Array.from({ length: vectors.lines }, (_, i) => `/3303/${i >> 6}/5700 = ${i % 7}\n`).join(''),
);

/** What reads as nothing at all: no bytes, for snappy the header of its framing. */
const EMPTY_BYTES = { gzip: 0, snappy: 16, lz4: 0, zstd: 0 };

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** Rejects also what is thrown at once. */
async function read(codec: (typeof COMPRESSIONS)[number], bytes: Buffer, limitBytes = LIMIT_BYTES): Promise<Buffer> {
  return await decompress(codec, bytes, limitBytes);
}

describe('common/kafka/batch/compression', () => {
  const contents: Readonly<Record<string, Buffer>> = {
    'one byte': Buffer.of(7),
    'text of several blocks': content,
    'a block exactly': content.subarray(0, 65_536),
    'a byte more than a block': content.subarray(0, 65_537),
    'noise of several blocks': randomBytes(150_000),
    'one byte over and over': Buffer.alloc(300_000, 'x'),
    'noise and text': Buffer.concat([randomBytes(300), content.subarray(0, 20_000), randomBytes(70_000), content]),
  };
  for (const codec of COMPRESSIONS) {
    for (const [name, bytes] of Object.entries(contents)) {
      it(`reads ${name} back from ${codec}`, async () => {
        deepEqual(await read(codec, await compress(codec, bytes)), bytes);
      });
    }
  }

  for (const codec of REAL) {
    it(`makes text a fifth at most with ${codec}`, async () => {
      const { length } = await compress(codec, content);
      ok(length < content.length / 5, `${length}`);
    });

    it(`refuses more than the limit from ${codec}`, async () => {
      const bytes = await compress(codec, content);
      equal((await read(codec, bytes, content.length)).length, content.length);
      await rejects(read(codec, bytes, content.length - 1), CORRUPT);
      await rejects(read(codec, await compress(codec, Buffer.alloc(LIMIT_BYTES * 8)), LIMIT_BYTES), CORRUPT);
    });

    it(`refuses ${codec} that is cut short, or gives nothing where nothing has begun`, async () => {
      const bytes = await compress(codec, content.subarray(0, 3000));
      for (let length = 0; length < bytes.length; length++) {
        const start = bytes.subarray(0, length);
        if (length === EMPTY_BYTES[codec]) equal((await read(codec, start)).length, 0);
        else if (length > 0) await rejects(read(codec, start), CORRUPT, `${length} bytes`);
      }
    });

    it(`refuses what is not ${codec}`, async () => {
      await rejects(read(codec, Buffer.from('no compressed records at all')), CORRUPT);
      await rejects(read(codec, randomBytes(100_000).fill(0xff, 0, 8)), CORRUPT);
    });
  }

  for (const { name, base64 } of vectors.lz4) {
    it(`reads the reference's lz4: ${name}`, async () => {
      deepEqual(await read('lz4', Buffer.from(base64, 'base64')), content);
    });
  }

  it('reads lz4 frames one after another and passes over those to be skipped', async () => {
    const frames = vectors.lz4.slice(0, 2).map(({ base64 }) => Buffer.from(base64, 'base64'));
    const skipped = hex('532a4d18 03000000 aabbcc');
    const bytes = Buffer.concat([frames[0]!, skipped, frames[1]!]);
    deepEqual(await read('lz4', bytes), Buffer.concat([content, content]));
  });

  it('finds a changed byte by each of the checksums of lz4', async () => {
    const bytes = Buffer.from(vectors.lz4[2]!.base64, 'base64');
    for (const at of [4, 5, 6, 14, 40, bytes.length - 1]) {
      const spoilt = Buffer.from(bytes);
      spoilt[at]! ^= 1;
      await rejects(read('lz4', spoilt), CORRUPT, `byte ${at}`);
    }
  });

  it('reads snappy as others than Java write it: one raw block', async () => {
    deepEqual(await read('snappy', Buffer.from(vectors.snappyRaw, 'base64')), content);
  });

  it('reads all elements of snappy', async () => {
    // literal "abcd", copy 4 from 4 back, literal of a 1-byte length "e", copies with distances of 2 and 4 bytes
    const raw = hex('13 0c 61626364 01 04 f0 00 65 16 0300 0f 01000000');
    equal((await read('snappy', raw)).toString(), 'abcdabcdecdecdeeeee');
  });

  const spoiltSnappy: Readonly<Record<string, string>> = {
    'a length that nothing can come to': 'ffffffff0f 00 61',
    'a length that is cut short': '80',
    'a copy from before the start': '05 00 61 01 02',
    'a copy from nowhere': '05 00 61 01 00',
    'less than announced': '05 00 61',
    'more than announced': '01 04 6161',
    'a literal beyond the end': '05 10 61',
    'the length of a literal beyond the end': '05 f4 01',
    'a block of the framing beyond the end': '82534e41505059 00 00000001 00000001 00000009 01 00 61',
  };
  for (const [name, bytes] of Object.entries(spoiltSnappy)) {
    it(`refuses snappy with ${name}`, () => rejects(read('snappy', hex(bytes)), CORRUPT));
  }

  const header = '04224d18 60 40 82';
  const spoiltLz4: Readonly<Record<string, string>> = {
    'a match from before the start': `${header} 08000000 10 61 0200 50 6161616161 00000000`,
    'a match from nowhere': `${header} 09000000 10 61 0000 50 6161616161 00000000`,
    'literals beyond the block': `${header} 02000000 50 61 00000000`,
    'a length that does not end': `${header} 03000000 f0 ff ff 00000000`,
    'a block beyond the end': `${header} 09000000 10 61`,
    'a block above its size': `${header} 01000180 61 00000000`,
    'a stored block of no bytes': `${header} 00000080 00000000`,
    'no end of the blocks': header,
    'another version': '04224d18 20 40 82 00000000',
    'a block size not known': '04224d18 60 30 82 00000000',
    'bytes behind the frame': `${header} 00000000 616161`,
    'a skipped frame beyond the end': '502a4d18 ffffffff 00',
  };
  for (const [name, bytes] of Object.entries(spoiltLz4)) {
    it(`refuses lz4 with ${name}`, () => rejects(read('lz4', hex(bytes)), CORRUPT));
  }

  it('reads gzip in several members, as Java appends them', async () => {
    const bytes = Buffer.concat([gzipSync(content), gzipSync('end')]);
    deepEqual(await read('gzip', bytes), Buffer.concat([content, Buffer.from('end')]));
  });

  it('computes the checksum of lz4', () => {
    // Test values of the xxHash reference implementation, seed 0.
    const text = Buffer.from('Nobody inspects the spammish repetition');
    equal(xxh32(Buffer.alloc(0), 0, 0), 0x02cc5d05);
    equal(xxh32(Buffer.from('abc'), 0, 3), 0x32d153ff);
    equal(xxh32(text, 0, text.length), 0xe2293b2f);
    equal(xxh32(Buffer.concat([Buffer.of(1), text]), 1, text.length + 1), 0xe2293b2f);
  });
});
