/** Devices of which refusals are remembered; of further ones each update asks again. */
const ENDPOINTS_LIMIT = 100_000;

/** Which observations a device refused, with its CoAP code: it is not asked again before it registers anew or announces other objects. */
export class Refusals {
  readonly #byEndpointName = new Map<string, Readonly<Record<string, string>>>();

  add(endpointName: string, path: string, code: string): void {
    const known = this.#byEndpointName.get(endpointName);
    if (known === undefined && this.#byEndpointName.size >= ENDPOINTS_LIMIT) return;
    this.#byEndpointName.set(endpointName, { ...known, [path]: code });
  }

  /** The code that the device refused the path with. */
  codeOf(endpointName: string, path: string): string | undefined {
    return this.#byEndpointName.get(endpointName)?.[path];
  }

  forget(endpointName: string): void {
    this.#byEndpointName.delete(endpointName);
  }
}
