/** Writes OMA's XML for object definitions, for tests. What is undefined is left out. */
export interface DdfResource {
  readonly id: number | string;
  readonly name?: string | undefined;
  readonly operations?: string | undefined;
  readonly multiple?: string | undefined;
  readonly mandatory?: string | undefined;
  readonly type?: string | undefined;
  readonly range?: string | undefined;
  readonly units?: string | undefined;
  readonly description?: string | undefined;
}

export interface DdfObject {
  readonly id: number | string;
  readonly name?: string | undefined;
  readonly version?: string | undefined;
  readonly multiple?: string | undefined;
  readonly mandatory?: string | undefined;
  readonly description?: string | undefined;
  readonly resources: readonly DdfResource[];
}

const element = (name: string, text: string | undefined) => (text === undefined ? '' : `<${name}>${text}</${name}>`);

export function resourceXml(of: DdfResource): string {
  return [
    `<Item ID="${of.id}">`,
    element('Name', of.name ?? 'Some Resource'),
    element('Operations', of.operations ?? 'R'),
    element('MultipleInstances', of.multiple ?? 'Single'),
    element('Mandatory', of.mandatory ?? 'Optional'),
    element('Type', of.type ?? 'Integer'),
    element('RangeEnumeration', of.range ?? ''),
    element('Units', of.units ?? ''),
    element('Description', of.description ?? ''),
    '</Item>',
  ].join('\n');
}

export function objectXml(of: DdfObject): string {
  return [
    '<Object ObjectType="MODefinition">',
    element('Name', of.name ?? 'Some Object'),
    element('Description1', of.description ?? ''),
    element('ObjectID', String(of.id)),
    element('ObjectURN', `urn:oma:lwm2m:x:${of.id}`),
    element('LWM2MVersion', '1.0'),
    element('ObjectVersion', of.version),
    element('MultipleInstances', of.multiple ?? 'Multiple'),
    element('Mandatory', of.mandatory ?? 'Optional'),
    '<Resources>',
    ...of.resources.map(resourceXml),
    '</Resources>',
    '<Description2></Description2>',
    '</Object>',
  ].join('\n');
}

export function ddfXml(...objects: readonly DdfObject[]): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<LWM2M xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n${objects.map(objectXml).join('\n')}\n</LWM2M>\n`;
}
