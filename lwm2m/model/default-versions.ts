/**
 * Versions of the objects that the LwM2M specification itself defines, by LwM2M version: what a device means that gives them none
 * (OMA_LwM2M_for_Developers, issues 131 and 561). The OMA text was not read: 1.1 is 1.1.1 as Leshan 2.0 and Zephyr have it, 1.2 rests on
 * the versions in the OMNA registry.
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
