import { readFileSync } from 'node:fs';

/** The schema of the original system for a record that stands in one of its topics. @param fullName for example `io.zeelos.leshan.avro.AvroKey` */
export function originalSchema(fullName: string): unknown {
  const file = new URL(`original-avro/${fullName.split('.').at(-1)}.avsc`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8'));
}
