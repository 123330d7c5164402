const MAX_ENDPOINT_NAME_BYTES = 255;

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const UNFIT = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffd]/;

/** What is wrong with an endpoint name; undefined when it will do. */
export function endpointNameFault(name: string): string | undefined {
  if (name === '') return 'ep is required';
  if (Buffer.byteLength(name) > MAX_ENDPOINT_NAME_BYTES) return `ep is longer than ${MAX_ENDPOINT_NAME_BYTES} bytes`;
  return UNFIT.test(name) ? 'ep holds control characters or broken UTF-8' : undefined;
}

export function isEndpointName(name: string): boolean {
  return endpointNameFault(name) === undefined;
}
