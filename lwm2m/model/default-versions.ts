/**
 * Versions of the objects that the LwM2M specification itself defines, by LwM2M version: what a device means that gives them none
 * (its §7.2.3). The text was not read: tables of Leshan 2.0 and Zephyr for 1.1.1, for 1.2 what the OMNA registry says of each object.
 */
const DEFAULT_VERSIONS: Readonly<Record<string, ReadonlyMap<number, string>>> = {
  '1.1': new Map([
    [0, '1.1'],
    [1, '1.1'],
    [3, '1.1'],
    [4, '1.2'],
  ]),
  '1.2': new Map([
    [0, '1.2'],
    [1, '1.2'],
    [2, '1.1'],
    [3, '1.2'],
    [4, '1.3'],
    [5, '1.1'],
    [21, '2.0'],
  ]),
};

/** The version of an object that a device announced without one; all other objects are then of version 1.0. */
export function defaultObjectVersion(lwm2mVersion: string, objectId: number): string {
  return DEFAULT_VERSIONS[lwm2mVersion.slice(0, 3)]?.get(objectId) ?? '1.0';
}
