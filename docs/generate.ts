import { readFileSync, writeFileSync } from 'node:fs';
import { generateRecords } from '../schemas/generate-records.ts';

/** Every generated file with the text it should have. The architecture test compares, `npm run gen` writes. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([['schemas/generated/records.ts', generateRecords()]]);
}

if (import.meta.main) {
  const root = new URL('../', import.meta.url);
  for (const [file, text] of generatedFiles()) {
    const url = new URL(file, root);
    let before = '';
    try {
      before = readFileSync(url, 'utf8');
    } catch {
      // made for the first time
    }
    if (before !== text) {
      writeFileSync(url, text);
      console.log(`wrote ${file}`);
    }
  }
}
