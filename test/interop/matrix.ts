import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AvroContentFormat } from '../../schemas/generated/records.ts';

const PAGE = join(import.meta.dirname, '../../docs/interop.md');

/** Columns: the content formats as commands name them, with their numbers. */
export const FORMATS = {
  TLV: 'TLV 11542',
  JSON_CODE: 'JSON 11543',
  TEXT_CODE: 'text 0',
  OPAQUE_CODE: 'opaque 42',
  CBOR: 'CBOR 60',
  SENML_JSON: 'SenML JSON 110',
  SENML_CBOR: 'SenML CBOR 112',
  LWM2M_CBOR: 'LwM2M CBOR 11544',
} as const satisfies Partial<Record<AvroContentFormat, string>>;
export type Format = keyof typeof FORMATS;
export const ALL_FORMATS = Object.keys(FORMATS) as Format[];

const INTRODUCTION = `# Interoperability

What foreign devices and the real server said to each other, on a real Kafka: commands went through \`management.req\`, values were read back
from the topics. Written by the tests of \`test/interop\`; each checks that its part here is what it has just seen.

| cell | meaning |
|---|---|
| yes | done, and the value at the other end was the right one |
| 4.06, 4.15, … | the peer does not speak it, and said so with this code |
| – | the format cannot carry it: text, opaque and CBOR hold one value, opaque only bytes; several paths and Send need SenML or LwM2M CBOR; without an instance id only TLV |
| no encoder | the peer's own library refused to write it |

`;

/** CoAP codes of the names that replies carry. */
const CODES: Readonly<Record<string, string>> = {
  BAD_REQUEST: '4.00',
  NOT_FOUND: '4.04',
  METHOD_NOT_ALLOWED: '4.05',
  NOT_ACCEPTABLE: '4.06',
  UNSUPPORTED_CONTENT_FORMAT: '4.15',
  INTERNAL_SERVER_ERROR: '5.00',
};

export interface MatrixPeer {
  /** Names its part of the page; parts stand in the order of these names. */
  readonly id: string;
  readonly title: string;
  readonly about: string;
}

/** What one peer could do, filled by its tests. */
export class Matrix {
  readonly #peer: MatrixPeer;
  readonly #formats = new Map<string, Map<Format, string>>();
  readonly #plain = new Map<string, string>();
  readonly #notes: string[] = [];

  constructor(peer: MatrixPeer) {
    this.#peer = peer;
  }

  /** An operation in one format. @param outcome `yes`, or the code by which the peer refused */
  cell(operation: string, format: Format, outcome: string): void {
    const row = this.#formats.get(operation) ?? new Map<Format, string>();
    this.#formats.set(operation, row.set(format, CODES[outcome] ?? outcome));
  }

  /** An operation without a format. */
  plain(operation: string, outcome = 'yes'): void {
    this.#plain.set(operation, CODES[outcome] ?? outcome);
  }

  note(sentence: string): void {
    if (!this.#notes.includes(sentence)) this.#notes.push(sentence);
  }

  #section(): string {
    const lines = [`## ${this.#peer.title}`, '', this.#peer.about, ''];
    if (this.#formats.size > 0) {
      const used = ALL_FORMATS.filter((format) => [...this.#formats.values()].some((row) => row.has(format)));
      lines.push(
        `| operation | ${used.map((format) => FORMATS[format]).join(' | ')} |`,
        `|---|${used.map(() => '---|').join('')}`,
      );
      for (const [operation, row] of this.#formats)
        lines.push(`| ${operation} | ${used.map((format) => row.get(format) ?? '–').join(' | ')} |`);
      lines.push('');
    }
    if (this.#plain.size > 0) {
      lines.push('| operation | |', '|---|---|');
      for (const [operation, outcome] of this.#plain) lines.push(`| ${operation} | ${outcome} |`);
      lines.push('');
    }
    for (const note of this.#notes) lines.push(`- ${note}`);
    if (this.#notes.length > 0) lines.push('');
    return lines.join('\n').trimEnd();
  }

  /** Puts what was seen into docs/interop.md, and fails when something else stood there. */
  close(): void {
    const before = existsSync(PAGE) ? readFileSync(PAGE, 'utf8') : '';
    const parts = partsOf(before);
    parts.set(this.#peer.id, this.#section());
    const now = pageOf(parts);
    if (before !== now) writeFileSync(PAGE, now);
    assert.ok(before === now, 'docs/interop.md said something else; it was written anew: look at the difference');
  }
}

/**
 * The last tests of a peer: its part of the page. To be called at the end of its outermost suite; an inner suite, because mocha runs the
 * tests of a suite before its inner suites. After a failure the page is left as it is.
 */
export function closesWith(matrix: Matrix): void {
  let failures = 0;
  afterEach(function () {
    if (this.currentTest?.state === 'failed') failures += 1;
  });
  describe('docs/interop.md', () => {
    it('says what was seen here', () => {
      assert.equal(failures, 0, 'not everything was seen');
      matrix.close();
    });
  });
}

const MARK = /^<!-- peer: ([\w.-]+) -->\n/m;

function partsOf(page: string): Map<string, string> {
  const [, ...pieces] = page.split(MARK);
  const parts = new Map<string, string>();
  for (let i = 0; i < pieces.length; i += 2) parts.set(pieces[i]!, pieces[i + 1]!.trimEnd());
  return parts;
}

function pageOf(parts: ReadonlyMap<string, string>): string {
  const ordered = [...parts].sort(([a], [b]) => (a < b ? -1 : 1));
  const text = ordered.map(([id, section]) => `<!-- peer: ${id} -->\n${section}\n`).join('\n');
  return `${INTRODUCTION}${text}`;
}
