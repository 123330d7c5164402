import { isUtf8 } from 'node:buffer';

/** Strict UTF-8: undefined when the bytes are not. A byte order mark is kept as the character it is. */
export function readUtf8(bytes: Uint8Array): string | undefined {
  return isUtf8(bytes) ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8') : undefined;
}

/** Undefined for a string with half a surrogate pair, which UTF-8 cannot carry. */
export function writeUtf8(text: string): Buffer | undefined {
  return text.isWellFormed() ? Buffer.from(text, 'utf8') : undefined;
}
